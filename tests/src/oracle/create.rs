//! Replays create requests.

use anyhow::{Context, Result};
use lifepod_client::{
    Client,
    manifest::{self, Strictness},
    proto,
};

use super::{Answer, CreateCase, Judged, class::judge, intended};

/// Sends every create request as a dry run.
///
/// # Errors
///
/// When the server does not answer: a hostile body must not bring it down.
pub async fn replay_creates(client: &Client, cases: &[CreateCase]) -> Result<Vec<Judged>> {
    let mut judged = Vec::with_capacity(cases.len());
    for case in cases {
        let got = send(client, case).await;
        if let Answer::Refused { code: 0, message } = &got {
            return Err(anyhow::anyhow!("{message}")).with_context(|| case.id.clone());
        }
        judged.push(judge(&case.id, &case.expected, &got, intended::CREATES));
    }
    Ok(judged)
}

/// What `lifepod create --dry-run=server` does with the first object of a text.
async fn send(client: &Client, case: &CreateCase) -> Answer {
    let first = match manifest::parse_each(&case.manifest, Strictness::Strict) {
        Ok(objects) => objects.into_iter().next(),
        Err(error) => return Answer::of_manifest(&error),
    };
    match first {
        None => Answer::Refused {
            code: 400,
            message: "no object".to_owned(),
        },
        Some(Ok(parsed)) => validate(client, case, parsed.pod).await,
        Some(Err(error)) => {
            let pods = client.pods(&case.namespace);
            Answer::of_manifest(&pods.complete(error).await)
        }
    }
}

async fn validate(client: &Client, case: &CreateCase, mut pod: proto::Pod) -> Answer {
    let metadata = pod.metadata.get_or_insert_default();
    if metadata.namespace.is_empty() {
        metadata.namespace.clone_from(&case.namespace);
    } else if metadata.namespace != case.namespace {
        return Answer::Refused {
            code: 400,
            message: "the namespace is another".to_owned(),
        };
    }
    pod.status = None;
    match client.pods(&case.namespace).validate(pod).await {
        Ok(created) => Answer::Accepted(manifest::to_json(&created.pod)),
        Err(error) => Answer::of_error(&error),
    }
}
