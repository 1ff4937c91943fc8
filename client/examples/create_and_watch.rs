//! Creates a pod from a manifest and prints everything that becomes of it, until it ends or is deleted.
//!
//! ```text
//! cargo run -p lifepod-client --example create_and_watch -- pod.yaml
//! ```

use std::{env, error::Error, fs};

use lifepod_client::{Client, Selector, WatchEvent, WatchOptions, WatchStart, manifest, proto};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("name a manifest")?;
    let pod = manifest::parse(&fs::read_to_string(path)?)?
        .pop()
        .ok_or("the manifest holds no pod")?;

    let client = Client::from_env().await?;
    let created = client.pods("").create(pod).await?;
    let metadata = created.pod.metadata.unwrap_or_default();

    // From the creation on: no transition can be missed, however soon it came.
    let mut watch = client.pods(metadata.namespace).watch(WatchOptions {
        selector: Selector::uid(metadata.uid),
        start: WatchStart::Token(created.resume_token),
        view: proto::PodView::StatusOnly,
        ..Default::default()
    });
    while let Some(event) = watch.next().await {
        let WatchEvent::Change(change) = event? else {
            continue;
        };
        for transition in &change.transitions {
            print(transition);
        }
        if change.kind() == proto::ChangeKind::Deleted || has_ended(&change) {
            break;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is what the example is for")]
fn print(transition: &proto::Transition) {
    let (from, to) = (&transition.from, &transition.to);
    let reason = &transition.reason;
    let revision = transition.revision;
    let subject = transition
        .subject
        .as_ref()
        .and_then(|subject| subject.subject.as_ref());
    println!("{revision:>6}  {from} -> {to}  {reason}  {subject:?}");
}

fn has_ended(change: &proto::PodChange) -> bool {
    let status = change.pod.as_ref().and_then(|pod| pod.status.as_ref());
    status.is_some_and(|status| {
        matches!(
            status.phase(),
            proto::PodPhase::Succeeded | proto::PodPhase::Failed
        )
    })
}
