//! Probes in one line.

use lifepod_client::{
    Word,
    proto::{self, int_or_string::Value, probe::Handler},
};

pub(super) fn describe(probe: &proto::Probe) -> String {
    let rest = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        probe.initial_delay_seconds,
        probe.timeout_seconds,
        probe.period_seconds,
        probe.success_threshold,
        probe.failure_threshold
    );
    let handler = match &probe.handler {
        Some(Handler::Exec(exec)) => format!("exec [{}]", exec.command.join(" ")),
        Some(Handler::HttpGet(get)) => format!("http-get {}", url(get)),
        Some(Handler::TcpSocket(socket)) => {
            format!("tcp-socket {}:{}", socket.host, port(socket.port.as_ref()))
        }
        Some(Handler::Grpc(grpc)) => format!("grpc <pod>:{} {}", grpc.port, grpc.service()),
        None => "unknown".to_owned(),
    };
    format!("{handler} {rest}")
}

fn port(port: Option<&proto::IntOrString>) -> String {
    match port.and_then(|port| port.value.as_ref()) {
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::String(name)) => name.clone(),
        None => "0".to_owned(),
    }
}

fn url(get: &proto::HttpGetAction) -> String {
    let scheme = get.scheme().word().to_lowercase();
    let port = port(get.port.as_ref());
    let host = if get.host.contains(':') {
        format!("[{}]:{port}", get.host)
    } else {
        format!("{}:{port}", get.host)
    };
    let slash = if get.path.is_empty() || get.path.starts_with('/') {
        ""
    } else {
        "/"
    };
    format!("{scheme}://{host}{slash}{}", escaped(&get.path))
}

/// What may not stand in the path of a URL is escaped.
fn escaped(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => text.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'='
            | b'@' | b'!' | b'*' | b'\'' | b'(' | b')' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
