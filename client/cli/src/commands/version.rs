//! `lifepod version`.

use lifepod_client::{manifest, proto};
use serde_json::{Value as Json, json};

use super::connect;
use crate::{
    args::{Global, VersionArgs},
    failure::Failure,
    output,
};

const CLIENT: &str = env!("CARGO_PKG_VERSION");

pub(super) async fn run(global: &Global, args: &VersionArgs) -> Result<(), Failure> {
    // The client's own version is told even when there is no server to ask.
    let asked = if args.client {
        Ok(None)
    } else {
        server(global).await.map(Some)
    };
    let (server, failure) = match asked {
        Ok(server) => (server, None),
        Err(failure) => (None, Some(failure)),
    };
    match args.output.as_deref() {
        None => {
            output::line(&format!("Client Version: v{CLIENT}"))?;
            if let Some(server) = &server {
                output::line(&format!("Server Version: v{}", server.version))?;
            }
        }
        Some("json") => output::data(&manifest::to_json_text(&json(server.as_ref())))?,
        Some("yaml") => output::data(&manifest::to_yaml_text(&json(server.as_ref())))?,
        Some(_) => return Err(Failure::error("--output must be 'yaml' or 'json'")),
    }
    failure.map_or(Ok(()), Err)
}

async fn server(global: &Global) -> Result<proto::GetServerInfoResponse, Failure> {
    Ok(connect(global).await?.server_info().await?)
}

fn json(server: Option<&proto::GetServerInfoResponse>) -> Json {
    let mut value = json!({"clientVersion": {"version": format!("v{CLIENT}")}});
    if let Some(server) = server {
        let runtime = server.runtime.clone().unwrap_or_default();
        value["serverVersion"] = json!({
            "version": format!("v{}", server.version),
            "gitCommit": server.git_commit,
            "epoch": server.epoch,
            "nodeName": server.node_name,
            "runtime": {"name": runtime.name, "version": runtime.version, "kernel": runtime.kernel},
        });
    }
    value
}
