//! Pods that tests run.

/// Name of the test image in the stage's registry.
pub const IMAGE: &str = "busybox:1";

/// A script that says `ready`, does nothing, and ends with exit code 0 when it is asked to.
///
/// Before it is ready the stop signal has no effect on it, as on any first process of a container.
pub const SLEEPER: &str = "trap 'exit 0' TERM; echo ready; sleep 3600 & wait";

/// A pod of one container `main` that runs a shell script.
#[must_use]
pub fn script_pod(name: &str, restart_policy: &str, script: &str) -> String {
    // JSON is YAML, and quotes anything.
    let script = serde_json::Value::from(script);
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  restartPolicy: {restart_policy}
  containers:
  - name: main
    image: {IMAGE}
    command: [sh, -c, {script}]
"
    )
}
