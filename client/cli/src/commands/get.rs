//! `lifepod get pods`.

mod format;
mod watch;

use lifepod_client::{proto, reasons};

use super::connect;
use crate::{
    args::{GetArgs, Global},
    failure::{self, Failure},
    output,
    render::Clock,
    targets::{self, Targets},
};
use format::Format;

pub(super) async fn run(global: &Global, args: &GetArgs) -> Result<(), Failure> {
    let targets = parse(args)?;
    let format = Format::of(args)?;
    let client = connect(global).await?;
    let pods = targets::pods(&client, global, args.all_namespaces);
    if args.watch || args.watch_only {
        return watch::run(&pods, &targets, &format, args).await;
    }
    if targets.names.is_empty() {
        let list = pods.list(&args.selector.selector()).await;
        let list = list.map_err(|error| unmatched(&error, args))?.pods;
        if list.is_empty() && format.is_table() {
            output::note(&targets::none_found(global, args.all_namespaces));
        }
        return format.print_list(&list, &Clock::system());
    }
    let (found, failed) = get_each(&pods, &targets.names, args.ignore_not_found).await;
    if found.len() == 1 && targets.names.len() == 1 {
        format.print_single(&found[0], &Clock::system())?;
    } else if !found.is_empty() || !format.is_table() && !failed {
        format.print_list(&found, &Clock::system())?;
    }
    if failed {
        Err(Failure::Exit(1))
    } else {
        Ok(())
    }
}

fn parse(args: &GetArgs) -> Result<Targets, Failure> {
    if args.targets.is_empty() {
        output::note("You must specify the type of resource to get: pods.\n");
        return Err(Failure::error(
            "Required resource not specified.\nSee 'lifepod get -h' for help and examples",
        ));
    }
    let targets = Targets::parse(&args.targets)?;
    if !targets.names.is_empty() {
        if !args.selector.is_empty() {
            return Err(Failure::error(
                "name cannot be provided when a selector is specified",
            ));
        }
        if args.all_namespaces {
            return Err(Failure::error(
                "a resource cannot be retrieved by name across all namespaces",
            ));
        }
    }
    Ok(targets)
}

/// kubectl repeats a selector that makes no sense.
fn unmatched(error: &lifepod_client::Error, args: &GetArgs) -> Failure {
    if error.reason() != reasons::SELECTOR_INVALID {
        return Failure::Told(failure::told(error, ""));
    }
    let labels = args.selector.labels.as_deref().unwrap_or_default();
    let fields = args.selector.field_selector.as_deref().unwrap_or_default();
    let doing = format!(
        "Unable to find \"/v1, Resource=pods\" that match label selector \"{labels}\", field selector \"{fields}\": "
    );
    Failure::Told(failure::told(error, &doing))
}

/// Reads pods by name. What fails is told; says whether anything did.
async fn get_each(
    pods: &lifepod_client::Pods,
    names: &[String],
    ignore: bool,
) -> (Vec<proto::Pod>, bool) {
    let mut found = Vec::new();
    let mut failed = false;
    for name in names {
        match pods.get(name).await {
            Ok(pod) => found.push(pod),
            Err(error) if ignore && error.is_not_found() => {}
            Err(error) => {
                output::note(&failure::told(&error, ""));
                failed = true;
            }
        }
    }
    (found, failed)
}
