//! `config.json`.

use lifepod_lifecycle::{effect::PodRef, spec::ContainerSpec};
use serde_json::{Value, json};

use super::{
    BundleError, Surroundings,
    defaults::{CAPABILITIES, MASKED, READ_ONLY, bind, system_mounts},
    env::{Environment, environment},
    expand::expand,
    resources::{linux_resources, oom_score_adj},
};

/// The OCI configuration of one container.
///
/// # Errors
/// [`BundleError`] if there is nothing to run or a reference cannot be resolved.
pub fn config_json(
    pod: &PodRef,
    container: &ContainerSpec,
    of: &Surroundings,
) -> Result<Value, BundleError> {
    absolute("workingDir", container.working_dir.as_deref())?;
    let message = container.termination_message_path.as_str();
    absolute("terminationMessagePath", Some(message))?;
    let (env, own) = environment(pod, container, &of.image.env, &of.node)?;
    let args = arguments(container, &of.image.entrypoint, &of.image.cmd, &own)?;
    Ok(json!({
        "ociVersion": "1.1.0",
        "root": { "path": of.rootfs, "readonly": false },
        "process": process(pod, container, of, &env, &args),
        "mounts": mounts(container, of),
        "linux": {
            "namespaces": namespaces(of),
            "cgroupsPath": of.cgroup,
            "resources": linux_resources(&container.resources),
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
        "annotations": { STOP_SIGNAL: of.image.stop_signal },
    }))
}

/// Kubernetes lets any path in; a relative one would mean another place to every runtime.
fn absolute(field: &'static str, path: Option<&str>) -> Result<(), BundleError> {
    match path.filter(|path| !path.starts_with('/')) {
        None => Ok(()),
        Some(path) => Err(BundleError::NotAbsolute {
            field,
            path: path.to_owned(),
        }),
    }
}

/// Annotation under which a bundle keeps the image's stop signal.
pub const STOP_SIGNAL: &str = "org.opencontainers.image.stopSignal";

/// What is run (spec §10.5): the pod's command and arguments over the image's.
fn arguments(
    container: &ContainerSpec,
    entrypoint: &[String],
    cmd: &[String],
    env: &Environment,
) -> Result<Vec<String>, BundleError> {
    let expanded = |list: &[String]| -> Vec<String> {
        list.iter()
            .map(|s| expand(s, |name| env.get(name)))
            .collect()
    };
    let (command, args) = (expanded(&container.command), expanded(&container.args));
    let all = match (command.is_empty(), args.is_empty()) {
        (false, _) => [command, args].concat(),
        (true, false) => [entrypoint.to_vec(), args].concat(),
        (true, true) => [entrypoint, cmd].concat(),
    };
    if all.is_empty() {
        Err(BundleError::NoCommand)
    } else {
        Ok(all)
    }
}

fn process(
    pod: &PodRef,
    container: &ContainerSpec,
    of: &Surroundings,
    env: &Environment,
    args: &[String],
) -> Value {
    let image_dir = Some(&of.image.working_dir).filter(|dir| !dir.is_empty());
    let cwd = container
        .working_dir
        .as_ref()
        .or(image_dir)
        .map_or("/", String::as_str);
    let mut gids = of.user.additional_gids.clone();
    if !gids.contains(&of.user.gid) {
        gids.insert(0, of.user.gid);
    }
    // An ordinary user keeps its capabilities only as a bound for set-uid programs.
    let held: &[&str] = if of.user.uid == 0 { &CAPABILITIES } else { &[] };
    json!({
        "terminal": container.tty,
        "user": { "uid": of.user.uid, "gid": of.user.gid, "additionalGids": gids },
        "args": args,
        "env": env.entries(),
        "cwd": cwd,
        "capabilities": { "bounding": CAPABILITIES, "effective": held, "permitted": held },
        "noNewPrivileges": false,
        "oomScoreAdj": oom_score_adj(&pod.spec, &container.resources, of.node.memory),
    })
}

fn namespaces(of: &Surroundings) -> Vec<Value> {
    let mut list = vec![json!({ "type": "pid" }), json!({ "type": "mount" })];
    for (kind, path) in [("network", &of.network), ("ipc", &of.ipc), ("uts", &of.uts)] {
        if let Some(path) = path {
            list.push(json!({ "type": kind, "path": path }));
        }
    }
    list
}

fn mounts(container: &ContainerSpec, of: &Surroundings) -> Vec<Value> {
    let mut list = system_mounts();
    list.push(bind("/dev/shm", &of.pod_files.shm));
    list.push(bind("/etc/hosts", &of.pod_files.hosts));
    list.push(bind("/etc/hostname", &of.pod_files.hostname));
    list.push(bind("/etc/resolv.conf", &of.pod_files.resolv_conf));
    list.push(bind(
        &container.termination_message_path,
        &of.termination_log,
    ));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn paths_of_a_container_begin_at_its_root() {
        assert!(absolute("workingDir", None).is_ok());
        assert!(absolute("workingDir", Some("/a")).is_ok());
        let error = absolute("workingDir", Some("a/b")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`workingDir` must be an absolute path, not `a/b`"
        );
    }

    #[test]
    fn command_and_arguments_override_the_image() {
        let run = |command: &str, args: &str| {
            let container = ContainerSpec {
                command: words(command),
                args: words(args),
                ..ContainerSpec::default()
            };
            arguments(
                &container,
                &words("/entry"),
                &words("a b"),
                &Environment::default(),
            )
        };
        assert_eq!(run("", ""), Ok(words("/entry a b")));
        assert_eq!(run("", "c"), Ok(words("/entry c")));
        assert_eq!(run("sh -c", ""), Ok(words("sh -c")));
        assert_eq!(run("sh -c", "x"), Ok(words("sh -c x")));
        let nothing = arguments(&ContainerSpec::default(), &[], &[], &Environment::default());
        assert_eq!(nothing, Err(BundleError::NoCommand));
    }
}
