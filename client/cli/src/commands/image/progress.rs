//! How far a pull is, on a terminal.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lifepod_client::proto;

use crate::terminal;

/// A bar for each layer, on stderr; nothing when nobody looks.
pub(super) struct Progress {
    bars: MultiProgress,
    layers: BTreeMap<String, ProgressBar>,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let target = if quiet || !terminal::shows_progress() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            layers: BTreeMap::new(),
        }
    }

    pub(super) fn show(&mut self, state: &proto::PullProgress) {
        for layer in &state.layers {
            let bars = &self.bars;
            let bar = self
                .layers
                .entry(layer.digest.clone())
                .or_insert_with(|| bars.add(bar(&layer.digest)));
            bar.set_length(bytes(layer.total_bytes));
            bar.set_position(bytes(layer.done_bytes));
            bar.set_message(words(layer.stage()));
            if layer.stage() == proto::LayerStage::Done && !bar.is_finished() {
                bar.finish();
            }
        }
    }

    pub(super) fn finish(&self) {
        for bar in self.layers.values().filter(|bar| !bar.is_finished()) {
            bar.set_message(words(proto::LayerStage::Done));
            bar.finish();
        }
    }
}

fn bar(digest: &str) -> ProgressBar {
    let short: String = digest
        .trim_start_matches("sha256:")
        .chars()
        .take(12)
        .collect();
    let template = "{prefix}: {msg:<11} [{bar:30}] {bytes:>11} / {total_bytes}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_prefix(short);
    bar.set_style(style.progress_chars("=> "));
    bar
}

fn words(stage: proto::LayerStage) -> &'static str {
    match stage {
        proto::LayerStage::Unspecified | proto::LayerStage::Waiting => "waiting",
        proto::LayerStage::Downloading => "downloading",
        proto::LayerStage::Unpacking => "unpacking",
        proto::LayerStage::Done => "done",
    }
}

fn bytes(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
