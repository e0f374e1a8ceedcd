//! `parterre admin import`: files become published events, through the admin API like
//! anybody's.
//!
//! Three formats are told apart by what is inside: schema.org events in JSON-LD, pretix
//! seating plans, and this project's own event files (`own`). Events of the first and the
//! last may be many in one file, as an array or under `@graph`.

mod item;
mod jsonld;
mod own;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use parterre_domain::{Currency, limits};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::run::Ended;
use item::{Item, Published};

/// What the command line says of files that leave something out.
pub(crate) struct Settings {
    pub(crate) tickets: u32,
    pub(crate) price: Option<i64>,
    pub(crate) currency: Currency,
    pub(crate) tz: jiff::tz::TimeZone,
    pub(crate) event: Option<Vec<u8>>,
    pub(crate) shift_days: i64,
    pub(crate) urgent: bool,
}

/// What became of everything that was to be imported.
pub(crate) struct Summary {
    events: usize,
    tickets: u64,
    put_off: Vec<String>,
    skipped: Vec<String>,
    took: Duration,
}

impl Summary {
    /// Whether nothing was skipped.
    pub(crate) fn is_whole(&self) -> bool {
        self.skipped.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for put_off in &self.put_off {
            writeln!(f, "put off until {put_off}")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "skipped: {skipped}")?;
        }
        let (events, tickets) = (self.events, self.tickets);
        let (put_off, skipped) = (self.put_off.len(), self.skipped.len());
        let seconds = self.took.as_secs_f64();
        write!(
            f,
            "{events} events with {tickets} tickets published in {seconds:.1} s, {put_off} put off, {skipped} skipped"
        )
    }
}

/// Imports files, showing progress.
pub(crate) async fn run(
    client: &Client,
    files: &[PathBuf],
    settings: &Settings,
) -> Result<Summary, Ended> {
    let start = Instant::now();
    let (mut items, mut skipped) = (Vec::new(), Vec::new());
    for file in files {
        for found in read(file, settings)? {
            match found {
                Ok(item) => items.push(item),
                Err(why) => skipped.push(format!("{}: {why}", file.display())),
            }
        }
    }
    let bar = ProgressBar::new(items.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    let (mut events, mut tickets, mut put_off) = (0, 0, Vec::new());
    let mut work = JoinSet::new();
    let mut items = items.into_iter();
    loop {
        while work.len() < limits::IMPORTS_AT_ONCE
            && let Some(item) = items.next()
        {
            let (client, urgent) = (client.clone(), settings.urgent);
            work.spawn(async move { item.publish(&client, urgent).await });
        }
        let Some(done) = work.join_next().await else {
            break;
        };
        bar.inc(1);
        match done.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(Published::Now { total }) => {
                events += 1;
                tickets += u64::from(total);
            }
            Ok(Published::At { at, title }) => put_off.push(format!("{at}: {title:?}")),
            Err(why) => skipped.push(why),
        }
    }
    bar.finish_and_clear();
    Ok(Summary {
        events,
        tickets,
        put_off,
        skipped,
        took: start.elapsed(),
    })
}

/// What a file holds: items, or why one of them can't be imported.
fn read(file: &Path, settings: &Settings) -> Result<Vec<Result<Item, String>>, Ended> {
    let shown = file.display();
    let bytes = std::fs::read(file)
        .map_err(|error| Ended::cannot(format!("can't read {shown}: {error}")))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Ended::cannot(format!(
            "{shown} isn't JSON: {error}; see README for what can be imported"
        ))
    })?;
    if value.get("zones").is_some() {
        return Ok(vec![item::plan(&value, Bytes::from(bytes), settings)]);
    }
    let events = match value {
        Value::Array(events) => events,
        Value::Object(mut object) => match object.remove("@graph") {
            Some(Value::Array(events)) => events,
            _ => vec![Value::Object(object)],
        },
        _ => {
            return Err(Ended::cannot(format!(
                "{shown} holds neither events nor a seating plan"
            )));
        }
    };
    let items = events.into_iter().enumerate();
    Ok(items
        .map(|(at, event)| item_of(event, settings).map_err(|why| format!("item {at}: {why}")))
        .collect())
}

fn item_of(event: Value, settings: &Settings) -> Result<Item, String> {
    if event.get("event").is_some() {
        own::item(event, settings)
    } else {
        jsonld::item(&event, settings)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    /// How many items a file holds that can be imported; none when it holds none at all.
    pub(crate) fn readable(file: &std::path::Path) -> Option<usize> {
        let items = super::read(file, &settings()).ok()?;
        Some(items.iter().filter(|item| item.is_ok()).count())
    }

    /// Settings of an import that says as little as can be.
    pub(super) fn settings() -> super::Settings {
        super::Settings {
            tickets: 2,
            price: None,
            currency: "EUR".parse().unwrap(),
            tz: jiff::tz::TimeZone::get("America/Toronto").unwrap(),
            event: None,
            shift_days: 0,
            urgent: false,
        }
    }
}
