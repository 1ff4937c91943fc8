//! A person at a terminal.

use anyhow::Result;
use lifepod_client::proto::PodPhase;
use lifepod_tests::world::{SLEEPER, Terminal, World, script_pod};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_on_a_terminal_knows_its_size_and_gives_its_exit_code() -> Result<()> {
    let world = World::new().await?;
    world
        .create(&script_pod("shell", "Always", SLEEPER))
        .await?;
    world.watch.phase("shell", PodPhase::Running).await?;
    let command = world
        .cli()
        .on_terminal(&["exec", "-it", "shell", "--", "sh"]);
    let mut terminal = Terminal::start(command, 31, 117)?;

    terminal.expect("# ")?;
    terminal.type_in("stty size; tty\r")?;
    terminal.expect("31 117")?;
    terminal.expect("/dev/pts/")?;
    terminal.expect("# ")?;
    terminal.resize(40, 90)?;
    terminal
        .type_in("until [ \"$(stty size)\" = '40 90' ]; do sleep 0.05; done; echo re''sized\r")?;
    terminal.expect("resized")?;
    terminal.expect("# ")?;
    // The terminal there turns the key into a signal; the shell survives it.
    terminal.type_in("sh -c 'echo sl''eeping; exec sleep 3600'\r")?;
    terminal.expect("sleeping")?;
    terminal.type_in("\u{3}")?;
    terminal.expect("# ")?;
    terminal.type_in("exit 9\r")?;
    assert_eq!(terminal.exit_code()?, 9);
    world.finish().await
}
