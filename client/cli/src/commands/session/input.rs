//! stdin, chunk by chunk.

use std::{
    io::{self, Read},
    thread,
};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Chunks read and not sent yet; more waits in the pipe or terminal.
const CHUNKS: usize = 4;
const CHUNK_BYTES: usize = 16 << 10;

/// Reads stdin until its end, or until the receiver is dropped.
///
/// A read of stdin cannot be called off, so it has a thread of its own that ends with the process: an asynchronous read
/// would keep the runtime from shutting down until the next key is pressed.
pub(super) fn chunks() -> io::Result<mpsc::Receiver<Bytes>> {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            let mut stdin = io::stdin().lock();
            loop {
                match stdin.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        let chunk = Bytes::copy_from_slice(&buffer[..count]);
                        if sender.blocking_send(chunk).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        })?;
    Ok(receiver)
}
