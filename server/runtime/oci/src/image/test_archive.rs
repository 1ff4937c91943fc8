//! Hand-made tar archives for tests, including ones no honest writer makes.

use std::io::Write;

use tar::{EntryType, Header};

/// An archive under construction; names are written as given.
pub(crate) struct Archive(tar::Builder<Vec<u8>>);

/// One entry, a regular file unless told otherwise.
pub(crate) struct NewEntry {
    header: Header,
    link: Vec<u8>,
    data: Vec<u8>,
}

impl Archive {
    pub(crate) fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    pub(crate) fn add(&mut self, name: &str, make: impl FnOnce(NewEntry) -> NewEntry) {
        let mut header = Header::new_ustar();
        header.set_mode(0o755);
        header.set_mtime(1);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(EntryType::Regular);
        let mut entry = make(NewEntry {
            header,
            link: Vec::new(),
            data: Vec::new(),
        });
        // Straight into the field: the library refuses names an attacker would use.
        let fields = entry.header.as_old_mut();
        fields.name[..name.len()].copy_from_slice(name.as_bytes());
        fields.linkname[..entry.link.len()].copy_from_slice(&entry.link);
        entry.header.set_size(entry.data.len() as u64);
        entry.header.set_cksum();
        self.0.append(&entry.header, entry.data.as_slice()).unwrap();
    }

    /// A file with one extended attribute.
    pub(crate) fn xattr(&mut self, name: &str, key: &str, value: &[u8], data: &[u8]) {
        let key = format!("SCHILY.xattr.{key}");
        self.0
            .append_pax_extensions([(key.as_str(), value)])
            .unwrap();
        self.add(name, |entry| entry.data(data));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut bytes = self.0.into_inner().unwrap();
        bytes.flush().unwrap();
        bytes
    }
}

impl NewEntry {
    fn kind(mut self, kind: EntryType) -> Self {
        self.header.set_entry_type(kind);
        self
    }

    fn link(mut self, target: &str) -> Self {
        self.link = target.into();
        self
    }

    pub(crate) fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    pub(crate) fn directory(self) -> Self {
        self.kind(EntryType::Directory)
    }

    pub(crate) fn symlink(self, target: &str) -> Self {
        self.kind(EntryType::Symlink).link(target)
    }

    pub(crate) fn hard_link(self, target: &str) -> Self {
        self.kind(EntryType::Link).link(target)
    }

    pub(crate) fn fifo(self) -> Self {
        self.kind(EntryType::Fifo)
    }

    pub(crate) fn char_device(mut self, major: u32, minor: u32) -> Self {
        self.header.set_device_major(major).unwrap();
        self.header.set_device_minor(minor).unwrap();
        self.kind(EntryType::Char)
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.header.set_mode(mode);
        self
    }

    pub(crate) fn owner(mut self, uid: u64, gid: u64) -> Self {
        self.header.set_uid(uid);
        self.header.set_gid(gid);
        self
    }

    pub(crate) fn mtime(mut self, seconds: u64) -> Self {
        self.header.set_mtime(seconds);
        self
    }
}
