//! Probes and hooks.

use lifepod_proto::v1::{self as proto, lifecycle_handler, probe};

use super::words;
use crate::manifest::{
    codec::{Conflict, Enum, IntOrText, Keep, List, Number, Obj, Opt, Text},
    object::object,
};

const ONE_HANDLER: Conflict = Conflict::Forbidden("may not specify more than 1 handler type");

object! {
    proto::Probe = "Probe" {
        "initialDelaySeconds" => initial_delay_seconds: Number,
        "timeoutSeconds" => timeout_seconds: Number,
        "periodSeconds" => period_seconds: Number,
        "successThreshold" => success_threshold: Number,
        "failureThreshold" => failure_threshold: Number,
        "terminationGracePeriodSeconds" => termination_grace_period_seconds: Opt(Number),
    }
    oneof handler: probe::Handler, in "ProbeHandler", else ONE_HANDLER; {
        "exec" => Exec: Obj,
        "httpGet" => HttpGet: Obj,
        "tcpSocket" => TcpSocket: Obj,
        "grpc" => Grpc: Obj,
    }
}

object! {
    proto::Lifecycle = "Lifecycle" {
        "postStart" => post_start: Opt(Obj),
        "preStop" => pre_stop: Opt(Obj),
        "stopSignal" => stop_signal: Text,
    }
}

object! {
    proto::LifecycleHandler = "LifecycleHandler" {}
    oneof handler: lifecycle_handler::Handler, in "",
    else ONE_HANDLER; {
        "exec" => Exec: Obj,
        "httpGet" => HttpGet: Obj,
        "tcpSocket" => TcpSocket: Obj,
        "sleep" => Sleep: Obj,
    }
}

object! {
    proto::ExecAction = "ExecAction" {
        "command" => command: List(Text),
    }
}

object! {
    proto::HttpGetAction = "HTTPGetAction" {
        "path" => path: Text,
        "port" => port: Keep(IntOrText),
        "host" => host: Text,
        "scheme" => scheme: Enum(&words::URI_SCHEME),
        "httpHeaders" => http_headers: List(Obj),
    }
}

object! {
    proto::HttpHeader = "HTTPHeader" {
        "name" => name: Keep(Text),
        "value" => value: Keep(Text),
    }
}

object! {
    proto::TcpSocketAction = "TCPSocketAction" {
        "port" => port: Keep(IntOrText),
        "host" => host: Text,
    }
}

object! {
    proto::GrpcAction = "GRPCAction" {
        "port" => port: Keep(Number),
        "service" => service: Opt(Text),
    }
}

object! {
    proto::SleepAction = "SleepAction" {
        "seconds" => seconds: Keep(Number),
    }
}
