//! Device rules on v2: a small program, attached to the cgroup, that the kernel asks at every open
//! and mknod of a device. v2 has no control files for this, and without the program a container that
//! may make device nodes (the default capabilities allow it) could open the host's disks.

#![expect(unsafe_code, reason = "bpf(2) has no safe interface")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};

use oci_spec::runtime::LinuxDeviceCgroup;

use super::devices::{self, Rule};

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;

const MKNOD: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;
const ANY_ACCESS: i32 = MKNOD | READ | WRITE;

/// `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    const fn new(code: u8, target: u8, source: u8, offset: i16, immediate: i32) -> Self {
        Self {
            code,
            registers: source << 4 | target,
            offset,
            immediate,
        }
    }
}

const LOAD_WORD: u8 = 0x61;
const AND32: u8 = 0x54;
const RSH32: u8 = 0x74;
const MOVE32: u8 = 0xbc;
const MOVE64_IMMEDIATE: u8 = 0xb7;
const JUMP_EQUAL: u8 = 0x15;
const JUMP_NOT_EQUAL: u8 = 0x55;
const JUMP_NOT_EQUAL_REGISTER: u8 = 0x5d;
const EXIT: u8 = 0x95;

// Registers: r0 verdict, r1 context and scratch, then the request.
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// Restricts a cgroup to the rules and the defaults.
pub(super) fn restrict_devices(cgroup: &OwnedFd, rules: &[LinuxDeviceCgroup]) -> io::Result<()> {
    let program = load(&compile(&devices::with_defaults(rules)))?;
    attach(cgroup, &program)
}

/// The last rule that matches decides, so they are tried from the last to the first; none means no.
fn compile(rules: &[Rule]) -> Vec<Instruction> {
    let mut program = vec![
        Instruction::new(LOAD_WORD, KIND, 1, 0, 0),
        Instruction::new(MOVE32, ACCESS, KIND, 0, 0),
        Instruction::new(AND32, KIND, 0, 0, 0xffff),
        Instruction::new(RSH32, ACCESS, 0, 0, 16),
        Instruction::new(LOAD_WORD, MAJOR, 1, 4, 0),
        Instruction::new(LOAD_WORD, MINOR, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        let block = compile_rule(rule);
        let matches_always = block.len() == verdict(true).len();
        program.extend(block);
        if matches_always {
            // The kernel refuses a program with a part that cannot be reached.
            return program;
        }
    }
    program.extend(verdict(false));
    program
}

fn compile_rule(rule: &Rule) -> Vec<Instruction> {
    let mut block = Vec::new();
    match rule.kind {
        'b' => block.push(Instruction::new(JUMP_NOT_EQUAL, KIND, 0, 0, 1)),
        'c' => block.push(Instruction::new(JUMP_NOT_EQUAL, KIND, 0, 0, 2)),
        _ => {}
    }
    let flag = |granted, bit| if granted { bit } else { 0 };
    let access = flag(rule.mknod, MKNOD) | flag(rule.read, READ) | flag(rule.write, WRITE);
    if access != ANY_ACCESS {
        block.push(Instruction::new(MOVE32, 1, ACCESS, 0, 0));
        block.push(Instruction::new(AND32, 1, 0, 0, access));
        block.push(if rule.allow {
            // Everything asked for must be granted by this rule.
            Instruction::new(JUMP_NOT_EQUAL_REGISTER, 1, ACCESS, 0, 0)
        } else {
            // One forbidden part is enough.
            Instruction::new(JUMP_EQUAL, 1, 0, 0, 0)
        });
    }
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        if let Some(number) = number {
            block.push(Instruction::new(
                JUMP_NOT_EQUAL,
                register,
                0,
                0,
                number.cast_signed(),
            ));
        }
    }
    block.extend(verdict(rule.allow));
    skip_to_end(&mut block);
    block
}

fn verdict(allow: bool) -> [Instruction; 2] {
    [
        Instruction::new(MOVE64_IMMEDIATE, 0, 0, 0, i32::from(allow)),
        Instruction::new(EXIT, 0, 0, 0, 0),
    ]
}

/// Lets every jump of a block lead behind it.
fn skip_to_end(block: &mut [Instruction]) {
    let len = block.len();
    for (at, instruction) in block.iter_mut().enumerate() {
        if matches!(
            instruction.code,
            JUMP_EQUAL | JUMP_NOT_EQUAL | JUMP_NOT_EQUAL_REGISTER
        ) {
            // A block has at most nine instructions.
            instruction.offset = i16::try_from(len - at - 1).unwrap_or(i16::MAX);
        }
    }
}

/// The first fields of `union bpf_attr` for loading.
#[repr(C)]
struct LoadAttributes {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
}

fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let attributes = LoadAttributes {
        program_type: TYPE_CGROUP_DEVICE,
        instruction_count: u32::try_from(program.len()).unwrap_or(u32::MAX),
        instructions: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buffer: 0,
    };
    // SAFETY: the kernel reads the attributes, the instructions and the licence, all of which outlive the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            PROG_LOAD,
            &raw const attributes,
            size_of_val(&attributes),
        )
    };
    match libc::c_int::try_from(fd) {
        // SAFETY: a descriptor the kernel just made for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The first fields of `union bpf_attr` for attaching.
#[repr(C)]
struct AttachAttributes {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

fn attach(cgroup: impl AsFd, program: impl AsFd) -> io::Result<()> {
    let number = |fd: &dyn AsFd| fd.as_fd().as_raw_fd().cast_unsigned();
    let attributes = AttachAttributes {
        target: number(&cgroup),
        program: number(&program),
        attach_type: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the kernel reads the attributes, which outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            PROG_ATTACH,
            &raw const attributes,
            size_of_val(&attributes),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_accepts_the_program() {
        let rules: Vec<LinuxDeviceCgroup> = serde_json::from_str(
            r#"[{"allow":false,"access":"rwm"},{"allow":true,"type":"b","major":8,"minor":0,"access":"r"},
                {"allow":false,"type":"c","major":10,"access":"w"}]"#,
        )
        .unwrap();
        load(&compile(&devices::with_defaults(&rules))).expect("needs root");
    }

    #[test]
    fn every_jump_of_a_rule_leads_behind_it() {
        let rule = Rule {
            read: true,
            write: false,
            mknod: false,
            ..devices::with_defaults(&[])[2]
        };
        let block = compile_rule(&rule);
        for (at, instruction) in block.iter().enumerate() {
            if instruction.offset != 0 {
                assert_eq!(
                    at + 1 + usize::try_from(instruction.offset).unwrap(),
                    block.len()
                );
            }
        }
        assert_eq!(block.iter().filter(|i| i.offset != 0).count(), 4);
    }
}
