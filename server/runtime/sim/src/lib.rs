//! A runtime in which nothing runs: containers follow scripts, time may be scaled or virtual.
//!
//! ```text
//!  effects ─► SimRuntime ─► World (sandboxes, instances)     one task per live container sleeps
//!  facts   ◄─ FactSink  ◄─ process tasks ◄─ SimClock         until its script or a signal ends it
//! ```
//!
//! It is meant for tests of the engine, of servers and of clients: the engine, the journal and
//! the API in front of it are the real ones, only the containers are not.
//!
//! # Scripts
//!
//! Pod annotations say what happens. A pod without any runs for ever and obeys SIGTERM.
//!
//! | annotation | value |
//! |---|---|
//! | `sim.lifepod.dev/<container>` | what each start of the container does; starts are separated by `;`, the last repeats |
//! | `sim.lifepod.dev/<container>.image` | `pull=<time>`, `fail=<n\|always>`: the first n pulls for this container fail |
//! | `pod.sim.lifepod.dev/sandbox` | `create=<time>`, `fail=<n\|always>`: the first n attempts to make the sandbox fail |
//!
//! Words of one start, separated by spaces; text with spaces or `;` goes into double quotes:
//!
//! | word | meaning | default |
//! |---|---|---|
//! | `start=<time>` | from the request until the process runs | 0 |
//! | `start-fail=<config\|create\|start>` | the start fails at that step | |
//! | `run=<time\|forever>` | how long the process runs by itself | for ever; 0 with `exit` or `oom` |
//! | `exit=<0–255>` | exit code when it ends by itself | 0 |
//! | `oom` | instead, it is killed for memory: 137, `OOMKilled` | |
//! | `ignore-term` | SIGTERM does nothing, only SIGKILL ends it | |
//! | `term=<time>` | from SIGTERM until the exit | 0 |
//! | `exit-on-term=<0–255>` | exit code after SIGTERM | killed by the signal: 143 |
//! | `log=<text>` | a line on standard output at the start; may be repeated | |
//! | `message=<text>` | termination message | empty |
//! | `post-start=<time>`, `pre-stop=<time>` | how long the hook takes (a `sleep` hook sleeps what the spec says) | 0 |
//! | `post-start-fail`, `pre-stop-fail` | the hook fails in the end | |
//!
//! A time is `0` or numbers with units (`ms`, `s`, `m`, `h`): `1m30s`. `2s~500ms` is a time
//! between 2 s and 2.5 s, decided by the seed, the pod's name, the container, the start and the
//! word alone, so that it does not depend on what else happens.
//!
//! A script that cannot be understood fails what needed it, with the annotation and the word in
//! the text: the start with [`StartFailure::Config`](lifepod_lifecycle::input::StartFailure), the
//! pull with `ImageInspectError`, the sandbox with `SandboxFailed`. Scripts are read when they are
//! needed: a changed annotation holds for the next start, a running container keeps its script.
//!
//! # Images
//!
//! The simulated registry has every image, except `sim/missing` and all names that begin with
//! `sim/missing-`. Those appear when [`SimRuntime::push_image`] pushes them or when the `fail=<n>`
//! of a script has run out.
//!
//! # Time
//!
//! [`SimClock`] runs on tokio's timers: real, scaled by a factor, or virtual on tokio's paused
//! clock. Virtual time passes only while the async runtime has nothing to do, so the engine must
//! be a task of that same runtime then (`Placement::Task`). The same seed and the same inputs give
//! the same facts in the same order; with real threads, the order between containers is theirs.
//!
//! # What is left behind
//!
//! Everything lives in memory and ends with the process, or with `detach`: after a restart every
//! sandbox is gone, as after a reboot. An engine that was killed and started again over the same
//! [`SimRuntime`] finds its containers. Log files are real and follow the kubelet's layout.
//!
//! Not simulated yet: exec, attach, archives (all answer `Unsupported`), and probe answers over
//! time: a probe succeeds while the container runs.

mod clock;
mod containers;
mod dice;
mod handlers;
mod images;
mod log;
mod process;
mod runtime;
mod script;
mod streams;
mod world;

pub use clock::{BadSpeed, SimClock};
pub use runtime::{SimConfig, SimRuntime};
pub use script::{Problem, ScriptError, check};
