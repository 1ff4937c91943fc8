//! Recorded tables of many pods, tables that grow, and ages.

use std::{fs, path::Path};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use lifepod_cli::{
    get::{self, Columns},
    render::{Clock, age, tabs::Tabs},
};
use lifepod_client::{manifest, proto};
use serde_json::Value as Json;

fn load(path: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn instant(value: &Json) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn clock(now: Timestamp) -> Clock {
    Clock {
        now,
        zone: TimeZone::UTC,
    }
}

/// What a command line asks for; `None` when it asks for more than a table of pods.
fn asked(argv: &[&str]) -> Option<(Columns, Option<String>, bool)> {
    let mut columns = Columns::default();
    let mut namespace = Some("default".to_owned());
    let mut headings = true;
    if argv[1] != "get" {
        return None;
    }
    let mut words = argv.iter().skip(2);
    while let Some(word) = words.next() {
        match *word {
            "pods" | "po" | "-w" => {}
            "-A" => {
                columns.namespace = true;
                namespace = None;
            }
            "-n" => namespace = Some((*words.next()?).to_owned()),
            "-o" if words.next() == Some(&"wide") => columns.wide = true,
            "-L" => columns.labels.push((*words.next()?).to_owned()),
            "--show-labels" => columns.all_labels = true,
            "--show-kind" => columns.kind = true,
            "--no-headers" => headings = false,
            _ => return None,
        }
    }
    Some((columns, namespace, headings))
}

fn argv(value: &Json) -> Vec<&str> {
    value["argv"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect()
}

/// Compares the tables of `lists/`. Gives back how many were compared, and what differs.
pub(crate) fn lists(directory: &Path) -> (usize, Vec<String>) {
    let inputs = load(&directory.join("lists/_inputs.json"));
    let typed = |pod: &Json| {
        let mut pod = pod.clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        manifest::from_json(&pod).unwrap()
    };
    let mut pods: Vec<proto::Pod> = inputs["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(typed)
        .collect();
    let key = |pod: &proto::Pod| {
        pod.metadata
            .clone()
            .map(|metadata| (metadata.namespace, metadata.name))
    };
    pods.sort_by_key(key);
    let mut compared = 0;
    let mut different = Vec::new();
    for entry in fs::read_dir(directory.join("lists")).unwrap() {
        let path = entry.unwrap().path();
        let value = load(&path);
        let Some((columns, namespace, headings)) =
            value.get("argv").and_then(|_| asked(&argv(&value)))
        else {
            continue;
        };
        if value["env"].is_object() {
            continue;
        }
        let is_meant = |pod: &&proto::Pod| match &namespace {
            Some(namespace) => &pod.metadata.as_ref().unwrap().namespace == namespace,
            None => true,
        };
        let meant: Vec<_> = pods.iter().filter(is_meant).cloned().collect();
        let times = [instant(&value["started"]), instant(&value["ended"])];
        let same = times.iter().any(|now| {
            value["stdout"]
                == get::table(
                    &meant,
                    &columns,
                    headings && !meant.is_empty(),
                    &clock(*now),
                )
        });
        compared += 1;
        if !same {
            different.push(format!("list {}", path.display()));
        }
    }
    (compared, different)
}

/// Compares the growing tables of `watch/`, line by line, each at the clock it was printed at.
pub(crate) fn watches(directory: &Path) -> (usize, Vec<String>) {
    let script = load(&directory.join("watch/_script.json"));
    let mut compared = 0;
    let mut different = Vec::new();
    for entry in fs::read_dir(directory.join("watch")).unwrap() {
        let path = entry.unwrap().path();
        let value = load(&path);
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.starts_with('_') || name.ends_with("-with-pod") {
            continue;
        }
        let Some((columns, _, headings)) = asked(&argv(&value)) else {
            continue;
        };
        compared += 1;
        let mut lines = value["lines"].as_array().unwrap().iter();
        let mut tabs = Tabs::table();
        // Headings are laid out together with the first line.
        let mut pending = match headings.then(|| lines.next()).flatten() {
            Some(line) => (
                columns.headings(),
                line["text"].as_str().unwrap().to_owned(),
            ),
            None => (String::new(), String::new()),
        };
        for (event, line) in script["watch_events"].as_array().unwrap().iter().zip(lines) {
            let (before, wanted) = std::mem::take(&mut pending);
            let pod = manifest::from_json(&event["object"]).unwrap();
            let at = instant(&line["at"]);
            let expected = format!("{wanted}{}", line["text"].as_str().unwrap());
            // The clock was read when the line arrived, a moment after it was printed.
            let nows = [0, 100, 1000].map(|ago| at - SignedDuration::from_millis(ago));
            let printed =
                nows.map(|now| tabs.layout(&format!("{before}{}", columns.row(&pod, &clock(now)))));
            if !printed.contains(&expected) {
                different.push(format!(
                    "watch {name}: {expected:?} instead of {:?}",
                    printed[0]
                ));
            }
        }
    }
    (compared, different)
}

/// Compares ages.
pub(crate) fn ages(directory: &Path) -> (usize, Vec<String>) {
    let text = fs::read_to_string(directory.join("duration.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    let differs = |row: &&Vec<&str>| age::human(row[0].parse::<i64>().unwrap() * 1000) != row[1];
    let different = rows
        .iter()
        .filter(differs)
        .map(|row| format!("age of {} s: {}", row[0], row[1]))
        .collect();
    (rows.len(), different)
}
