//! Hooks and probes.

use lifepod_lifecycle::spec::{Handler, HttpGet, HttpScheme, Lifecycle, PortRef, Probe};
use lifepod_proto::v1 as proto;
use proto::{int_or_string, lifecycle_handler::Handler as Hook, probe::Handler as Check};

pub(super) fn lifecycle(lifecycle: &Lifecycle) -> Option<proto::Lifecycle> {
    if *lifecycle == Lifecycle::default() {
        return None;
    }
    Some(proto::Lifecycle {
        post_start: lifecycle.post_start.as_ref().map(hook),
        pre_stop: lifecycle.pre_stop.as_ref().map(hook),
        stop_signal: String::new(),
    })
}

fn hook(handler: &Handler) -> proto::LifecycleHandler {
    let handler = match handler {
        Handler::Exec { command } => Some(Hook::Exec(exec(command))),
        Handler::HttpGet(get) => Some(Hook::HttpGet(http_get(get))),
        Handler::TcpSocket { host, port } => Some(Hook::TcpSocket(tcp(host.as_deref(), port))),
        Handler::Sleep { seconds } => Some(Hook::Sleep(proto::SleepAction {
            seconds: i64::try_from(*seconds).unwrap_or(i64::MAX),
        })),
        // Admission lets no such hook in.
        Handler::Grpc { .. } => None,
    };
    proto::LifecycleHandler { handler }
}

pub(super) fn probe(probe: &Probe) -> proto::Probe {
    let handler = match &probe.handler {
        Handler::Exec { command } => Some(Check::Exec(exec(command))),
        Handler::HttpGet(get) => Some(Check::HttpGet(http_get(get))),
        Handler::TcpSocket { host, port } => Some(Check::TcpSocket(tcp(host.as_deref(), port))),
        Handler::Grpc { port, service } => Some(Check::Grpc(proto::GrpcAction {
            port: (*port).into(),
            service: Some(service.clone()),
        })),
        // Admission lets no such probe in.
        Handler::Sleep { .. } => None,
    };
    let seconds = |span: std::time::Duration| i32::try_from(span.as_secs()).unwrap_or(i32::MAX);
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let grace = probe.termination_grace_period;
    proto::Probe {
        handler,
        initial_delay_seconds: seconds(probe.initial_delay),
        timeout_seconds: seconds(probe.timeout),
        period_seconds: seconds(probe.period),
        success_threshold: count(probe.success_threshold),
        failure_threshold: count(probe.failure_threshold),
        termination_grace_period_seconds: grace
            .map(|grace| i64::try_from(grace.as_secs()).unwrap_or(i64::MAX)),
    }
}

fn exec(command: &[String]) -> proto::ExecAction {
    proto::ExecAction {
        command: command.to_vec(),
    }
}

fn http_get(get: &HttpGet) -> proto::HttpGetAction {
    let header = |(name, value): &(String, String)| proto::HttpHeader {
        name: name.clone(),
        value: value.clone(),
    };
    let scheme = match get.scheme {
        HttpScheme::Http => proto::UriScheme::Http,
        HttpScheme::Https => proto::UriScheme::Https,
    };
    proto::HttpGetAction {
        path: get.path.clone(),
        port: Some(port_ref(&get.port)),
        host: get.host.clone().unwrap_or_default(),
        scheme: scheme.into(),
        http_headers: get.headers.iter().map(header).collect(),
    }
}

fn tcp(host: Option<&str>, port: &PortRef) -> proto::TcpSocketAction {
    proto::TcpSocketAction {
        port: Some(port_ref(port)),
        host: host.unwrap_or_default().to_owned(),
    }
}

fn port_ref(port: &PortRef) -> proto::IntOrString {
    let value = match port {
        PortRef::Number(number) => int_or_string::Value::Int((*number).into()),
        PortRef::Name(name) => int_or_string::Value::String(name.clone()),
    };
    proto::IntOrString { value: Some(value) }
}
