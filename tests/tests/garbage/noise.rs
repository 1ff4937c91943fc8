//! What is no gRPC, and what only begins like it.

use anyhow::{Context, Result};
use lifepod_client::{Client, Selector};
use lifepod_tests::world::{Dice, SOON, World, private_memory};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};
use tokio::{task::spawn_blocking, time::timeout};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// What hundreds of bad connections may cost.
const ALLOWANCE: u64 = 24 << 20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn literal(index: u8, value: &str) -> Vec<u8> {
    // A header field with an indexed name and a literal value, not indexed (RFC 7541, 6.2.2).
    let mut field = vec![index];
    field.push(u8::try_from(value.len()).unwrap_or(0));
    field.extend(value.as_bytes());
    field
}

/// A call of a method that has begun, and whose message never comes.
fn half_a_call(path: &str, stream: u32) -> Vec<u8> {
    // `:method POST` and `:scheme http` stand in the static table.
    let mut headers = vec![0x83, 0x86];
    headers.extend(literal(0x04, path));
    headers.extend(literal(0x01, "localhost"));
    // `content-type` is entry 31: 15 in four bits, then the rest.
    headers.extend([0x0f, 0x10]);
    headers.push(16);
    headers.extend(b"application/grpc");
    frame(1, 0x4, stream, &headers)
}

fn connect(socket: &Path) -> Result<UnixStream> {
    let connection = UnixStream::connect(socket)?;
    connection.set_read_timeout(Some(SOON))?;
    connection.set_write_timeout(Some(SOON))?;
    Ok(connection)
}

/// Sends bytes and reads until the server closes; a server that closes early is fine.
fn speak(socket: &Path, bytes: &[u8]) -> Result<()> {
    let mut connection = connect(socket)?;
    let spoken = connection.write_all(bytes);
    // So that a server that waits for more sees the end.
    let _ = connection.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let heard = connection.read_to_end(&mut answer);
    for result in [spoken, heard.map(|_| ())] {
        match result {
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                return Err(error).context("the server neither answers nor closes");
            }
            _ => {}
        }
    }
    Ok(())
}

async fn check_well(world: &World, pid: u32) -> Result<()> {
    assert_eq!(world.daemon()?.pid(), pid);
    let client = timeout(
        Duration::from_secs(10),
        Client::connect(world.stage.endpoint()),
    )
    .await??;
    let listed = timeout(
        Duration::from_secs(10),
        client.all_pods().list(&Selector::all()),
    )
    .await??;
    assert_eq!(listed.pods.len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_is_turned_away() -> Result<()> {
    let world = World::new().await?;
    let pid = world.daemon()?.pid();
    let socket = world.stage.socket();
    spawn_blocking({
        let socket = socket.clone();
        move || -> Result<()> {
            let mut dice = Dice::new();
            for round in 0..300 {
                let length = dice.below(2000) as usize;
                let noise: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
                let mut bytes = Vec::new();
                if round % 3 > 0 {
                    bytes.extend(PREFACE);
                }
                if round % 3 > 1 {
                    bytes.extend(EMPTY_SETTINGS);
                    bytes.extend(frame(
                        dice.below(12) as u8,
                        dice.below(256) as u8,
                        dice.below(4) as u32,
                        &noise,
                    ));
                }
                bytes.extend(noise);
                speak(&socket, &bytes).with_context(|| format!("round {round}"))?;
            }
            Ok(())
        }
    })
    .await??;
    check_well(&world, pid).await?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_never_finished_cost_others_nothing() -> Result<()> {
    let world = World::new().await?;
    let pid = world.daemon()?.pid();
    check_well(&world, pid).await?;
    let before = private_memory(pid)?;
    let mut held = Vec::new();
    for number in 0..300 {
        let mut connection = connect(&world.stage.socket())?;
        // Nothing, a beginning, half a call, a call with half a message.
        if number % 4 > 0 {
            connection.write_all(PREFACE)?;
            connection.write_all(&EMPTY_SETTINGS)?;
        }
        if number % 4 > 1 {
            connection.write_all(&half_a_call("/lifepod.v1.PodService/CreatePod", 1))?;
        }
        if number % 4 > 2 {
            // A message of 4 GiB is announced.
            connection.write_all(&frame(0, 0, 1, &[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]))?;
        }
        held.push(connection);
    }
    check_well(&world, pid).await?;
    let grown = private_memory(pid)?.saturating_sub(before);
    assert!(
        grown < ALLOWANCE,
        "300 idle connections cost {} KiB",
        grown >> 10
    );
    drop(held);
    check_well(&world, pid).await?;
    world.finish().await
}
