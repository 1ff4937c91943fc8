//! `lifepod delete pod`.

mod plan;

use std::time::Duration;

use lifepod_client::{
    Client, DeleteOptions, Deleted, Pods, Selector, Watch, WatchEvent, WatchOptions, WatchStart,
    proto,
};
use tokio::time::{Instant, timeout_at};

use super::{connect, files};
use crate::{
    args::{DeleteArgs, Global},
    failure::{self, Failure},
    output, targets,
};
use plan::Plan;

/// A pod that is on its way out.
struct Going {
    name: String,
    uid: String,
    pods: Pods,
    resume_token: String,
}

pub(super) async fn run(global: &Global, args: &DeleteArgs) -> Result<(), Failure> {
    let plan = Plan::of(args)?;
    let sources = files::read(&args.filename, args.recursive)?;
    let client = connect(global).await?;
    if plan.forced {
        output::note(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been \
             terminated. The resource may continue to run on the cluster indefinitely.",
        );
    }
    let mut victims = plan.named(&sources, global)?;
    if plan.selects {
        let pods = targets::pods(&client, global, args.all_namespaces);
        let found = pods.list(&args.selector.selector()).await?.pods;
        if found.is_empty() {
            return output::line("No resources found");
        }
        let metadata = found.into_iter().filter_map(|pod| pod.metadata);
        victims.extend(metadata.map(|metadata| (metadata.namespace, metadata.name)));
    }
    let (going, mut failed) = delete_each(&client, &plan, victims).await?;
    if plan.waits {
        failed |= !wait_all(going, plan.timeout).await?;
    }
    if failed {
        Err(Failure::Exit(1))
    } else {
        Ok(())
    }
}

/// Asks for every deletion before any is waited for. Says whether one was refused, which has been told.
async fn delete_each(
    client: &Client,
    plan: &Plan,
    victims: Vec<(String, String)>,
) -> Result<(Vec<Going>, bool), Failure> {
    let mut failed = false;
    let mut going = Vec::new();
    for (namespace, name) in victims {
        let pods = client.pods(namespace);
        match pods.delete(&name, options(plan)).await {
            Ok(deleted) => {
                print(plan, pods.namespace(), &name, &deleted)?;
                going.extend(still_there(pods, name, deleted));
            }
            Err(error) => {
                output::note(&failure::told(&error, ""));
                failed = true;
            }
        }
    }
    Ok((going, failed))
}

fn options(plan: &Plan) -> DeleteOptions {
    DeleteOptions {
        grace_period_seconds: plan.grace,
        allow_missing: plan.ignore_missing,
        ..Default::default()
    }
}

fn print(plan: &Plan, namespace: &str, name: &str, deleted: &Deleted) -> Result<(), Failure> {
    if deleted.pod.is_none() {
        // It was missing, and that is no error.
        return Ok(());
    }
    if plan.names_only {
        return output::line(&format!("pod/{name}"));
    }
    let how = if plan.forced {
        "force deleted"
    } else {
        "deleted"
    };
    output::line(&format!("pod \"{name}\" {how} from {namespace} namespace"))
}

fn still_there(pods: Pods, name: String, deleted: Deleted) -> Option<Going> {
    let metadata = deleted.pod.and_then(|pod| pod.metadata)?;
    (!deleted.removed).then(|| Going {
        name,
        uid: metadata.uid,
        pods,
        resume_token: deleted.resume_token,
    })
}

/// Waits until all are gone. Says whether they are; what is not has been told.
async fn wait_all(going: Vec<Going>, limit: Option<Duration>) -> Result<bool, Failure> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    let mut all_gone = true;
    for pod in going {
        let name = pod.name.clone();
        let is_gone = match deadline {
            Some(deadline) => match timeout_at(deadline, wait_gone(pod)).await {
                Ok(result) => result.map(|()| true)?,
                Err(_) => false,
            },
            None => wait_gone(pod).await.map(|()| true)?,
        };
        if !is_gone {
            output::note(&format!(
                "error: timed out waiting for the condition on pods/{name}"
            ));
            all_gone = false;
        }
    }
    Ok(all_gone)
}

async fn wait_gone(pod: Going) -> Result<(), Failure> {
    let mut watch: Watch = pod.pods.watch(WatchOptions {
        selector: Selector::uid(pod.uid),
        start: WatchStart::Token(pod.resume_token),
        view: proto::PodView::TransitionsOnly,
        ..Default::default()
    });
    let mut seen = true;
    while let Some(event) = watch.next().await {
        match event? {
            WatchEvent::Change(change) if change.kind() == proto::ChangeKind::Deleted => {
                return Ok(());
            }
            // The watch had to start over: the pod may have gone unseen.
            WatchEvent::Reset(_) => seen = false,
            WatchEvent::Snapshot(_) => seen = true,
            WatchEvent::SnapshotDone { .. } if !seen => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}
