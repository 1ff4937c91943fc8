//! `lifepod logs`.

mod plan;
mod print;

use futures::{StreamExt, stream};
use lifepod_client::{Pods, proto};

use super::connect;
use crate::{
    args::{Global, LogsArgs},
    containers,
    failure::{self, Failure},
    output, targets,
};
use plan::{Plan, Which};
use print::Printer;

/// One log that is read.
struct Source {
    pod: String,
    container: String,
}

pub(super) async fn run(global: &Global, args: &LogsArgs) -> Result<(), Failure> {
    let plan = Plan::of(args)?;
    let client = connect(global).await?;
    let pods = client.pods(targets::namespace(global));
    let sources = match &plan.which {
        Which::Pod(name) => {
            let pod = pods
                .get(name)
                .await
                .map_err(|error| missing(&error, global))?;
            plan.check()?;
            containers_of(&pod, args)?
        }
        Which::Selected => {
            let found = pods.list(&args.selector.selector()).await?.pods;
            plan.check()?;
            if found.is_empty() {
                output::note(&targets::none_found(global, false));
            }
            let mut sources = Vec::new();
            for pod in &found {
                sources.extend(containers_of(pod, args)?);
            }
            sources
        }
    };
    if !args.follow {
        return one_by_one(&pods, &plan, &sources, args).await;
    }
    if sources.len() > args.max_log_requests {
        let (asked, most) = (sources.len(), args.max_log_requests);
        return Err(Failure::error(format!(
            "you are attempting to follow {asked} log streams, but maximum allowed concurrency is {most}, use \
             --max-log-requests to increase the limit"
        )));
    }
    all_at_once(&pods, &plan, &sources, args).await
}

/// kubectl has a wording of its own for a pod that is missing here.
fn missing(error: &lifepod_client::Error, global: &Global) -> Failure {
    match error.api() {
        Some(answer) if error.is_not_found() => {
            let namespace = targets::namespace(global);
            let text = failure::message(answer);
            Failure::error(format!(
                "error from server (NotFound): {text} in namespace {namespace:?}"
            ))
        }
        _ => Failure::Told(failure::told(error, "")),
    }
}

fn containers_of(pod: &proto::Pod, args: &LogsArgs) -> Result<Vec<Source>, Failure> {
    let name = pod.metadata.clone().unwrap_or_default().name;
    let chosen = if args.all_containers {
        containers::all(&pod.spec.clone().unwrap_or_default())
    } else {
        vec![containers::choose(pod, plan::container(args), false)?]
    };
    let source = |container| Source {
        pod: name.clone(),
        container,
    };
    Ok(chosen.into_iter().map(source).collect())
}

async fn one_by_one(
    pods: &Pods,
    plan: &Plan,
    sources: &[Source],
    args: &LogsArgs,
) -> Result<(), Failure> {
    for source in sources {
        let mut printer = Printer::new(source, args.prefix);
        let mut logs = pods
            .logs(&source.pod, plan.options(&source.container))
            .await?;
        while let Some(entries) = logs.next().await? {
            printer.print(&entries)?;
        }
    }
    Ok(())
}

async fn all_at_once(
    pods: &Pods,
    plan: &Plan,
    sources: &[Source],
    args: &LogsArgs,
) -> Result<(), Failure> {
    let mut streams = Vec::new();
    let mut printers = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let logs = plan::open(pods, plan, &source.pod, &source.container).await?;
        streams.push(Box::pin(
            logs.into_stream().map(move |entries| (index, entries)),
        ));
        printers.push(Printer::new(source, args.prefix));
    }
    let mut merged = stream::select_all(streams);
    while let Some((index, entries)) = merged.next().await {
        printers[index].print(&entries?)?;
    }
    Ok(())
}
