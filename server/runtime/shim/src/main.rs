//! `lifepod-shim`: the process that is a pod's sandbox.
//!
//! ```text
//! lifepod-shim --sandbox <directory>
//! ```
//!
//! See the library's front page for the directory and [`daemon`] for how it starts.

mod control;
mod daemon;
mod io;
mod limits;
mod note;
mod reactor;
mod runtime;
mod sandbox;
mod shim;
mod sys;

use std::{ffi::OsString, fs, process::ExitCode};

use lifepod_shim::{
    SandboxConfig, SandboxDir,
    protocol::{PROTOCOL_VERSION, Ready},
};
use rustix::process::getpid;

use daemon::Starter;
use shim::Shim;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1).collect()) {
        Some(dir) => match start(dir) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}", explain(&*error));
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!(
                "usage: lifepod-shim --sandbox <directory>\n\n\
                 Started by lifepodd, one per pod. Version {}, protocol {PROTOCOL_VERSION}.",
                env!("CARGO_PKG_VERSION"),
            );
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: Vec<OsString>) -> Option<SandboxDir> {
    match <[OsString; 2]>::try_from(arguments) {
        Ok([flag, dir]) if flag == "--sandbox" => Some(SandboxDir::new(dir)),
        _ => None,
    }
}

fn start(dir: SandboxDir) -> Result<(), Error> {
    let dir = SandboxDir::new(fs::canonicalize(dir.path())?);
    let config = SandboxConfig::load(&dir)?;
    // Kept by whichever process is the shim in the end.
    let _lock = daemon::lock(&dir)?;
    let starter = daemon::detach()?;
    match prepare(dir.clone(), config) {
        Ok((shim, ready)) => serve(shim, &dir, starter, &ready),
        Err(error) => {
            starter.failed(&explain(&*error));
            Err(error)
        }
    }
}

fn prepare(dir: SandboxDir, config: SandboxConfig) -> Result<(Shim, Ready), Error> {
    fs::create_dir_all(dir.exits())?;
    daemon::settle(&dir)?;
    let namespaces = sandbox::create(&config)?;
    let ready = Ready {
        pid: getpid().as_raw_nonzero().get(),
        namespaces: namespaces.clone(),
    };
    Ok((Shim::open(dir, config, namespaces)?, ready))
}

fn serve(mut shim: Shim, dir: &SandboxDir, starter: Starter, ready: &Ready) -> Result<(), Error> {
    starter.ready(&serde_json::to_vec(ready)?)?;
    shim.run()?;
    fs::remove_file(dir.socket())?;
    Ok(())
}

fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
