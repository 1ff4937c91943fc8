//! Hooks.

use lifepod_lifecycle::{
    spec::{Handler, Lifecycle},
    validate::Violations,
};
use lifepod_proto::v1 as proto;
use proto::lifecycle_handler::Handler as Wire;

use super::{NOT_YET, pod::refuse};

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
    let hook = |name: &str, hook: Option<&proto::LifecycleHandler>, v: &mut Violations| {
        hook.and_then(|hook| handler(&format!("{path}.{name}"), hook, v))
    };
    Lifecycle {
        post_start: hook("postStart", given.post_start.as_ref(), v),
        pre_stop: hook("preStop", given.pre_stop.as_ref(), v),
    }
}

fn handler(path: &str, given: &proto::LifecycleHandler, v: &mut Violations) -> Option<Handler> {
    match &given.handler {
        Some(Wire::Exec(exec)) => Some(Handler::Exec {
            command: exec.command.clone(),
        }),
        Some(Wire::Sleep(sleep)) => match u64::try_from(sleep.seconds) {
            Ok(seconds) => Some(Handler::Sleep { seconds }),
            Err(_) => {
                let detail = "must be non-negative and less than terminationGracePeriodSeconds";
                v.invalid(format!("{path}.sleep"), sleep.seconds, detail);
                None
            }
        },
        Some(Wire::HttpGet(_)) => {
            v.forbidden(format!("{path}.httpGet"), NOT_YET);
            None
        }
        Some(Wire::TcpSocket(_)) => {
            v.forbidden(format!("{path}.tcpSocket"), NOT_YET);
            None
        }
        None => {
            v.required(path, "must specify a handler type");
            None
        }
    }
}
