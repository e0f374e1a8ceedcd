//! One event to be imported, and the calls that publish it.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Settings;
use crate::client::Client;

/// An event and its tickets, as the admin API takes them.
pub(super) struct Item {
    pub(super) about: Value,
    pub(super) tickets: Bytes,
    /// The content type of `tickets`.
    pub(super) kind: &'static str,
    /// The query of the upload, with its question mark.
    pub(super) query: String,
}

pub(super) const JSON: &str = "application/json";
const PLAN: &str = "application/vnd.pretix.seating-plan+json";
/// How far ahead a seating plan's event is when nothing says so.
const DAYS_AHEAD: i64 = 30;

impl Item {
    /// Creates the draft, adds its tickets, publishes it; gives how many tickets it has.
    pub(super) async fn publish(self, client: &Client) -> Result<u32, String> {
        #[derive(Deserialize)]
        struct Draft {
            id: String,
        }
        #[derive(Deserialize)]
        struct Added {
            total: u32,
        }
        let title = self
            .about
            .get("title")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let named = |why: String| format!("{title:?}: {why}");
        let about = Bytes::from(self.about.to_string());
        let draft: Draft = client
            .post("/admin/v1/events", JSON, about)
            .await
            .map_err(named)?;
        let path = format!("/admin/v1/events/{}", draft.id);
        let tickets = format!("{path}/tickets{}", self.query);
        let added: Added = client
            .post(&tickets, self.kind, self.tickets)
            .await
            .map_err(named)?;
        let _: Value = client
            .post(&format!("{path}/publish"), JSON, Bytes::new())
            .await
            .map_err(named)?;
        Ok(added.total)
    }
}

/// An event of a seating plan: the one that was given, or one named after the plan.
pub(super) fn plan(plan: &Value, bytes: Bytes, settings: &Settings) -> Result<Item, String> {
    let mut about = match &settings.event {
        Some(bytes) => {
            serde_json::from_slice(bytes).map_err(|error| format!("--event isn't JSON: {error}"))?
        }
        None => {
            let name = plan
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or("Seating plan");
            let starts_at = Timestamp::now() + SignedDuration::from_hours(24 * DAYS_AHEAD);
            json!({
                "title": name, "category": "other", "venue": name, "city": "Unknown",
                "starts_at": starts_at.to_string(), "currency": settings.currency.to_string(),
            })
        }
    };
    shift(&mut about, settings)?;
    let query = settings
        .price
        .map_or_else(String::new, |price| format!("?price={price}"));
    Ok(Item {
        about,
        tickets: bytes,
        kind: PLAN,
        query,
    })
}

/// Moves every date of an event.
pub(super) fn shift(about: &mut Value, settings: &Settings) -> Result<(), String> {
    if settings.shift_days == 0 {
        return Ok(());
    }
    for field in ["starts_at", "sale_opens_at", "sale_closes_at"] {
        if let Some(text) = about.get(field).and_then(Value::as_str) {
            let time: Timestamp = text
                .parse()
                .map_err(|_| format!("{field}: {text:?} isn't a time"))?;
            let moved = time.checked_add(SignedDuration::from_hours(24 * settings.shift_days));
            let moved = moved.map_err(|_| format!("{field}: {text:?} can't be moved that far"))?;
            about[field] = moved.to_string().into();
        }
    }
    Ok(())
}
