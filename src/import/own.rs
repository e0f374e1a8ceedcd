//! Event files of this project's own: what the admin API takes, in one file.
//!
//! ```json
//! {
//!   "event":   {"title": "…", "category": "…", "venue": "…", "city": "…", "starts_at": "…"},
//!   "tiers":   [{"id": "front", "name": "Front", "price": 4500}],
//!   "rows":    [{"section": "Stalls", "row": "A", "seats": 24, "tier": "front"}],
//!   "tickets": [{"section": "Box 1", "row": "", "seat": "1", "tier": "front"}]
//! }
//! ```
//!
//! `event` is the body of `POST /admin/v1/events`. `rows` is a short way to write the
//! tickets of a row, numbered from 1; they come before `tickets`. A file with neither
//! has as many tickets without a seat, all of its first tier, as `--tickets` says.

use parterre_domain::limits;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Settings;
use super::item::{Item, JSON, default, settle};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    event: Value,
    tiers: Vec<Value>,
    #[serde(default)]
    rows: Vec<Row>,
    #[serde(default)]
    tickets: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    section: String,
    row: String,
    seats: u32,
    tier: String,
}

/// An item of an event file, or why it can't be one.
pub(super) fn item(file: Value, settings: &Settings) -> Result<Item, String> {
    let title = file.pointer("/event/title").and_then(Value::as_str);
    let title = title.unwrap_or("an event without a title").to_owned();
    read(file, settings).map_err(|why| format!("{title:?}: {why}"))
}

fn read(file: Value, settings: &Settings) -> Result<Item, String> {
    let mut file: File = serde_json::from_value(file).map_err(|error| error.to_string())?;
    settle(&mut file.event, settings)?;
    if let Some(price) = settings.price {
        let tiers = file.tiers.iter_mut();
        tiers.for_each(|tier| default(tier, "price", price.into()));
    }
    let tickets = tickets(&file, settings)?;
    let upload = json!({ "tiers": file.tiers, "tickets": tickets });
    Ok(Item {
        about: file.event,
        tickets: upload.to_string().into(),
        kind: JSON,
        price: None,
    })
}

fn tickets(file: &File, settings: &Settings) -> Result<Vec<Value>, String> {
    if file.rows.is_empty() && file.tickets.is_empty() {
        let tier = file.tiers.first().and_then(|tier| tier.get("id"));
        let tier = tier.ok_or("it has neither tickets nor a tier with an id")?;
        let ticket = json!({ "section": "", "row": "", "seat": "", "tier": tier });
        return Ok(vec![ticket; settings.tickets as usize]);
    }
    // Counted before they are made: a slip in one number must not fill the memory.
    let seats: u64 = file.rows.iter().map(|row| u64::from(row.seats)).sum();
    let most = limits::TICKETS_PER_EVENT;
    if seats > u64::from(most) {
        return Err(format!(
            "its rows have {seats} tickets; an event has at most {most}"
        ));
    }
    let rows = file.rows.iter().flat_map(|row| {
        (1..=row.seats).map(move |seat| {
            json!({
                "section": row.section, "row": row.row, "seat": seat.to_string(), "tier": row.tier,
            })
        })
    });
    Ok(rows.chain(file.tickets.iter().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::testing::settings;

    /// A file with the fields of another object put in, or left out where they are null.
    fn file(change: &Value) -> Value {
        let mut file = json!({
            "event": { "title": "A Night", "starts_at": "2030-01-01T19:00:00Z" },
            "tiers": [{ "id": "front", "name": "Front" }, { "id": "rear", "name": "Rear", "price": 900 }],
        });
        for (field, value) in change.as_object().unwrap() {
            file[field] = value.clone();
        }
        file
    }

    #[test]
    fn tickets_come_from_rows_then_from_the_list_else_from_the_settings() {
        let rows = json!([{ "section": "Stalls", "row": "A", "seats": 2, "tier": "rear" }]);
        let list = json!([{ "section": "Box", "row": "", "seat": "9", "tier": "front" }]);
        // What the file has, the seats that come of it.
        for (change, expected) in [
            (json!({ "rows": rows }), vec!["1", "2"]),
            (json!({ "tickets": list }), vec!["9"]),
            (
                json!({ "rows": rows, "tickets": list }),
                vec!["1", "2", "9"],
            ),
            (json!({}), vec!["", "", ""]),
        ] {
            let mut settings = settings();
            (settings.tickets, settings.price) = (3, Some(500));
            let item = item(file(&change), &settings).ok().unwrap();
            let upload = parterre_domain::upload::json(&item.tickets).unwrap();
            let seats: Vec<&str> = upload.tickets.iter().map(|ticket| &*ticket.seat).collect();
            assert_eq!(seats, expected, "{change}");
            let prices: Vec<i64> = upload.tiers.iter().map(|tier| tier.price.0).collect();
            assert_eq!(prices, [500, 900], "a price that the file has stays");
            assert_eq!(item.about["currency"], "EUR");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let row = json!([{ "section": "", "row": "", "seats": 300_000, "tier": "front" }]);
        for (change, said) in [
            (json!({ "ticket": [] }), "ticket"),
            (json!({ "rows": [{}] }), "section"),
            (json!({ "rows": row }), "300000"),
            (json!({ "tiers": [] }), "tier"),
            (
                json!({ "event": { "title": "A Night", "starts_at": "soon" } }),
                "starts_at",
            ),
        ] {
            let mut settings = settings();
            settings.shift_days = 1;
            let why = item(file(&change), &settings).err().unwrap();
            assert!(
                why.contains(said) && why.contains("A Night"),
                "{change}: {why}"
            );
        }
    }

    #[test]
    fn dates_are_moved_by_whole_days() {
        let mut settings = settings();
        settings.shift_days = -2;
        let item = item(file(&json!({})), &settings).ok().unwrap();
        assert_eq!(item.about["starts_at"], "2029-12-30T19:00:00Z");
    }
}
