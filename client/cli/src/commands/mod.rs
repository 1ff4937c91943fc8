//! The commands.

mod create;
mod delete;
mod describe;
mod events;
mod files;
mod get;
mod history;
mod image;
mod logs;
mod session;
mod version;
mod wait;

use lifepod_client::{Client, Endpoint};

use crate::{
    args::{Cli, Command, Global},
    duration,
    failure::Failure,
};

/// Runs a command. The exit code is 0, or that of a command that was run in a container.
///
/// # Errors
/// Whatever went wrong; it has not been told yet.
pub(crate) async fn run(cli: Cli) -> Result<i32, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Create(args) => create::run(&global, &args).await.map(|()| 0),
        Command::Get(args) => get::run(&global, &args).await.map(|()| 0),
        Command::Describe(args) => describe::run(&global, &args).await.map(|()| 0),
        Command::Delete(args) => delete::run(&global, &args).await.map(|()| 0),
        Command::Logs(args) => logs::run(&global, &args).await.map(|()| 0),
        Command::Exec(args) => session::exec(&global, args).await,
        Command::Attach(args) => session::attach(&global, args).await,
        Command::Wait(args) => wait::run(&global, &args).await.map(|()| 0),
        Command::Events(args) => events::run(&global, &args).await.map(|()| 0),
        Command::History(args) => history::run(&global, &args).await.map(|()| 0),
        Command::Image(command) => image::run(&global, command).await.map(|()| 0),
        Command::Version(args) => version::run(&global, &args).await.map(|()| 0),
    }
}

/// Connects to the server that was named.
async fn connect(global: &Global) -> Result<Client, Failure> {
    let endpoint = match &global.host {
        Some(text) => text.parse::<Endpoint>()?,
        None => Endpoint::from_env()?,
    };
    let mut builder = Client::builder(endpoint.clone());
    if let Some(text) = &global.request_timeout {
        builder = builder.deadline(duration::parse_positive(text, "--request-timeout")?);
    }
    builder.connect().await.map_err(|error| {
        let hint = "did you specify the right host or port?";
        Failure::Told(format!(
            "The connection to the server {endpoint} was refused - {hint}\n  {error}"
        ))
    })
}
