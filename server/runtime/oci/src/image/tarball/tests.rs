use super::*;

/// A header block as a writer would make it, checksum included.
fn header(name: &str, typeflag: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    let mut octal = |at: usize, len: usize, value: u64| {
        let text = format!("{value:0width$o}", width = len - 1);
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    octal(100, 8, 0o4755);
    octal(108, 8, 1000);
    octal(116, 8, 100);
    octal(124, 12, size);
    octal(136, 12, 1_700_000_000);
    block[156] = typeflag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    block
}

fn seal(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.resize(data.len().next_multiple_of(BLOCK), 0);
    padded
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len();
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        body.push_str(&format!("{length}{rest}"));
    }
    [
        header("pax", b'x', body.len() as u64).to_vec(),
        padded(body.as_bytes()),
    ]
    .concat()
}

fn entries(archive: &[u8]) -> io::Result<Vec<(Entry, Vec<u8>)>> {
    let mut reader = TarReader::new(archive);
    let mut all = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut data = Vec::new();
        reader.read_to_end(&mut data)?;
        all.push((entry, data));
    }
    Ok(all)
}

fn error_of(archive: &[u8]) -> String {
    entries(archive).unwrap_err().to_string()
}

#[test]
fn reads_headers_data_and_the_end_mark() {
    let archive = [
        header("dir/", b'0', 0).to_vec(),
        header("dir/file", b'0', 5).to_vec(),
        padded(b"hello"),
        header("skipped", b'0', 600).to_vec(),
        padded(&[1; 600]),
        vec![0; 2 * BLOCK],
        vec![9; 100],
    ]
    .concat();
    let all = entries(&archive).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].0.kind, Kind::Directory);
    let (file, data) = &all[1];
    assert_eq!(
        (file.kind, file.mode, file.uid, file.gid),
        (Kind::File, 0o4755, 1000, 100)
    );
    assert_eq!(
        (file.mtime, data.as_slice()),
        ((1_700_000_000, 0), &b"hello"[..])
    );
}

#[test]
fn pax_values_replace_those_of_the_next_header_only() {
    let long = format!("{}/x", "d".repeat(300));
    let archive = [
        pax(&[
            ("path", long.as_str()),
            ("uid", "3000000"),
            ("size", "2"),
            ("mtime", "-1.25"),
            ("SCHILY.xattr.user.a", "v=\u{1}"),
        ]),
        header("short", b'0', 0).to_vec(),
        padded(b"ab"),
        header("next", b'0', 0).to_vec(),
    ]
    .concat();
    let all = entries(&archive).unwrap();
    let (first, data) = &all[0];
    assert_eq!(first.path, long.as_bytes());
    assert_eq!((first.uid, first.mtime), (3_000_000, (-2, 750_000_000)));
    assert_eq!(first.xattrs, [(b"user.a".to_vec(), b"v=\x01".to_vec())]);
    assert_eq!(data, b"ab");
    assert_eq!(
        (all[1].0.path.as_slice(), all[1].0.uid),
        (&b"next"[..], 1000)
    );
}

#[test]
fn gnu_long_names_and_base_256_numbers_are_read() {
    let long = "n".repeat(200);
    let mut big = header("short", b'1', 0);
    big[108..116].copy_from_slice(&[0x80, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0]);
    big[136..148].copy_from_slice(&[0xff; 12]);
    seal(&mut big);
    let archive = [
        header("././@LongLink", b'L', 201).to_vec(),
        padded(format!("{long}\0").as_bytes()),
        header("././@LongLink", b'K', 4).to_vec(),
        padded(b"goal"),
        big.to_vec(),
    ]
    .concat();
    let (entry, _) = &entries(&archive).unwrap()[0];
    assert_eq!(entry.path, long.as_bytes());
    assert_eq!(
        (entry.kind, entry.link.as_slice()),
        (Kind::HardLink, &b"goal"[..])
    );
    assert_eq!((entry.uid, entry.mtime), (3_000_000, (-1, 0)));
}

#[test]
fn what_a_stranger_may_try_is_refused() {
    let mut broken = header("x", b'0', 0);
    broken[0] = b'y';
    assert!(error_of(&broken).contains("checksum"));

    let huge = header("pax", b'x', 1 << 40);
    assert!(error_of(&huge).contains("larger than 1 MiB"));

    let sparse = [
        pax(&[("GNU.sparse.major", "1")]),
        header("x", b'0', 0).to_vec(),
    ]
    .concat();
    assert!(error_of(&sparse).contains("sparse"));
    assert!(error_of(&header("x", b'S', 0)).contains("sparse"));

    let nul = [pax(&[("path", "a\0b")]), header("x", b'0', 0).to_vec()].concat();
    assert!(error_of(&nul).contains("NUL"));

    let chown_keeps = [pax(&[("uid", "4294967295")]), header("x", b'0', 0).to_vec()].concat();
    assert!(error_of(&chown_keeps).contains("out of range"));

    let long = "p".repeat(MAX_PATH + 1);
    let long = [pax(&[("path", &long)]), header("x", b'0', 0).to_vec()].concat();
    assert!(error_of(&long).contains("longer than 4096"));

    let mut negative = header("x", b'0', 0);
    negative[124..136].fill(0xff);
    seal(&mut negative);
    assert!(error_of(&negative).contains("negative"));

    for record in [
        "9 a=b\n",
        "x a=b\n",
        "99999999999999999999 a=b\n",
        "4 ab\n",
        "3 \n",
    ] {
        let archive = [
            header("pax", b'x', record.len() as u64).to_vec(),
            padded(record.as_bytes()),
        ]
        .concat();
        assert!(error_of(&archive).contains("pax"), "{record:?}");
    }
}

#[test]
fn a_cut_archive_is_an_error_but_a_missing_end_mark_is_not() {
    let archive = [header("f", b'0', 700).to_vec(), padded(&[1; 700])].concat();
    assert_eq!(entries(&archive).unwrap().len(), 1);
    for cut in [100, BLOCK + 100, archive.len() - 1] {
        let error = entries(&archive[..cut]).map(|all| all.len());
        let skipped = {
            let mut reader = TarReader::new(&archive[..cut]);
            reader.next_entry().and_then(|_| reader.next_entry())
        };
        assert!(error.is_err() || skipped.is_err(), "cut at {cut}");
    }
    let after_end = [vec![0; BLOCK], header("late", b'0', 0).to_vec()].concat();
    assert!(error_of(&after_end).contains("end-of-archive"));
}

#[test]
fn a_link_has_no_data_whatever_its_size_says() {
    let archive = [
        header("link", b'1', 700).to_vec(),
        header("file", b'0', 2).to_vec(),
        padded(b"ab"),
    ]
    .concat();
    let all = entries(&archive).unwrap();
    assert_eq!(all[1].0.path, b"file");
    assert_eq!(all[1].1, b"ab");
}
