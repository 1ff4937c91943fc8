//! What can be said on the command line.
//!
//! These types hold what was typed; what it means is worked out by each command.

use clap::{Args, Parser, Subcommand};
use lifepod_client::HOST_VARIABLE;

/// Runs and observes Kubernetes Pods on one machine.
#[derive(Debug, Parser)]
#[command(
    name = "lifepod",
    version,
    disable_help_subcommand = true,
    max_term_width = 120
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Namespace [default: default]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Server: unix:///path or http://127.0.0.1:port [default: unix:///run/lifepod/lifepod.sock]
    #[arg(long, global = true, value_name = "ENDPOINT", env = HOST_VARIABLE)]
    pub host: Option<String>,
    /// Longest time to wait for an answer, for example 10s
    #[arg(long, global = true, value_name = "TIME")]
    pub request_timeout: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create pods from manifests
    Create(CreateArgs),
    /// Show pods
    Get(GetArgs),
    /// Show everything about pods
    Describe(DescribeArgs),
    /// Delete pods
    Delete(DeleteArgs),
    /// Print what containers have written
    Logs(LogsArgs),
    /// Run a command in a container
    Exec(ExecArgs),
    /// Attach to the process of a container
    Attach(AttachArgs),
    /// Wait until something is true of pods
    Wait(WaitArgs),
    /// Show events of pods
    Events(EventsArgs),
    /// Show every recorded transition of a pod
    History(HistoryArgs),
    /// Work with images
    #[command(subcommand)]
    Image(ImageCommand),
    /// Show the versions of client and server
    Version(VersionArgs),
}

/// `create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Manifest, directory of manifests, or - for stdin
    #[arg(short, long = "filename", value_name = "FILE", value_delimiter = ',')]
    pub filename: Vec<String>,
    /// Go into directories below the directory
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// name, json or yaml
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
    /// none, client (show what would be sent) or server (have it checked)
    #[arg(long, value_name = "WHO", default_value = "none", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: String,
    /// strict, warn or ignore: how unknown fields are taken
    #[arg(long, value_name = "HOW", default_value = "strict", num_args = 0..=1, require_equals = true, default_missing_value = "strict")]
    pub validate: String,
}

/// Which pods are meant by their labels or fields.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectorArgs {
    /// Only pods with these labels: a=b, a!=b, 'a in (b,c)', a, '!a'
    #[arg(short = 'l', long = "selector", value_name = "LABELS")]
    pub labels: Option<String>,
    /// Only pods with these fields, for example status.phase=Running
    #[arg(long, value_name = "FIELDS")]
    pub field_selector: Option<String>,
}

/// `get`
#[derive(Debug, Args)]
pub struct GetArgs {
    /// pods, and names; or pod/NAME
    #[arg(value_name = "TYPE [NAME]")]
    pub targets: Vec<String>,
    /// wide, json, yaml or name
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
    /// Go on with every change
    #[arg(short, long)]
    pub watch: bool,
    /// Only changes from now on
    #[arg(long)]
    pub watch_only: bool,
    /// Pods of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Which pods.
    #[command(flatten)]
    pub selector: SelectorArgs,
    /// No headings
    #[arg(long)]
    pub no_headers: bool,
    /// A column with all labels
    #[arg(long)]
    pub show_labels: bool,
    /// pod/ before each name
    #[arg(long)]
    pub show_kind: bool,
    /// A column for each of these labels
    #[arg(short = 'L', long, value_name = "LABELS", value_delimiter = ',')]
    pub label_columns: Vec<String>,
    /// A missing pod is no error
    #[arg(long)]
    pub ignore_not_found: bool,
}

/// `describe`
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// pod, and names or the beginning of names
    #[arg(value_name = "TYPE [NAME]")]
    pub targets: Vec<String>,
    /// Pods of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Which pods.
    #[command(flatten)]
    pub selector: SelectorArgs,
    /// Whether events are shown [default: only for a single pod]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub show_events: Option<bool>,
}

/// `delete`
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// pod, and names; or pod/NAME
    #[arg(value_name = "TYPE [NAME]")]
    pub targets: Vec<String>,
    /// Pods of a manifest, of a directory of manifests, or of stdin (-)
    #[arg(short, long = "filename", value_name = "FILE", value_delimiter = ',')]
    pub filename: Vec<String>,
    /// Go into directories below the directory
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// All pods of the namespace
    #[arg(long)]
    pub all: bool,
    /// All pods of all namespaces, with --all or -l
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Which pods.
    #[command(flatten)]
    pub selector: SelectorArgs,
    /// Seconds between the stop signal and the kill [default: the pod's own]
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    pub grace_period: i64,
    /// Remove the pod at once and let its containers stop afterwards
    #[arg(long)]
    pub force: bool,
    /// As --grace-period=1
    #[arg(long)]
    pub now: bool,
    /// Whether to wait until the pod is gone
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub wait: bool,
    /// Longest time to wait; 0s for as long as it takes
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub timeout: String,
    /// A missing pod is no error
    #[arg(long)]
    pub ignore_not_found: bool,
    /// name
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
}

