//! Mounts and unmounts overlayfs.
//!
//! The new mount API takes one layer per call, so neither the number of layers nor the length of their paths
//! meets the one-page limit of mount(2). Kernels before 6.8 do not know `lowerdir+`; they get mount(2)
//! with every directory named by descriptor (`/proc/self/fd/7`), which keeps some 200 layers below the limit.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, open_tree,
    unmount,
};
use tracing::debug;

use crate::image::{At, ImageError};

/// fsconfig(2) takes strings below this.
const MAX_VALUE: usize = 256;

/// A snapshot directory and the layers below, topmost first.
pub(super) struct Overlay<'a> {
    pub(super) dir: &'a Path,
    pub(super) layers: Vec<PathBuf>,
}

impl Overlay<'_> {
    /// Mounts it nowhere: the mount lives as long as its descriptor, unless it is attached somewhere.
    pub(super) fn mount(self) -> Result<OwnedFd, ImageError> {
        match self.mount_by_layer() {
            Err(Failed {
                errno: Errno::INVAL | Errno::NOSYS,
                told,
            }) => {
                debug!(told, "mounting by the new API failed, using mount(2)");
                // Only the new API explains itself.
                self.mount_at_once()
                    .map_err(|failed| Failed { told, ..failed })
            }
            other => other,
        }
        .map_err(|failed| failed.at(self.dir))
    }

    /// The way of older kernels.
    #[cfg(test)]
    pub(super) fn mount_at_once_for_test(&self) -> Result<OwnedFd, ImageError> {
        self.mount_at_once().map_err(|failed| failed.at(self.dir))
    }

    fn mount_by_layer(&self) -> Result<OwnedFd, Failed> {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        let configure = || -> Result<OwnedFd, Errno> {
            fsconfig_set_string(&context, "source", "overlay")?;
            for layer in &self.layers {
                set_path(&context, "lowerdir+", layer)?;
            }
            set_path(&context, "upperdir", &self.dir.join("upper"))?;
            set_path(&context, "workdir", &self.dir.join("work"))?;
            fsconfig_set_string(&context, "index", "off")?;
            fsconfig_set_flag(&context, "volatile")?;
            fsconfig_create(&context)?;
            fsmount(
                &context,
                FsMountFlags::FSMOUNT_CLOEXEC,
                MountAttrFlags::empty(),
            )
        };
        configure().map_err(|errno| Failed {
            errno,
            told: told(&context),
        })
    }

    fn mount_at_once(&self) -> Result<OwnedFd, Failed> {
        let mut held = Vec::new();
        let mut by_fd = |path: &Path| -> Result<String, Errno> {
            let fd = open_path(path)?;
            let name = fd_path(&fd);
            held.push(fd);
            Ok(name)
        };
        let lowers: Result<Vec<String>, Errno> =
            self.layers.iter().map(|layer| by_fd(layer)).collect();
        let options = format!(
            "lowerdir={},upperdir={},workdir={},index=off,volatile",
            lowers?.join(":"),
            by_fd(&self.dir.join("upper"))?,
            by_fd(&self.dir.join("work"))?,
        );
        let options = CString::new(options).map_err(|_| Errno::INVAL)?;
        let target = self.dir.join("rootfs");
        std::fs::create_dir_all(&target)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let flags = MountFlags::empty();
        mount(
            "overlay",
            &target,
            "overlay",
            flags,
            Some(options.as_c_str()),
        )?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let detached = open_tree(CWD, &target, flags);
        unmount(&target, UnmountFlags::DETACH)?;
        Ok(detached?)
    }
}

/// A failed mount and what the kernel said about it.
struct Failed {
    errno: Errno,
    told: String,
}

impl From<Errno> for Failed {
    fn from(errno: Errno) -> Self {
        let told = String::new();
        Self { errno, told }
    }
}

impl Failed {
    fn at(self, dir: &Path) -> ImageError {
        let told = match self.told.as_str() {
            "" => String::new(),
            told => format!(" ({told})"),
        };
        ImageError::storage(
            format!("mount overlay at `{}`{told}", dir.display()),
            self.errno,
        )
    }
}

/// A path the kernel would cut or unescape is given by descriptor.
fn set_path(context: &OwnedFd, key: &str, path: &Path) -> Result<(), Errno> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.len() < MAX_VALUE && !bytes.contains(&b'\\') {
        return fsconfig_set_string(context, key, path);
    }
    let fd = open_path(path)?;
    fsconfig_set_string(context, key, fd_path(&fd))
}

fn open_path(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
}

fn fd_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// The messages the kernel left on a mount context, one per read.
fn told(context: &OwnedFd) -> String {
    let mut messages = Vec::new();
    let mut buffer = [0; 512];
    while let Ok(length) = rustix::io::read(context, &mut buffer) {
        let message = String::from_utf8_lossy(&buffer[..length]);
        messages.push(message.trim().to_owned());
        if messages.len() == 8 {
            break;
        }
    }
    messages.join("; ")
}

/// Detaches everything mounted at `path`; no mount and no path are fine.
pub(super) fn unmount_all(path: &Path) -> Result<(), ImageError> {
    loop {
        // Lazily: a process of the container still in there must not keep the pod from being removed.
        match unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(io::Error::from(errno)).at("unmount", path),
        }
    }
}
