//! How pods are printed.

use lifepod_client::{manifest, proto};
use serde_json::{Value as Json, json};

use crate::{
    args::GetArgs,
    failure::Failure,
    get::{self, Columns},
    output,
    render::{Clock, tabs::Tabs},
};

/// How pods are printed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    Table { columns: Columns, headings: bool },
    Name,
    Json,
    Yaml,
}

impl Format {
    pub(super) fn of(args: &GetArgs) -> Result<Self, Failure> {
        let columns = Columns {
            namespace: args.all_namespaces,
            wide: args.output.as_deref() == Some("wide"),
            labels: args.label_columns.clone(),
            all_labels: args.show_labels,
            kind: args.show_kind,
        };
        match args.output.as_deref() {
            None | Some("" | "wide") => Ok(Self::Table {
                columns,
                headings: !args.no_headers,
            }),
            Some("name") => Ok(Self::Name),
            Some("json") => Ok(Self::Json),
            Some("yaml") => Ok(Self::Yaml),
            Some(other) => Err(Failure::error(format!(
                "unable to match a printer suitable for the output format \"{other}\", allowed formats are: \
                 json,name,wide,yaml"
            ))),
        }
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self, Self::Table { .. })
    }

    pub(super) fn print_list(&self, pods: &[proto::Pod], clock: &Clock) -> Result<(), Failure> {
        match self {
            Self::Json => output::data(&manifest::to_json_text(&list(pods))),
            Self::Yaml => output::data(&manifest::to_yaml_text(&list(pods))),
            Self::Table { .. } if pods.is_empty() => Ok(()),
            Self::Table { columns, headings } => {
                output::data(&get::table(pods, columns, *headings, clock))
            }
            Self::Name => pods
                .iter()
                .try_for_each(|pod| self.print_single(pod, clock)),
        }
    }

    pub(super) fn print_single(&self, pod: &proto::Pod, clock: &Clock) -> Result<(), Failure> {
        match self {
            Self::Json => output::data(&manifest::to_json_text(&manifest::to_json(pod))),
            Self::Yaml => output::data(&manifest::to_yaml(pod)),
            Self::Table { .. } => self.print_list(std::slice::from_ref(pod), clock),
            Self::Name => {
                let name = pod
                    .metadata
                    .as_ref()
                    .map_or("", |metadata| metadata.name.as_str());
                output::line(&format!("pod/{name}"))
            }
        }
    }
}

fn list(pods: &[proto::Pod]) -> Json {
    let items: Vec<Json> = pods.iter().map(manifest::to_json).collect();
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
}

/// Prints pods one after another, as they change.
pub(super) struct Ticker<'a> {
    format: &'a Format,
    tabs: Tabs,
    with_headings: bool,
    printed: bool,
}

impl<'a> Ticker<'a> {
    pub(super) fn new(format: &'a Format) -> Self {
        let with_headings = matches!(format, Format::Table { headings: true, .. });
        Self {
            format,
            tabs: Tabs::table(),
            with_headings,
            printed: false,
        }
    }

    pub(super) fn print(&mut self, pods: &[proto::Pod], clock: &Clock) -> Result<(), Failure> {
        let Format::Table { columns, .. } = self.format else {
            for pod in pods {
                if self.format == &Format::Yaml && self.printed {
                    output::line("---")?;
                }
                self.format.print_single(pod, clock)?;
                self.printed = true;
            }
            return Ok(());
        };
        let mut text = String::new();
        if self.with_headings && !pods.is_empty() {
            text.push_str(&columns.headings());
            self.with_headings = false;
        }
        pods.iter()
            .for_each(|pod| text.push_str(&columns.row(pod, clock)));
        if text.is_empty() {
            return Ok(());
        }
        output::data(&self.tabs.layout(&text))
    }
}
