//! How long attaching and detaching pods takes, in a network namespace of its own.
//!
//! `cargo run --release -p lifepod-oci --example network_latency [pods]` (as root)

#![expect(clippy::print_stdout, reason = "prints figures")]

use lifepod_oci::network::{Network, NetworkConfig, PortMapping, Protocol};
use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};
use std::{
    error::Error,
    fs::File,
    os::fd::AsRawFd,
    thread,
    time::{Duration, Instant},
};

fn main() -> Result<(), Box<dyn Error>> {
    let pods = std::env::args()
        .nth(1)
        .map_or(Ok(200), |count| count.parse())?;
    enter_new_namespace()?;
    let started = Instant::now();
    let network = Network::open(&NetworkConfig::default())?;
    println!("{:32} {:>8.2?}", "open, nothing there", started.elapsed());

    let plain = series(pods, |n| attach(&network, n, &[]))?;
    report("attach", plain.iter().map(|(took, _)| *took).collect());
    let detach = (0..pods)
        .map(|n| timed(|| network.detach(&uid(n))))
        .collect::<Result<_, _>>()?;
    report("detach", detach);
    drop(plain);

    let published = series(50, |n| attach(&network, 1000 + n, &[port(n)]))?;
    report(
        "attach with a host port",
        published.iter().map(|(took, _)| *took).collect(),
    );

    let started = Instant::now();
    let together = thread::scope(|scope| {
        let network = &network;
        let threads: Vec<_> = (2000..2050)
            .map(|n| scope.spawn(move || attach(network, n, &[])))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "panicked"))
            .collect::<Vec<_>>()
    });
    println!("{:32} {:>8.2?}", "50 attaches at once", started.elapsed());

    let started = Instant::now();
    Network::open(&NetworkConfig::default())?;
    println!("{:32} {:>8.2?}", "open, 100 pods there", started.elapsed());
    drop((published, together));
    Ok(())
}

type Attached = (Duration, File);

fn attach(network: &Network, n: u16, ports: &[PortMapping]) -> Result<Attached, String> {
    let namespace = new_namespace().map_err(|error| error.to_string())?;
    let path = format!("/proc/self/fd/{}", namespace.as_raw_fd());
    let started = Instant::now();
    network
        .attach(&uid(n), path.as_ref(), ports)
        .map_err(|error| error.to_string())?;
    Ok((started.elapsed(), namespace))
}

fn series(
    count: u16,
    attach: impl Fn(u16) -> Result<Attached, String>,
) -> Result<Vec<Attached>, String> {
    (0..count).map(attach).collect()
}

fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Duration, E> {
    let started = Instant::now();
    work().map(|()| started.elapsed())
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{what:32} p50 {:>8.2?}   p90 {:>8.2?}   p99 {:>8.2?}   max {:>8.2?}   ({} pods)",
        at(50),
        at(90),
        at(99),
        at(100),
        times.len()
    );
}

fn uid(n: u16) -> String {
    format!("00000000-0000-7000-8000-{n:012}")
}

fn port(n: u16) -> PortMapping {
    PortMapping {
        protocol: Protocol::Tcp,
        host_ip: None,
        host_port: 20000 + n,
        container_port: 80,
    }
}

fn enter_new_namespace() -> rustix::io::Result<()> {
    #[expect(unsafe_code, reason = "unshare has no safe form")]
    // SAFETY: only the network namespace changes; file descriptors and memory stay shared.
    unsafe {
        unshare_unsafe(UnshareFlags::NEWNET)
    }
}

/// A namespace without a process, kept alive by the file.
fn new_namespace() -> Result<File, Box<dyn Error + Send + Sync>> {
    let made = thread::spawn(|| -> Result<File, Box<dyn Error + Send + Sync>> {
        enter_new_namespace()?;
        Ok(File::open(format!(
            "/proc/self/task/{}/ns/net",
            gettid().as_raw_nonzero()
        ))?)
    });
    made.join().map_err(|_| "making a namespace panicked")?
}
