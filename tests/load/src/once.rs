//! One container with bare libcontainer, in a process of its own: the anchor that shows what the
//! library itself costs.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use libcontainer::{
    container::{Container, builder::ContainerBuilder},
    syscall::syscall::SyscallType,
};
use std::path::PathBuf;

/// What to do with which container.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Where libcontainer keeps its state
    #[arg(long)]
    root: PathBuf,
    /// Id of the container
    #[arg(long)]
    id: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create and start it
    Run {
        /// Folder with config.json
        bundle: PathBuf,
    },
    /// Kill and delete it
    Delete,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.action {
        Action::Run { bundle } => {
            let mut container = ContainerBuilder::new(args.id.clone(), SyscallType::default())
                .with_root_path(&args.root)?
                .as_init(bundle)
                .with_systemd(false)
                .build()
                .context("libcontainer cannot create")?;
            container.start().context("libcontainer cannot start")
        }
        Action::Delete => Container::load(args.root.join(&args.id))?
            .delete(true)
            .context("libcontainer cannot delete"),
    }
}
