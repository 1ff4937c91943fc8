//! Hooks and probes.

use std::time::Duration;

use lifepod_lifecycle::{
    spec::{Handler, HttpGet, HttpScheme, Lifecycle, PortRef, Probe},
    validate::Violations,
};
use lifepod_proto::v1 as proto;
use proto::{int_or_string, lifecycle_handler::Handler as Hook, probe::Handler as Check};

use super::pod::{filled, refuse};

const PORT: &str = "must be between 1 and 65535, inclusive";
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const ONE: &str = "must specify a handler type";
const DEFAULT_PERIOD: u32 = 10;
const DEFAULT_FAILURES: u32 = 3;

pub(super) fn lifecycle(
    path: &str,
    given: Option<&proto::Lifecycle>,
    v: &mut Violations,
) -> Lifecycle {
    let Some(given) = given else {
        return Lifecycle::default();
    };
    let path = format!("{path}.lifecycle");
    refuse(
        !given.stop_signal.is_empty(),
        &format!("{path}.stopSignal"),
        v,
    );
    let hook = |name: &str, given: Option<&proto::LifecycleHandler>, v: &mut Violations| {
        given.and_then(|given| hook(&format!("{path}.{name}"), given, v))
    };
    Lifecycle {
        post_start: hook("postStart", given.post_start.as_ref(), v),
        pre_stop: hook("preStop", given.pre_stop.as_ref(), v),
    }
}

fn hook(path: &str, given: &proto::LifecycleHandler, v: &mut Violations) -> Option<Handler> {
    match &given.handler {
        Some(Hook::Exec(given)) => Some(exec(given)),
        Some(Hook::HttpGet(given)) => http_get(&format!("{path}.httpGet"), given, v),
        Some(Hook::TcpSocket(given)) => tcp(&format!("{path}.tcpSocket"), given, v),
        Some(Hook::Sleep(given)) => sleep(path, given, v),
        None => {
            v.required(path, ONE);
            None
        }
    }
}

fn sleep(path: &str, given: &proto::SleepAction, v: &mut Violations) -> Option<Handler> {
    let seconds = u64::try_from(given.seconds);
    if seconds.is_err() {
        let detail = "must be non-negative and less than terminationGracePeriodSeconds";
        v.invalid(format!("{path}.sleep"), given.seconds, detail);
    }
    seconds.ok().map(|seconds| Handler::Sleep { seconds })
}

pub(super) fn probe(path: &str, given: Option<&proto::Probe>, v: &mut Violations) -> Option<Probe> {
    let given = given?;
    let mut number = |field: &str, value: i32, default: u32| {
        let number = u32::try_from(value);
        if number.is_err() {
            v.invalid(format!("{path}.{field}"), value, NOT_NEGATIVE);
        }
        // Zero is how "not given" arrives.
        number.ok().filter(|number| *number != 0).unwrap_or(default)
    };
    let seconds = |number: u32| Duration::from_secs(number.into());
    let initial_delay = seconds(number(
        "initialDelaySeconds",
        given.initial_delay_seconds,
        0,
    ));
    let period = seconds(number(
        "periodSeconds",
        given.period_seconds,
        DEFAULT_PERIOD,
    ));
    let timeout = seconds(number("timeoutSeconds", given.timeout_seconds, 1));
    let success_threshold = number("successThreshold", given.success_threshold, 1);
    let failure_threshold = number(
        "failureThreshold",
        given.failure_threshold,
        DEFAULT_FAILURES,
    );
    let termination_grace_period = grace(path, given.termination_grace_period_seconds, v);
    let handler = check(path, given, v)?;
    Some(Probe {
        handler,
        initial_delay,
        period,
        timeout,
        success_threshold,
        failure_threshold,
        termination_grace_period,
    })
}

/// A grace period of a probe; what is below zero counts as zero, which the rules refuse.
fn grace(path: &str, given: Option<i64>, v: &mut Violations) -> Option<Duration> {
    let given = given?;
    let seconds = u64::try_from(given);
    if seconds.is_err() {
        let path = format!("{path}.terminationGracePeriodSeconds");
        v.invalid(path, given, "must be greater than 0");
    }
    Some(Duration::from_secs(seconds.unwrap_or(0)))
}

fn check(path: &str, given: &proto::Probe, v: &mut Violations) -> Option<Handler> {
    match &given.handler {
        Some(Check::Exec(given)) => Some(exec(given)),
        Some(Check::HttpGet(given)) => http_get(&format!("{path}.httpGet"), given, v),
        Some(Check::TcpSocket(given)) => tcp(&format!("{path}.tcpSocket"), given, v),
        Some(Check::Grpc(given)) => Some(Handler::Grpc {
            port: number(&format!("{path}.grpc.port"), given.port, v)?,
            service: given.service.clone().unwrap_or_default(),
        }),
        None => {
            v.required(path, ONE);
            None
        }
    }
}

fn exec(given: &proto::ExecAction) -> Handler {
    Handler::Exec {
        command: given.command.clone(),
    }
}

fn http_get(path: &str, given: &proto::HttpGetAction, v: &mut Violations) -> Option<Handler> {
    let scheme = match proto::UriScheme::try_from(given.scheme) {
        Ok(proto::UriScheme::Https) => HttpScheme::Https,
        Ok(proto::UriScheme::Http | proto::UriScheme::Unspecified) => HttpScheme::Http,
        Err(_) => {
            v.not_supported(format!("{path}.scheme"), given.scheme, &["HTTP", "HTTPS"]);
            HttpScheme::Http
        }
    };
    let header = |header: &proto::HttpHeader| (header.name.clone(), header.value.clone());
    Some(Handler::HttpGet(HttpGet {
        path: filled(&given.path).unwrap_or_else(|| "/".to_owned()),
        port: port(&format!("{path}.port"), given.port.as_ref(), v)?,
        host: filled(&given.host),
        scheme,
        headers: given.http_headers.iter().map(header).collect(),
    }))
}

fn tcp(path: &str, given: &proto::TcpSocketAction, v: &mut Violations) -> Option<Handler> {
    Some(Handler::TcpSocket {
        host: filled(&given.host),
        port: port(&format!("{path}.port"), given.port.as_ref(), v)?,
    })
}

fn port(path: &str, given: Option<&proto::IntOrString>, v: &mut Violations) -> Option<PortRef> {
    match given.and_then(|given| given.value.as_ref()) {
        Some(int_or_string::Value::String(name)) => Some(PortRef::Name(name.clone())),
        Some(int_or_string::Value::Int(given)) => number(path, *given, v).map(PortRef::Number),
        None => number(path, 0, v).map(PortRef::Number),
    }
}

fn number(path: &str, given: i32, v: &mut Violations) -> Option<u16> {
    let port = u16::try_from(given).ok().filter(|port| *port != 0);
    if port.is_none() {
        v.invalid(path, given, PORT);
    }
    port
}
