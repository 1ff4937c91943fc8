//! What the machine must have.

use crate::steps;
use anyhow::{Result, bail};
use std::{env, fs, os::unix::fs::MetadataExt, path::Path};

/// Programs that tests and demo run on the host. What else the whole-system tests run (nginx, a
/// registry of their own) is fetched as packages and used without installing it.
const NEEDED: [Tool; 9] = [
    Tool {
        program: "nft",
        package: "nftables",
        purpose: "address translation for pods",
        proof: &[],
    },
    Tool {
        program: "ip",
        package: "iproute2",
        purpose: "tests of pod networking",
        proof: &[],
    },
    Tool {
        program: "unshare",
        package: "util-linux",
        purpose: "tests in namespaces",
        proof: &[],
    },
    Tool {
        program: "dpkg-deb",
        package: "dpkg",
        purpose: "test images",
        proof: &[],
    },
    Tool {
        program: "python3",
        package: "python3-venv",
        purpose: "a test client not written here",
        // Debian's python3 comes without what makes environments.
        proof: &["-c", "import ensurepip, venv"],
    },
    Tool {
        program: "busybox",
        package: "busybox-static",
        purpose: "test containers",
        proof: &[],
    },
    Tool {
        program: "docker-registry",
        package: "docker-registry",
        purpose: "tests of pulling images",
        proof: &[],
    },
    Tool {
        program: "skopeo",
        package: "skopeo",
        purpose: "tests of pulling images",
        proof: &[],
    },
    Tool {
        program: "openssl",
        package: "openssl",
        purpose: "tests of pulling images over TLS",
        proof: &[],
    },
];
/// Programs that `cargo xtask bench start` compares with and does not leave out when absent.
const COMPARED: [Tool; 1] = [Tool {
    program: "crun",
    package: "crun",
    purpose: "comparison in benchmarks",
    proof: &[],
}];

struct Tool {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
    /// Arguments with which it succeeds when it is complete; none when its presence is enough.
    proof: &'static [&'static str],
}

/// Check for the Debian packages that tests and demo need, and install them when run as root
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say what is missing
    #[arg(long)]
    check: bool,
    /// Also what `cargo xtask bench start` compares with
    #[arg(long)]
    bench: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let compared = if args.bench { &COMPARED[..] } else { &[] };
    let missing = missing(compared);
    if missing.is_empty() {
        eprintln!("everything needed is installed");
        return Ok(());
    }
    if args.check {
        bail!("{}", advice(&missing));
    }
    install(&missing)
}

/// Makes sure that tests and demo can run here.
pub(crate) fn ensure() -> Result<()> {
    ensure_with(&[])
}

/// Makes sure that a benchmark which compares can run here.
pub(crate) fn ensure_compared() -> Result<()> {
    ensure_with(&COMPARED)
}

fn ensure_with(more: &'static [Tool]) -> Result<()> {
    if !is_root() {
        bail!(
            "this makes namespaces, mounts and cgroups: run it as root\n\
             hint: sudo env \"PATH=$PATH\" cargo xtask …"
        );
    }
    let missing = missing(more);
    if missing.is_empty() {
        Ok(())
    } else {
        install(&missing)
    }
}

/// What is missing of the tools that are always needed, and of more.
fn missing(more: &'static [Tool]) -> Vec<&'static Tool> {
    NEEDED
        .iter()
        .chain(more)
        .filter(|tool| !is_installed(tool.program) || !is_complete(tool))
        .collect()
}

fn install(missing: &[&Tool]) -> Result<()> {
    if !is_root() {
        bail!("{}", advice(missing));
    }
    let packages: Vec<_> = missing.iter().map(|tool| tool.package).collect();
    steps::step(&format!("install {}", packages.join(" ")), || {
        // The lists may be absent (containers) or old; a failed update shows in the next command.
        let _ = steps::run(apt(&["update"]).arg("-q"));
        steps::run(apt(&["install", "--yes", "--no-install-recommends", "-q"]).args(&packages))
    })
}

fn apt(arguments: &[&str]) -> std::process::Command {
    let mut command = steps::program("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn advice(missing: &[&Tool]) -> String {
    let lines = missing
        .iter()
        .map(|tool| format!("  {:10} {}", tool.program, tool.purpose));
    let packages: Vec<_> = missing.iter().map(|tool| tool.package).collect();
    format!(
        "missing programs:\n{}\nhint: apt-get install --no-install-recommends {}",
        lines.collect::<Vec<_>>().join("\n"),
        packages.join(" ")
    )
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // The administrator's folders are often missing from PATH.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .into_iter()
        .any(|folder| Path::new(&folder).join(program).is_file())
}

fn is_complete(tool: &Tool) -> bool {
    let mut command = steps::program(tool.program);
    tool.proof.is_empty()
        || command
            .args(tool.proof)
            .output()
            .is_ok_and(|output| output.status.success())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
