//! `lifepod events`.

use lifepod_client::{Selector, Word};

use super::connect;
use crate::{
    args::{EventsArgs, Global},
    events,
    failure::Failure,
    output,
    render::Clock,
    targets::{self, Targets},
};

pub(super) async fn run(global: &Global, args: &EventsArgs) -> Result<(), Failure> {
    let known = |kind: &String| ["normal", "warning"].contains(&kind.to_lowercase().as_str());
    if !args.types.iter().all(known) {
        return Err(Failure::error("valid --types are Normal or Warning"));
    }
    let selector = match &args.target {
        None => Selector::all(),
        Some(target) if !target.contains('/') => {
            return Err(Failure::error("--for must be in resource/name form"));
        }
        Some(target) => {
            let names = Targets::parse(std::slice::from_ref(target))?.names;
            names.into_iter().fold(Selector::all(), Selector::or_name)
        }
    };
    let client = connect(global).await?;
    let mut found = targets::pods(&client, global, args.all_namespaces)
        .events(&selector)
        .await?;
    if !args.types.is_empty() {
        found.retain(|event| {
            args.types
                .iter()
                .any(|kind| kind.eq_ignore_ascii_case(event.r#type().word()))
        });
    }
    if found.is_empty() {
        let place = if args.all_namespaces {
            String::new()
        } else {
            format!(" in {} namespace", targets::namespace(global))
        };
        output::note(&format!("No events found{place}."));
        return Ok(());
    }
    output::data(&events::table(
        &found,
        args.all_namespaces,
        !args.no_headers,
        &Clock::system(),
    ))
}
