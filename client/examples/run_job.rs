//! Runs a command to its end in a pod of its own, prints what it wrote, and exits with its exit code.
//!
//! ```text
//! cargo run -p lifepod-client --example run_job -- busybox sh -c 'date; exit 3'
//! ```

use std::{env, error::Error, io::Write, process::ExitCode, time::Duration};

use lifepod_client::{Client, DeleteOptions, LogOptions, Pods, Wait, WaitOutcome, proto};
use proto::container_state::State;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let image = arguments.next().ok_or("name an image and a command")?;
    let command: Vec<String> = arguments.collect();

    let pods = Client::from_env().await?.pods("default");
    let created = pods.create(job(image, command)).await?;
    let name = created.pod.metadata.clone().unwrap_or_default().name;
    let outcome = run(&pods, &name, created.resume_token).await;
    pods.delete(&name, DeleteOptions::grace(0)).await?;
    let code = outcome?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

fn job(image: String, command: Vec<String>) -> proto::Pod {
    proto::Pod {
        metadata: Some(proto::ObjectMeta {
            generate_name: "job-".to_owned(),
            ..Default::default()
        }),
        spec: Some(proto::PodSpec {
            restart_policy: proto::RestartPolicy::Never.into(),
            containers: vec![proto::Container {
                name: "job".to_owned(),
                image,
                command,
                ..Default::default()
            }],
            ..Default::default()
        }),
        status: None,
    }
}

async fn run(pods: &Pods, name: &str, since: String) -> Result<i32, Box<dyn Error>> {
    let ended = Wait::phase(proto::PodPhase::Succeeded)
        .or_phase(proto::PodPhase::Failed)
        .since_token(since)
        .within(Duration::from_secs(3600));
    let WaitOutcome::Met { pod: Some(pod), .. } = pods.wait_for(name, ended).await? else {
        return Err("the job did not end".into());
    };

    let mut logs = pods.logs(name, LogOptions::default()).await?;
    while let Some(entries) = logs.next().await? {
        for entry in entries {
            std::io::stdout().write_all(&entry.data)?;
        }
    }

    let status = pod.status.unwrap_or_default();
    let state = status
        .container_statuses
        .first()
        .and_then(|status| status.state.as_ref());
    match state.and_then(|state| state.state.as_ref()) {
        Some(State::Terminated(terminated)) => Ok(terminated.exit_code),
        _ => Err("the container did not end".into()),
    }
}
