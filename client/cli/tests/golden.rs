//! Compares what is printed with recorded outputs of kubectl.
//!
//! The environment variable `LIFEPOD_KUBECTL_GOLDEN` names a directory of recordings; without it the few in `tests/cases`
//! are taken:
//!
//! * `states/*.json`: a `pod`, its `events`, the `outputs` of several commands and the `times` they were run at;
//! * `lists/*.json`: tables of the pods in `lists/_inputs.json`;
//! * `watch/*.json`: tables that grow with the events in `watch/_script.json`;
//! * `duration.tsv`: ages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "golden/recording.rs"]
mod recording;
#[path = "golden/tables.rs"]
mod tables;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use lifepod_cli::{describe, events, get, render::Clock};
use lifepod_client::manifest;
use recording::{Recording, directory, recordings};

/// What a command prints for a recorded pod.
fn printed(recording: &Recording, command: &str, clock: &Clock) -> String {
    let pods = std::slice::from_ref(&recording.pod);
    let columns = get::Columns::default();
    match command {
        "get" => get::table(pods, &columns, true, clock),
        "get_no_headers" => get::table(pods, &columns, false, clock),
        "get_wide" => get::table(
            pods,
            &get::Columns {
                wide: true,
                ..columns
            },
            true,
            clock,
        ),
        "get_show_labels" => get::table(
            pods,
            &get::Columns {
                all_labels: true,
                ..columns
            },
            true,
            clock,
        ),
        "get_label_columns" => {
            let labels = ["app", "tier"].map(str::to_owned).to_vec();
            get::table(pods, &get::Columns { labels, ..columns }, true, clock)
        }
        "get_name" => format!("pod/{}\n", recording.name),
        "get_yaml" => manifest::to_yaml(&recording.pod),
        "get_json" => manifest::to_json_text(&manifest::to_json(&recording.pod)),
        "describe" => describe::describe(&recording.pod, Some(&recording.events), clock),
        "events" => events::table(&recording.events, false, true, clock),
        _ => unreachable!("no such command"),
    }
}

const COMMANDS: [&str; 10] = [
    "get",
    "get_wide",
    "get_no_headers",
    "get_show_labels",
    "get_label_columns",
    "get_name",
    "get_yaml",
    "get_json",
    "describe",
    "events",
];

/// Ages depend on the second a command was run in; any between its start and its end will do.
fn first_difference(recording: &Recording, command: &str, expected: &str) -> Option<String> {
    let (start, end) = recording.times[command];
    let mut last = None;
    let mut now = start;
    loop {
        let clock = Clock {
            now,
            zone: TimeZone::UTC,
        };
        let printed = printed(recording, command, &clock);
        if printed == expected {
            return None;
        }
        last.get_or_insert(printed);
        if now == end {
            break;
        }
        now = end.min(now + jiff::SignedDuration::from_millis(500));
    }
    let printed = last.unwrap_or_default();
    let pairs = expected
        .lines()
        .zip(printed.lines().chain(std::iter::repeat("<end>")));
    let (line, (wanted, got)) = pairs
        .enumerate()
        .find(|(_, (wanted, got))| wanted != got)
        .unwrap_or((0, ("", "")));
    Some(format!("line {}: {wanted:?} instead of {got:?}", line + 1))
}

#[test]
fn outputs_are_those_of_kubectl() {
    let mut tally: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut different = Vec::new();
    for recording in recordings() {
        for command in COMMANDS {
            let Some(expected) = recording.outputs.get(command) else {
                continue;
            };
            let (same, all) = tally.entry(command).or_default();
            *all += 1;
            match first_difference(&recording, command, expected) {
                None => *same += 1,
                Some(difference) => {
                    different.push(format!("{} {command}: {difference}", recording.id));
                }
            }
        }
    }
    for (command, (same, all)) in &tally {
        println!("{command}: {same} of {all}");
    }
    assert!(!tally.is_empty(), "there is nothing to compare with");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Tables of many pods, tables that grow, and ages.
#[test]
fn tables_and_ages_are_those_of_kubectl() {
    let directory = directory();
    let all = [
        ("lists", tables::lists(&directory)),
        ("watches", tables::watches(&directory)),
        ("ages", tables::ages(&directory)),
    ];
    let mut different = Vec::new();
    for (what, (compared, found)) in all {
        println!(
            "{what}: {} of {compared}",
            compared - found.len().min(compared)
        );
        assert!(compared > 0, "there are no {what} to compare with");
        different.extend(found);
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