/// `logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Pod and container
    #[arg(value_name = "POD [CONTAINER]")]
    pub targets: Vec<String>,
    /// Container
    #[arg(short, long)]
    pub container: Option<String>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub follow: bool,
    /// The instance before the newest
    #[arg(short, long)]
    pub previous: bool,
    /// Only the last so many lines; -1 for all [default: -1, or 10 with a selector]
    #[arg(long, value_name = "LINES", allow_negative_numbers = true)]
    pub tail: Option<i64>,
    /// Only what is newer than this, for example 5m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only what was written at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub since_time: Option<String>,
    /// The time of writing before each line
    #[arg(long)]
    pub timestamps: bool,
    /// End after so many bytes
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    pub limit_bytes: Option<i64>,
    /// All containers of the pod
    #[arg(long)]
    pub all_containers: bool,
    /// [pod/NAME/CONTAINER] before each line
    #[arg(long)]
    pub prefix: bool,
    /// Which pods.
    #[command(flatten)]
    pub selector: SelectorArgs,
    /// Most logs followed at a time
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub max_log_requests: usize,
}

/// `exec`
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Pod
    #[arg(value_name = "POD")]
    pub targets: Vec<String>,
    /// Container
    #[arg(short, long)]
    pub container: Option<String>,
    /// Send stdin to the command
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// Give the command a terminal
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Print only what the command prints
    #[arg(short, long)]
    pub quiet: bool,
    /// Command and arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `attach`
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// Pod
    #[arg(value_name = "POD")]
    pub targets: Vec<String>,
    /// Container
    #[arg(short, long)]
    pub container: Option<String>,
    /// Send stdin to the process
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// The process has a terminal
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Print only what the process prints
    #[arg(short, long)]
    pub quiet: bool,
}

/// `wait`
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// pod/NAME, or pods with --all or -l
    #[arg(value_name = "TYPE [NAME]")]
    pub targets: Vec<String>,
    /// condition=TYPE[=VALUE], phase=PHASE, container=NAME=STATE or container=NAME=STATE:REASON, create or delete
    #[arg(long = "for", value_name = "CONDITION")]
    pub conditions: Vec<String>,
    /// Until one condition is true of one pod; without, every condition of every pod, one after the other
    #[arg(long)]
    pub any: bool,
    /// All pods of the namespace
    #[arg(long)]
    pub all: bool,
    /// Which pods.
    #[command(flatten)]
    pub selector: SelectorArgs,
    /// Longest time to wait; 0 looks once, negative is a week
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        allow_hyphen_values = true
    )]
    pub timeout: String,
    /// name
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
}

/// `events`
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only those of this pod: pod/NAME
    #[arg(long = "for", value_name = "POD")]
    pub target: Option<String>,
    /// Events of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Normal, Warning
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    /// No headings
    #[arg(long)]
    pub no_headers: bool,
}

/// `history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Pod; one that is gone may be named, too
    #[arg(value_name = "POD")]
    pub targets: Vec<String>,
    /// Only this container
    #[arg(short, long)]
    pub container: Option<String>,
    /// Only the pod of this uid
    #[arg(long)]
    pub uid: Option<String>,
    /// No headings
    #[arg(long)]
    pub no_headers: bool,
}

/// `image`
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Pull an image from a registry
    Pull {
        /// Image reference
        image: String,
        /// Print nothing but errors
        #[arg(short, long)]
        quiet: bool,
    },
    /// Load images from an archive
    Load {
        /// Archive (OCI layout or docker-save), or - for stdin
        archive: String,
        /// Reference for the image of an archive that holds one
        #[arg(
            long,
            value_name = "REFERENCE",
            default_value = "",
            hide_default_value = true
        )]
        tag: String,
    },
    /// List images
    #[command(visible_alias = "list")]
    Ls {
        /// json
        #[arg(short, long, value_name = "FORMAT")]
        output: Option<String>,
        /// Only ids
        #[arg(short, long)]
        quiet: bool,
        /// Ids and digests in full
        #[arg(long)]
        no_trunc: bool,
    },
    /// Remove images
    #[command(visible_alias = "remove")]
    Rm {
        /// References or ids
        #[arg(required = true)]
        images: Vec<String>,
        /// Although containers use them
        #[arg(short, long)]
        force: bool,
    },
}

/// `version`
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Only the client's
    #[arg(long)]
    pub client: bool,
    /// json or yaml
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
}
