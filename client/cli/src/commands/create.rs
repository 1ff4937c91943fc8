//! `lifepod create -f`.

use lifepod_client::{
    Client,
    manifest::{self, Parsed, Strictness},
    proto,
};

use super::{
    connect,
    files::{self, Source},
};
use crate::{
    args::{CreateArgs, Global},
    failure::{self, Failure},
    output, targets,
};

#[derive(Clone, Copy, PartialEq)]
enum DryRun {
    None,
    Client,
    Server,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Sentence,
    Name,
    Json,
    Yaml,
}

/// What was typed, worked out.
struct Plan {
    dry_run: DryRun,
    format: Format,
    strictness: Strictness,
}

pub(super) async fn run(global: &Global, args: &CreateArgs) -> Result<(), Failure> {
    let plan = plan(args)?;
    if args.filename.is_empty() {
        return Err(Failure::error("must specify one of -f and -k"));
    }
    let sources = files::read(&args.filename, args.recursive)?;
    let client = match plan.dry_run {
        DryRun::Client => None,
        DryRun::None | DryRun::Server => Some(connect(global).await?),
    };
    let mut failed = false;
    for source in &sources {
        failed |= !create_all(client.as_ref(), global, &plan, source).await?;
    }
    if failed {
        Err(Failure::Exit(1))
    } else {
        Ok(())
    }
}

fn plan(args: &CreateArgs) -> Result<Plan, Failure> {
    let dry_run = match args.dry_run.as_str() {
        "none" | "false" => DryRun::None,
        "client" => DryRun::Client,
        "server" | "true" => DryRun::Server,
        other => {
            return Err(Failure::error(format!(
                "Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\"."
            )));
        }
    };
    let format = match args.output.as_deref() {
        None => Format::Sentence,
        Some("name") => Format::Name,
        Some("json") => Format::Json,
        Some("yaml") => Format::Yaml,
        Some(other) => {
            return Err(Failure::error(format!(
                "unable to match a printer suitable for the output format \"{other}\", allowed formats are: json,name,yaml"
            )));
        }
    };
    let strictness = match args.validate.as_str() {
        "strict" | "true" => Strictness::Strict,
        "warn" => Strictness::Warn,
        "ignore" | "false" => Strictness::Ignore,
        other => {
            return Err(Failure::error(format!(
                "invalid - validate option \"{other}\""
            )));
        }
    };
    Ok(Plan {
        dry_run,
        format,
        strictness,
    })
}

/// Creates the pods of one source. Says whether all went well; what did not has been told.
async fn create_all(
    client: Option<&Client>,
    global: &Global,
    plan: &Plan,
    source: &Source,
) -> Result<bool, Failure> {
    let doing = format!("error when creating {:?}: ", source.name);
    let parsed = match manifest::parse_each(&source.text, plan.strictness) {
        Ok(parsed) => parsed,
        Err(error) => {
            output::note(&failure::manifest(&error, &source.name, &doing));
            return Ok(false);
        }
    };
    if parsed.is_empty() {
        output::note("error: no objects passed to create");
        return Ok(false);
    }
    let mut all_well = true;
    for result in parsed {
        let told = match result {
            Ok(parsed) => create_one(client, global, plan, parsed, &doing).await?,
            Err(error) => {
                let error = match client {
                    Some(client) => {
                        client
                            .pods(targets::namespace(global))
                            .complete(error)
                            .await
                    }
                    None => error,
                };
                Some(failure::manifest(&error, &source.name, &doing))
            }
        };
        if let Some(told) = told {
            output::note(&told);
            all_well = false;
        }
    }
    Ok(all_well)
}

/// Creates a pod. Gives back what is to be told when that fails.
async fn create_one(
    client: Option<&Client>,
    global: &Global,
    plan: &Plan,
    parsed: Parsed,
    doing: &str,
) -> Result<Option<String>, Failure> {
    for warning in &parsed.warnings {
        output::note(&format!("Warning: {warning}"));
    }
    let mut pod = parsed.pod;
    pod.status = None;
    if let Some(told) = place(&mut pod, global) {
        return Ok(Some(told));
    }
    let Some(client) = client else {
        print(plan, &pod)?;
        return Ok(None);
    };
    let name = pod.metadata.clone().unwrap_or_default().name;
    let pods = client.pods(targets::namespace(global));
    let created = match plan.dry_run {
        DryRun::Server => pods.validate(pod).await,
        DryRun::None | DryRun::Client => pods.create(pod).await,
    };
    match created {
        Ok(created) => {
            created.warnings.iter().for_each(warn);
            print(plan, &created.pod)?;
            Ok(None)
        }
        Err(error) => Ok(Some(failure::told_of(&error, doing, &name))),
    }
}

/// Puts a pod into its namespace. A manifest that names one must agree with the command line.
fn place(pod: &mut proto::Pod, global: &Global) -> Option<String> {
    let metadata = pod.metadata.get_or_insert_default();
    let asked = targets::namespace(global);
    if metadata.namespace.is_empty() {
        asked.clone_into(&mut metadata.namespace);
    }
    let own = &metadata.namespace;
    let agrees = own == asked || global.namespace.is_none();
    (!agrees).then(|| {
        format!(
            "error: the namespace from the provided object \"{own}\" does not match the namespace \"{asked}\". You \
             must pass '--namespace={own}' to perform this operation."
        )
    })
}

fn warn(warning: &proto::Warning) {
    let (field, message) = (&warning.field, &warning.message);
    if field.is_empty() || message.starts_with(field) {
        output::note(&format!("Warning: {message}"));
    } else {
        output::note(&format!("Warning: {field}: {message}"));
    }
}

fn print(plan: &Plan, pod: &proto::Pod) -> Result<(), Failure> {
    let name = pod
        .metadata
        .as_ref()
        .map_or("", |metadata| metadata.name.as_str());
    match plan.format {
        Format::Sentence => {
            let how = match plan.dry_run {
                DryRun::None => "",
                DryRun::Client => " (dry run)",
                DryRun::Server => " (server dry run)",
            };
            output::line(&format!("pod/{name} created{how}"))
        }
        Format::Name => output::line(&format!("pod/{name}")),
        Format::Json => output::data(&manifest::to_json_text(&manifest::to_json(pod))),
        Format::Yaml => output::data(&manifest::to_yaml(pod)),
    }
}
