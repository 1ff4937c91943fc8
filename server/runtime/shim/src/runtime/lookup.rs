//! Finding what a program needs inside the container: its file and a home directory.

use std::{ffi::CString, io, path::Path};

use lifepod_shim::protocol::{ErrorCode, Failure};
use rustix::fs::{Access, access};

/// Finds the file to execute, as a shell would.
///
/// # Errors
/// In the words people know from other runtimes.
pub(super) fn find_program(name: &str, env: &[String]) -> Result<CString, Failure> {
    let path = env
        .iter()
        .find_map(|entry| entry.strip_prefix("PATH="))
        .unwrap_or_default();
    let mut denied = false;
    for candidate in candidates(name, path) {
        match executable(&candidate) {
            Ok(()) => return c_string(&candidate),
            Err(error) => denied |= error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
    Err(explain(name, denied))
}

fn candidates(name: &str, path: &str) -> Vec<String> {
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    let directories = path
        .split(':')
        .map(|dir| if dir.is_empty() { "." } else { dir });
    directories
        .filter(|_| !path.is_empty() && !name.is_empty())
        .map(|dir| format!("{dir}/{name}"))
        .collect()
}

fn executable(path: &str) -> io::Result<()> {
    let metadata = Path::new(path).metadata()?;
    access(path, Access::EXEC_OK)?;
    if metadata.is_file() {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

fn explain(name: &str, denied: bool) -> Failure {
    let (code, why) = match (denied, name.contains('/')) {
        (true, _) => (ErrorCode::ExecutableNotPermitted, "permission denied"),
        (false, true) => (ErrorCode::ExecutableNotFound, "no such file or directory"),
        (false, false) => (
            ErrorCode::ExecutableNotFound,
            "executable file not found in $PATH",
        ),
    };
    Failure::new(code, format!("exec: \"{name}\": {why}"))
}

/// Why an exec that was expected to work did not.
pub(super) fn explain_exec(name: &str, error: &io::Error) -> Failure {
    let code = match error.kind() {
        // The file was there a moment ago: its interpreter is what is missing.
        io::ErrorKind::NotFound => ErrorCode::ExecutableNotFound,
        _ => ErrorCode::ExecutableNotPermitted,
    };
    Failure::new(code, format!("exec: \"{name}\": {error}"))
}

/// For argument and environment lists.
///
/// # Errors
/// If there is a zero byte inside.
pub(super) fn c_string(text: &str) -> Result<CString, Failure> {
    let zero = |_| {
        Failure::new(
            ErrorCode::InvalidRequest,
            "an argument or variable contains a zero byte",
        )
    };
    CString::new(text).map_err(zero)
}

/// The home directory that `/etc/passwd` gives a user; `/` if it gives none.
pub(super) fn home_directory(passwd: &str, uid: u32) -> String {
    let home = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let id: u32 = fields.nth(2)?.parse().ok()?;
        if id == uid { fields.nth(2) } else { None }
    });
    home.filter(|home| !home.is_empty())
        .unwrap_or("/")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_like_in_a_shell() {
        let env = ["PATH=/nowhere:/bin:/usr/bin".to_owned()];
        assert_eq!(find_program("sh", &env).unwrap().to_str(), Ok("/bin/sh"));
        let missing = find_program("no-such-program", &env).unwrap_err();
        assert_eq!(missing.code, ErrorCode::ExecutableNotFound);
        assert_eq!(
            missing.message,
            "exec: \"no-such-program\": executable file not found in $PATH"
        );
        let directory = find_program("/etc", &env).unwrap_err();
        assert_eq!(directory.code, ErrorCode::ExecutableNotPermitted);
        assert_eq!(
            find_program("sh", &[]).unwrap_err().code,
            ErrorCode::ExecutableNotFound
        );
    }

    #[test]
    fn home_comes_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nme:x:1000:1000::/home/me:\n";
        assert_eq!(home_directory(passwd, 0), "/root");
        assert_eq!(home_directory(passwd, 1000), "/home/me");
        assert_eq!(home_directory(passwd, 7), "/");
    }
}
