//! A client not written here: Python's grpcio with nothing but server reflection.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use lifepod_tests::world::{IMAGE, World};
use tokio::task::block_in_place;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/interop");

/// Python with grpcio, in an environment below `target/`; made once.
fn python() -> Result<std::path::PathBuf> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let (python, wanted) = (
        environment.join("bin/python"),
        Path::new(FOLDER).join("requirements.txt"),
    );
    let done = environment.join("requirements.txt");
    let requirements = std::fs::read(&wanted)?;
    if std::fs::read(&done).is_ok_and(|known| known == requirements) {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment))
    .context("hint: apt-get install python3-venv")?;
    let mut pip = Command::new(&python);
    run(pip
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(&wanted))?;
    std::fs::write(done, requirements)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    ensure!(output.status.success(), "{command:?} failed:\n{out}{err}");
    Ok(out.into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_lists_the_services_creates_watches_and_deletes_a_pod() -> Result<()> {
    let python = block_in_place(python)?;
    let world = World::new().await?;
    let target = world.stage.endpoint().replace("unix://", "unix:");
    let script = Path::new(FOLDER).join("walk.py");
    let told = block_in_place(|| run(Command::new(python).arg(script).args([&target, IMAGE])))?;
    println!("{told}");
    for expected in [
        "lifepod.v1.PodService",
        "health: SERVING",
        "phase: Running",
        "refused: INVALID_ARGUMENT",
        "deleted",
    ] {
        assert!(
            told.contains(expected),
            "`{expected}` is missing in:\n{told}"
        );
    }
    world.finish().await
}
