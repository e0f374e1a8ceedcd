//! One event to be imported, and the calls that publish it.

use bytes::Bytes;
use jiff::civil::DateTime;
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
    /// What a tier without a price costs, for a seating plan: it has no prices.
    pub(super) price: Option<i64>,
}

pub(super) const JSON: &str = "application/json";
const PLAN: &str = "application/vnd.pretix.seating-plan+json";
/// How far ahead a seating plan's event is when nothing says so.
const DAYS_AHEAD: i64 = 30;

/// What became of an item.
pub(super) enum Published {
    /// Everybody sees it.
    Now {
        /// How many tickets it has.
        total: u32,
    },
    /// Everybody will see it when the creation window opens.
    At {
        /// When that is.
        at: String,
        /// What the event is called.
        title: String,
    },
}

impl Item {
    /// Creates the draft, adds its tickets, publishes it.
    pub(super) async fn publish(self, client: &Client, urgent: bool) -> Result<Published, String> {
        #[derive(Deserialize)]
        struct Draft {
            id: String,
        }
        #[derive(Deserialize)]
        struct Added {
            total: u32,
        }
        /// A time if it was put off, else the event, which has no field of this name.
        #[derive(Deserialize)]
        struct Answer {
            at: Option<String>,
        }
        let title = self.about.get("title").and_then(Value::as_str);
        let title = title.unwrap_or_default().to_owned();
        let about = Bytes::from(self.about.to_string());
        let draft: Draft = client
            .post("/admin/v1/events", JSON, about)
            .await
            .map_err(|why| format!("{title:?}: {why}"))?;
        let left = |why: String| format!("{title:?}: {why}; it stays behind as draft {}", draft.id);
        let path = format!("/admin/v1/events/{}", draft.id);
        let price = self.price.map(|price| format!("price={price}"));
        let urgent = urgent.then(|| "urgent=true".to_owned());
        let tickets = query(&[price, urgent.clone()]);
        let added: Added = client
            .post(&format!("{path}/tickets{tickets}"), self.kind, self.tickets)
            .await
            .map_err(left)?;
        let publish = format!("{path}/publish{}", query(&[urgent]));
        let answer: Answer = client
            .post(&publish, JSON, Bytes::new())
            .await
            .map_err(left)?;
        let Added { total } = added;
        Ok(match answer.at {
            None => Published::Now { total },
            Some(at) => Published::At { at, title },
        })
    }
}

/// A query with its question mark, of those parameters that there are.
fn query(parameters: &[Option<String>]) -> String {
    let there: Vec<&str> = parameters.iter().flatten().map(String::as_str).collect();
    if there.is_empty() {
        return String::new();
    }
    format!("?{}", there.join("&"))
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
    settle(&mut about, settings)?;
    Ok(Item {
        about,
        tickets: bytes,
        kind: PLAN,
        price: settings.price,
    })
}

/// Completes an event as the admin API takes it with what the command line says: the
/// currency if it has none, the zone of times without an offset, the move of every date.
pub(super) fn settle(about: &mut Value, settings: &Settings) -> Result<(), String> {
    default(about, "currency", settings.currency.to_string().into());
    for field in ["starts_at", "sale_opens_at", "sale_closes_at"] {
        if let Some(text) = about.get(field).and_then(Value::as_str) {
            let named = |why: String| format!("{field}: {why}");
            let moved = moved(time(text, settings).map_err(named)?, settings);
            about[field] = moved.map_err(named)?.to_string().into();
        }
    }
    Ok(())
}

/// A time with an offset, or without one in the zone that was named.
pub(super) fn time(text: &str, settings: &Settings) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let local: DateTime = text.parse().map_err(|_| format!("{text:?} isn't a time"))?;
    let time = settings.tz.to_timestamp(local);
    time.map_err(|error| format!("{text:?}: {error}"))
}

fn moved(time: Timestamp, settings: &Settings) -> Result<Timestamp, String> {
    let days = settings.shift_days.checked_mul(24 * 3_600);
    let moved = days.and_then(|seconds| time.checked_add(SignedDuration::from_secs(seconds)).ok());
    moved.ok_or_else(|| format!("{time} can't be moved that far"))
}

/// Gives an object a field that it lacks.
pub(super) fn default(object: &mut Value, field: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.entry(field).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::testing::settings;

    #[test]
    fn an_event_that_was_given_gets_what_it_lacks_and_keeps_what_it_has() {
        // Without daylight saving and with it: five hours behind, then four.
        for (given, currency, starts_at) in [
            (
                json!({ "starts_at": "2030-01-01T19:00:00" }),
                "EUR",
                "2030-01-02T00:00:00Z",
            ),
            (
                json!({ "starts_at": "2030-07-01T19:00", "currency": "CAD" }),
                "CAD",
                "2030-07-01T23:00:00Z",
            ),
            (
                json!({ "starts_at": "2030-01-01T19:00:00+01:00" }),
                "EUR",
                "2030-01-01T18:00:00Z",
            ),
        ] {
            let mut settings = settings();
            settings.event = Some(given.to_string().into_bytes());
            let item = plan(&json!({ "zones": [] }), Bytes::new(), &settings)
                .ok()
                .unwrap();
            assert_eq!(item.about["currency"], currency, "{given}");
            assert_eq!(item.about["starts_at"], starts_at, "{given}");
        }
    }

    #[test]
    fn an_event_that_nobody_gave_is_named_after_its_plan_and_a_month_ahead() {
        let ahead = |now: Timestamp| now + SignedDuration::from_hours(24 * 30);
        let earliest = ahead(Timestamp::now());
        let hall = json!({ "name": "Great Hall", "zones": [] });
        let item = plan(&hall, Bytes::new(), &settings()).ok().unwrap();
        let latest = ahead(Timestamp::now());
        for (field, expected) in [
            ("title", "Great Hall"),
            ("venue", "Great Hall"),
            ("category", "other"),
            ("currency", "EUR"),
        ] {
            assert_eq!(item.about[field], expected, "{field}");
        }
        let starts_at = item.about["starts_at"].as_str().unwrap();
        let starts_at: Timestamp = starts_at.parse().unwrap();
        assert!((earliest..=latest).contains(&starts_at), "{starts_at}");
    }

    #[test]
    fn every_time_of_an_event_is_settled() {
        let mut about = json!({
            "starts_at": "2030-01-03T00:00:00Z", "sale_opens_at": "2030-01-01T00:00:00",
            "sale_closes_at": "2030-01-02T00:00:00Z",
        });
        let mut settings = settings();
        settings.shift_days = 1;
        settle(&mut about, &settings).unwrap();
        assert_eq!(about["starts_at"], "2030-01-04T00:00:00Z");
        assert_eq!(about["sale_opens_at"], "2030-01-02T05:00:00Z");
        assert_eq!(about["sale_closes_at"], "2030-01-03T00:00:00Z");
        settings.shift_days = i64::MAX;
        let why = settle(&mut about, &settings).unwrap_err();
        assert!(why.starts_with("starts_at: "), "{why}");
    }
}
