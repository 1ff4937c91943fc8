//! Who a container runs as: names from an image or a pod, looked up in the container's own files.
//!
//! The rules are those of runc and containerd. The files belong to the image (or to a container that ran
//! before), so they are opened below the root, must be plain files, and are read up to a limit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, fstat};

use crate::image::ScopedDir;

const MAX_FILE: u64 = 16 << 20;
const MAX_ID: u32 = i32::MAX as u32;

/// A resolved user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// Groups that list the user as a member, sorted; empty when the group was given explicitly.
    pub additional_gids: Vec<u32>,
    /// The name in `/etc/passwd`, if it is there.
    pub name: Option<String>,
    /// The home directory in `/etc/passwd`, if it is there.
    pub home: Option<String>,
}

/// Why a user cannot be resolved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UserError {
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoSuchUser(String),
    #[error("unable to find group {0}: no matching entries in group file")]
    NoSuchGroup(String),
    #[error("user or group id {0} is out of range")]
    OutOfRange(String),
    #[error("`{file}` of the container is unreadable: {cause}")]
    Unreadable {
        file: &'static str,
        cause: Arc<io::Error>,
    },
}

/// Resolves `user[:group]`, each a name or a number, in the root file system at `rootfs`. Empty is root.
///
/// A number need not be in the files; a name must. Without a group it is that of the user's entry, or 0.
///
/// # Errors
/// [`UserError`]; its texts are those users know from other runtimes.
pub fn resolve(rootfs: &Path, user: &str) -> Result<User, UserError> {
    let passwd = read(rootfs, "/etc/passwd")?;
    let group = read(rootfs, "/etc/group")?;
    resolve_in(&passwd, &group, user)
}

fn resolve_in(passwd: &str, group: &str, wanted: &str) -> Result<User, UserError> {
    let (user_part, group_part) = match wanted.split_once(':') {
        Some((user, group)) => (user, group),
        None => (wanted, ""),
    };
    let user_part = if user_part.is_empty() { "0" } else { user_part };
    let mut user = find_user(passwd, user_part)?;
    if group_part.is_empty() {
        user.additional_gids = memberships(group, user.name.as_deref());
    } else {
        user.gid = find_group(group, group_part)?;
    }
    Ok(user)
}

fn find_user(passwd: &str, wanted: &str) -> Result<User, UserError> {
    let id = numeric(wanted)?;
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').map(str::trim).collect();
        let [name, _, uid, gid, ..] = fields[..] else {
            continue;
        };
        let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else {
            continue;
        };
        // A number is a number even if somebody is called so.
        if id.map_or(name == wanted, |id| uid == id) {
            return Ok(User {
                uid,
                gid,
                additional_gids: Vec::new(),
                name: Some(name.to_owned()),
                home: fields.get(5).map(ToString::to_string),
            });
        }
    }
    let uid = id.ok_or_else(|| UserError::NoSuchUser(wanted.to_owned()))?;
    Ok(User {
        uid,
        gid: 0,
        additional_gids: Vec::new(),
        name: None,
        home: None,
    })
}

fn find_group(group: &str, wanted: &str) -> Result<u32, UserError> {
    if let Some(id) = numeric(wanted)? {
        return Ok(id);
    }
    groups(group)
        .find(|(name, _, _)| *name == wanted)
        .map(|(_, gid, _)| gid)
        .ok_or_else(|| UserError::NoSuchGroup(wanted.to_owned()))
}

fn memberships(group: &str, name: Option<&str>) -> Vec<u32> {
    let Some(name) = name else {
        return Vec::new();
    };
    let mut gids: Vec<u32> = groups(group)
        .filter(|(_, _, members)| members.split(',').any(|member| member.trim() == name))
        .map(|(_, gid, _)| gid)
        .collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

fn groups(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':').map(str::trim);
        let (name, _, gid) = (fields.next()?, fields.next()?, fields.next()?);
        Some((name, gid.parse().ok()?, fields.next().unwrap_or("")))
    })
}

