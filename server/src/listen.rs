//! The sockets: made with care, so that a running server is never pushed aside.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Gid, chown};
use tokio::{
    net::{TcpListener, UnixListener},
    time::sleep,
};

use crate::config::Config;

/// How often a socket may answer before somebody is taken to serve on it.
const PROBES: u32 = 50;
const PROBE_PAUSE: Duration = Duration::from_millis(20);

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
        let unix = bind_unix(config).await?;
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

async fn bind_unix(config: &Config) -> Result<UnixListener> {
    let path = &config.socket;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot make `{}`", parent.display()))?;
    }
    remove_stale(path).await?;
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
///
/// A crash may catch a shim between its fork from the server and its exec: until then the socket
/// is still held, and a server that starts at once finds it answering.
async fn remove_stale(path: &Path) -> Result<()> {
    for _ in 0..PROBES {
        match UnixStream::connect(path) {
            Ok(_) => sleep(PROBE_PAUSE).await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return fs::remove_file(path).with_context(|| {
                    format!("cannot remove the stale socket `{}`", path.display())
                });
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot use `{}` as socket", path.display()));
            }
        }
    }
    bail!("another server is serving on `{}`", path.display())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::net::UnixListener as Holder, thread};

    #[tokio::test]
    async fn a_socket_that_is_held_a_moment_longer_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let holder = Holder::bind(&path).unwrap();
        let (begin, begun) = std::sync::mpsc::channel();
        let lingering = thread::spawn(move || {
            // The probe has come; then the holder goes.
            let probed = holder.accept();
            begin.send(()).unwrap();
            drop((probed, holder));
        });
        remove_stale(&path).await.unwrap();
        begun.try_recv().unwrap();
        lingering.join().unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_somebody_serves_on_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _serving = Holder::bind(&path).unwrap();
        let error = remove_stale(&path).await.unwrap_err().to_string();
        assert!(error.contains("another server is serving"), "{error}");
        assert!(path.exists());
    }
}
