//! The sockets: made with care, so that a running server is never pushed aside.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Gid, chown};
use tokio::net::{TcpListener, UnixListener};

use crate::config::Config;

/// What is listened on.
pub(crate) struct Listeners {
    pub(crate) unix: UnixListener,
    pub(crate) tcp: Option<TcpListener>,
    socket: PathBuf,
}

impl Listeners {
    /// Binds everything that is configured.
    ///
    /// # Errors
    /// If another server answers on the socket, or an address cannot be had.
    pub(crate) async fn bind(config: &Config) -> Result<Self> {
        let unix = bind_unix(config)?;
        let tcp = match config.tcp {
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                Some(listener.with_context(|| format!("cannot listen on {address}"))?)
            }
            None => None,
        };
        Ok(Self {
            unix,
            tcp,
            socket: config.socket.clone(),
        })
    }

    /// Where the socket is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }
}

fn bind_unix(config: &Config) -> Result<UnixListener> {
    let path = &config.socket;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot make `{}`", parent.display()))?;
    }
    remove_stale(path)?;
    // Nobody gets in between bind and chmod: the mask holds for the moment of creation.
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(mask);
    let listener = bound.with_context(|| format!("cannot listen on `{}`", path.display()))?;
    if let Some(group) = &config.socket_group {
        let gid = group_id(group)?;
        chown(path, None, Some(gid))
            .with_context(|| format!("cannot give the socket to group `{group}`"))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Removes a socket nobody answers on.
fn remove_stale(path: &Path) -> Result<()> {
    match UnixStream::connect(path) {
        Ok(_) => bail!("another server is serving on `{}`", path.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .with_context(|| format!("cannot remove the stale socket `{}`", path.display())),
        Err(error) => {
            Err(error).with_context(|| format!("cannot use `{}` as socket", path.display()))
        }
    }
}

fn group_id(group: &str) -> Result<Gid> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let groups = fs::read_to_string("/etc/group").context("cannot read /etc/group")?;
    let entry = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let number = entry
        .filter(|parts| parts.first() == Some(&group))
        .find_map(|parts| parts.get(2)?.parse().ok());
    number
        .map(Gid::from_raw)
        .with_context(|| format!("`socket_group`: no group `{group}`"))
}
