//! `lifepod describe pod`.

use lifepod_client::{Error, Pods, Selector, proto};

use super::connect;
use crate::{
    args::{DescribeArgs, Global},
    describe::describe,
    failure::{self, Failure},
    output,
    render::Clock,
    targets::{self, Targets},
};

pub(super) async fn run(global: &Global, args: &DescribeArgs) -> Result<(), Failure> {
    if args.targets.is_empty() {
        return Err(Failure::error(
            "You must specify the type of resource to describe: pod",
        ));
    }
    let targets = Targets::parse(&args.targets)?;
    if !targets.names.is_empty() && !args.selector.is_empty() {
        return Err(Failure::error(
            "name cannot be provided when a selector is specified",
        ));
    }
    let client = connect(global).await?;
    let pods = targets::pods(&client, global, args.all_namespaces);
    if targets.names.is_empty() {
        let list = pods.list(&args.selector.selector()).await?.pods;
        if list.is_empty() {
            output::note(&targets::none_found(global, args.all_namespaces));
        }
        return print(&pods, &list, events_wanted(args, list.len()), "\n\n").await;
    }
    by_name(&pods, &targets.names, args).await
}

/// Events are a request of their own for every pod, so by default only a single pod shows them.
fn events_wanted(args: &DescribeArgs, count: usize) -> bool {
    args.show_events.unwrap_or(count == 1)
}

async fn by_name(pods: &Pods, names: &[String], args: &DescribeArgs) -> Result<(), Failure> {
    let mut found = Vec::new();
    let mut failed = false;
    for name in names {
        match pods.get(name).await {
            Ok(pod) => found.push(pod),
            Err(error) if error.is_not_found() && names.len() == 1 => {
                return by_prefix(pods, name, args, error).await;
            }
            Err(error) => {
                output::note(&failure::told(&error, ""));
                failed = true;
            }
        }
    }
    print(pods, &found, events_wanted(args, names.len()), "\n\n").await?;
    if failed {
        Err(Failure::Exit(1))
    } else {
        Ok(())
    }
}

/// Describes all pods whose name begins like this.
async fn by_prefix(
    pods: &Pods,
    prefix: &str,
    args: &DescribeArgs,
    missing: Error,
) -> Result<(), Failure> {
    let all = pods.list(&Selector::all()).await?.pods;
    let begins = |pod: &proto::Pod| {
        pod.metadata
            .as_ref()
            .is_some_and(|metadata| metadata.name.starts_with(prefix))
    };
    let found: Vec<_> = all.into_iter().filter(begins).collect();
    if found.is_empty() {
        return Err(missing.into());
    }
    for pod in &found {
        print(
            pods,
            std::slice::from_ref(pod),
            args.show_events == Some(true),
            "",
        )
        .await?;
        output::line("")?;
    }
    Ok(())
}

async fn print(
    pods: &Pods,
    found: &[proto::Pod],
    with_events: bool,
    separator: &str,
) -> Result<(), Failure> {
    for (index, pod) in found.iter().enumerate() {
        if index > 0 {
            output::data(separator)?;
        }
        let uid = pod
            .metadata
            .as_ref()
            .map_or("", |metadata| metadata.uid.as_str());
        let events = if with_events {
            Some(pods.events(&Selector::uid(uid)).await?)
        } else {
            None
        };
        output::data(&describe(pod, events.as_deref(), &Clock::system()))?;
    }
    Ok(())
}
