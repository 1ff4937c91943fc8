//! The last step of a container's init, as a plug-in of libcontainer.

use std::{
    io,
    os::fd::{AsRawFd, RawFd},
};

use libcontainer::{
    oci_spec::runtime::Spec,
    workload::{Executor, ExecutorError, ExecutorValidationError},
};
use lifepod_shim::protocol::Failure;

use super::{Reporter, exec::replace_process, lookup};

/// Looks the program up and executes it; failures go to the shim directly, in our words, because
/// libcontainer has nobody to tell once the container is started.
#[derive(Clone)]
pub(super) struct Program {
    /// By number: libcontainer clones the executor, and every clone means the same socket.
    report: RawFd,
}

impl Program {
    pub(super) fn new(reporter: &Reporter) -> Self {
        Self {
            report: reporter.as_fd().as_raw_fd(),
        }
    }

    fn tell(&self, failure: &Failure) {
        Reporter::tell_by_number(self.report, failure);
    }
}

impl Executor for Program {
    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        let (args, env) = command(spec);
        let name = args.first().map(String::as_str).unwrap_or_default();
        lookup::find_program(name, &env)
            .map(|_| ())
            .map_err(|failure| {
                self.tell(&failure);
                ExecutorValidationError::ArgValidationError(failure.message)
            })
    }

    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let (args, env) = command(spec);
        let failure = replace_process(&args, &env);
        self.tell(&failure);
        Err(ExecutorError::Execution(Box::new(io::Error::other(
            failure.message,
        ))))
    }
}

fn command(spec: &Spec) -> (Vec<String>, Vec<String>) {
    let process = spec.process().as_ref();
    let args = process.and_then(|process| process.args().clone());
    let env = process.and_then(|process| process.env().clone());
    (args.unwrap_or_default(), env.unwrap_or_default())
}
