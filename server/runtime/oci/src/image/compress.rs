//! Takes the compression off a layer or archive, whatever its media type claims.
//!
//! Like the reference implementations this looks at the first bytes, because registries and archives do
//! mislabel layers. The digest of the result is checked by the caller, so a wrong guess cannot pass.

use std::io::{self, BufReader, Read};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER: usize = 128 * 1024;

pub(crate) fn decompress<'a>(mut source: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = [0; 4];
    let mut got = 0;
    while got < magic.len() {
        match source.read(&mut magic[got..])? {
            0 => break,
            n => got += n,
        }
    }
    let (gzip, zstd) = (magic.starts_with(&GZIP), magic == ZSTD);
    let whole = io::Cursor::new(magic).take(got as u64).chain(source);
    Ok(if gzip {
        // Parallel compressors write several members; all of them are the layer.
        let buffered = BufReader::with_capacity(BUFFER, whole);
        Box::new(flate2::bufread::MultiGzDecoder::new(buffered))
    } else if zstd {
        Box::new(zstd::Decoder::new(whole)?)
    } else {
        Box::new(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(data: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decompress(data)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn knows_each_compression_by_its_magic() {
        for plain in [&b""[..], b"ab", b"hello hello hello"] {
            assert_eq!(read(plain).unwrap(), plain);
            assert_eq!(read(&gzip(plain)).unwrap(), plain);
            assert_eq!(read(&zstd::encode_all(plain, 1).unwrap()).unwrap(), plain);
        }
    }

    #[test]
    fn all_members_of_a_gzip_stream_count() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(read(&two).unwrap(), b"one two");
    }

    #[test]
    fn truncation_is_an_error() {
        for packed in [
            gzip(&[7; 5000]),
            zstd::encode_all(&[7; 5000][..], 1).unwrap(),
        ] {
            assert!(read(&packed[..packed.len() - 3]).is_err());
        }
    }
}
