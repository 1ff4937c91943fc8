//! Recorded pods and what kubectl printed for them.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use lifepod_client::{manifest, proto, time};
use serde_json::Value as Json;

pub(crate) struct Recording {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) pod: proto::Pod,
    pub(crate) events: Vec<proto::Event>,
    pub(crate) outputs: BTreeMap<String, String>,
    /// Start and end of each command.
    pub(crate) times: BTreeMap<String, (Timestamp, Timestamp)>,
}

/// Where recordings are: those that were named, or the project's own.
pub(crate) fn directory() -> PathBuf {
    let named = env::var_os("LIFEPOD_KUBECTL_GOLDEN").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"))
}

pub(crate) fn recordings() -> Vec<Recording> {
    let entries = fs::read_dir(directory().join("states"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Recording {
    let value: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let texts = value["outputs"].as_object().unwrap().iter();
    let text =
        |(command, text): (&String, &Json)| Some((command.clone(), text.as_str()?.to_owned()));
    let spans = value["times"].as_object().unwrap().iter();
    let instant = |value: &Json| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    Recording {
        id: value["id"].as_str().unwrap().to_owned(),
        name: value["name"].as_str().unwrap().to_owned(),
        pod: manifest::from_json(&value["pod"]).unwrap(),
        events: value["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(event)
            .collect(),
        outputs: texts.filter_map(text).collect(),
        times: spans
            .map(|(command, span)| (command.clone(), (instant(&span[0]), instant(&span[1]))))
            .collect(),
    }
}

fn event(value: &Json) -> proto::Event {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let instant = |value: &Json| value.as_str().and_then(time::parse);
    let count = |value: &Json| i32::try_from(value.as_i64().unwrap_or_default()).unwrap();
    let object = &value["involvedObject"];
    let kind = match value["type"].as_str() {
        Some("Warning") => proto::EventType::Warning,
        _ => proto::EventType::Normal,
    };
    proto::Event {
        pod: Some(proto::PodReference {
            namespace: text(&object["namespace"]),
            name: text(&object["name"]),
            uid: text(&object["uid"]),
        }),
        r#type: kind.into(),
        reason: text(&value["reason"]),
        message: text(&value["message"]),
        field_path: text(&object["fieldPath"]),
        count: count(&value["count"]),
        first_timestamp: instant(&value["firstTimestamp"]),
        last_timestamp: instant(&value["lastTimestamp"]),
        source_component: text(&value["source"]["component"]),
        source_host: text(&value["source"]["host"]),
        name: text(&value["metadata"]["name"]),
        event_time: instant(&value["eventTime"]),
        series: value["series"].is_object().then(|| proto::EventSeries {
            count: count(&value["series"]["count"]),
            last_observed_time: instant(&value["series"]["lastObservedTime"]),
        }),
        reporting_component: text(&value["reportingComponent"]),
    }
}
