//! Device rules: which device nodes a container may open or make.

use std::fmt;

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

/// One rule. Later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) allow: bool,
    /// `b`, `c`, or `a` for both.
    pub(crate) kind: char,
    /// Any, if absent.
    pub(crate) major: Option<u32>,
    /// Any, if absent.
    pub(crate) minor: Option<u32>,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) mknod: bool,
}

impl Rule {
    const fn allow(kind: char, major: Option<u32>, minor: Option<u32>) -> Self {
        Self {
            allow: true,
            kind,
            major,
            minor,
            read: true,
            write: true,
            mknod: true,
        }
    }

    const fn allow_mknod(kind: char) -> Self {
        Self {
            read: false,
            write: false,
            ..Self::allow(kind, None, None)
        }
    }
}

/// What the runtime specification has every container find in `/dev`, and making (not opening) nodes.
const DEFAULTS: [Rule; 11] = [
    Rule::allow_mknod('c'),
    Rule::allow_mknod('b'),
    Rule::allow('c', Some(1), Some(3)),
    Rule::allow('c', Some(1), Some(5)),
    Rule::allow('c', Some(1), Some(7)),
    Rule::allow('c', Some(1), Some(8)),
    Rule::allow('c', Some(1), Some(9)),
    Rule::allow('c', Some(5), Some(0)),
    Rule::allow('c', Some(5), Some(1)),
    Rule::allow('c', Some(5), Some(2)),
    Rule::allow('c', Some(136), None),
];

/// The bundle's rules and after them the defaults.
pub(crate) fn with_defaults(rules: &[LinuxDeviceCgroup]) -> Vec<Rule> {
    rules.iter().map(Rule::from).chain(DEFAULTS).collect()
}

impl From<&LinuxDeviceCgroup> for Rule {
    fn from(rule: &LinuxDeviceCgroup) -> Self {
        let number = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        let access = rule.access().as_deref().unwrap_or("rwm");
        Self {
            allow: rule.allow(),
            kind: match rule.typ() {
                Some(LinuxDeviceType::B) => 'b',
                Some(LinuxDeviceType::C | LinuxDeviceType::U) => 'c',
                _ => 'a',
            },
            major: number(rule.major()),
            minor: number(rule.minor()),
            read: access.contains('r'),
            write: access.contains('w'),
            mknod: access.contains('m'),
        }
    }
}

/// As v1 control files want it: `c 1:3 rwm`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| {
            number.map_or_else(|| "*".to_owned(), |number| number.to_string())
        };
        write!(
            f,
            "{} {}:{} ",
            self.kind,
            number(self.major),
            number(self.minor)
        )?;
        for (granted, letter) in [(self.read, "r"), (self.write, "w"), (self.mknod, "m")] {
            if granted {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_as_v1_wants_them() {
        let rules: Vec<LinuxDeviceCgroup> = serde_json::from_str(
            r#"[{"allow":false},{"allow":true,"type":"b","major":8,"access":"r"}]"#,
        )
        .unwrap();
        let written: Vec<String> = with_defaults(&rules).iter().map(Rule::to_string).collect();
        assert_eq!(written[..4], ["a *:* rwm", "b 8:* r", "c *:* m", "b *:* m"]);
        assert!(written.contains(&"c 136:* rwm".to_owned()));
    }
}