fn numeric(text: &str) -> Result<Option<u32>, UserError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(id) if id <= MAX_ID => Ok(Some(id)),
        _ => Err(UserError::OutOfRange(text.to_owned())),
    }
}

/// The text of a file in the container; a missing one is empty, as in images from scratch.
fn read(rootfs: &Path, file: &'static str) -> Result<String, UserError> {
    let attempt = || -> io::Result<String> {
        // Not blocking: it might be a fifo.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match ScopedDir::open(rootfs)?.open_at(file.as_bytes(), flags) {
            Err(error) if is_absent(&error) => return Ok(String::new()),
            other => other?,
        };
        read_regular(fd)
    };
    attempt().map_err(|error| UserError::Unreadable {
        file,
        cause: Arc::new(error),
    })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn read_regular(fd: OwnedFd) -> io::Result<String> {
    if !FileType::from_raw_mode(fstat(&fd)?.st_mode).is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::from(fd).take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("too large"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                          broken\n\
                          www:x:33:34:web:/var/www:/bin/false\n\
                          77:x:1000:1000::/home/n:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:www\nlog:x:50:a,www\nadm:x:4:www,www\n";

    fn user(
        uid: u32,
        gid: u32,
        additional: &[u32],
        name: Option<&str>,
        home: Option<&str>,
    ) -> User {
        User {
            uid,
            gid,
            additional_gids: additional.to_vec(),
            name: name.map(str::to_owned),
            home: home.map(str::to_owned),
        }
    }

    #[test]
    fn names_and_numbers_resolve_as_in_other_runtimes() {
        let www =
            |gid, additional: &[u32]| user(33, gid, additional, Some("www"), Some("/var/www"));
        let root = || user(0, 0, &[], Some("root"), Some("/root"));
        for (wanted, expected) in [
            ("", root()),
            ("root", root()),
            ("www", www(34, &[4, 34, 50])),
            ("33", www(34, &[4, 34, 50])),
            ("www:log", www(50, &[])),
            ("www:1234", www(1234, &[])),
            (":log", User { gid: 50, ..root() }),
            ("www:", www(34, &[4, 34, 50])),
            ("4000", user(4000, 0, &[], None, None)),
            ("4000:5000", user(4000, 5000, &[], None, None)),
            ("77", user(77, 0, &[], None, None)),
        ] {
            assert_eq!(
                resolve_in(PASSWD, GROUP, wanted).unwrap(),
                expected,
                "{wanted}"
            );
        }
    }

    #[test]
    fn unknown_names_and_impossible_numbers_are_refused() {
        let error = |wanted: &str| resolve_in(PASSWD, GROUP, wanted).unwrap_err().to_string();
        assert_eq!(
            error("nobody"),
            "unable to find user nobody: no matching entries in passwd file"
        );
        assert_eq!(
            error("www:none"),
            "unable to find group none: no matching entries in group file"
        );
        assert!(error("2147483648").contains("out of range"));
        assert!(error("0:99999999999").contains("out of range"));
        assert!(error("-1").contains("unable to find user -1"));
    }

    #[test]
    fn the_files_are_those_of_the_container_and_plain() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            resolve(root.path(), "5").unwrap(),
            user(5, 0, &[], None, None)
        );
        let etc = root.path().join("etc");
        fs::create_dir(&etc).unwrap();
        fs::create_dir(root.path().join("data")).unwrap();
        fs::write(root.path().join("data/passwd"), "inside:x:7:8::/h:/s\n").unwrap();
        symlink("/data/passwd", etc.join("passwd")).unwrap();
        assert_eq!(resolve(root.path(), "inside").unwrap().uid, 7);
        assert!(
            resolve(root.path(), "root").is_err(),
            "that name is only on the host"
        );

        fs::remove_file(etc.join("passwd")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            etc.join("passwd"),
            FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let error = resolve(root.path(), "5").unwrap_err();
        assert!(matches!(error, UserError::Unreadable { .. }));
    }
}
