//! Seating plans in pretix's exchange format. Its schema:
//! <https://github.com/pretix/pretix/blob/master/src/pretix/static/seating/seating-plan.schema.json>.
//!
//! A zone is a section; a category is a tier. Positions are relative, a seat's to its row
//! and a row's to its zone. What isn't about seats (areas, colours, sizes) is passed over,
//! since the format has grown such fields more than once.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::{BadUpload, Places, Prices, Read, TICKETS, check_length};
use crate::{NewTicket, Object, Tier, limits};

/// A plan, as far as it is read.
#[derive(Deserialize, JsonSchema)]
pub struct SeatingPlan {
    #[serde(deserialize_with = "super::tickets")]
    categories: Vec<Category>,
    #[serde(deserialize_with = "super::tickets")]
    zones: Vec<Zone>,
}

#[derive(Deserialize, JsonSchema)]
struct Category {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Zone {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "crate::object::deserialize")]
    position: Position,
    #[serde(default, deserialize_with = "super::tickets")]
    rows: Vec<Row>,
}

#[derive(Deserialize, JsonSchema)]
struct Row {
    #[serde(deserialize_with = "label")]
    #[schemars(with = "Label")]
    row_number: String,
    #[serde(default, deserialize_with = "crate::object::deserialize")]
    position: Position,
    #[serde(deserialize_with = "super::tickets")]
    seats: Vec<Seat>,
}

#[derive(Deserialize, JsonSchema)]
struct Seat {
    #[serde(deserialize_with = "label")]
    #[schemars(with = "Label")]
    seat_number: String,
    #[serde(default, deserialize_with = "crate::object::deserialize")]
    position: Position,
    category: String,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
struct Position {
    x: f32,
    y: f32,
}

/// Editors write numbers where the schema has texts.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Label {
    Text(String),
    Number(f64),
}

/// Reads a label without holding anything else that may stand in its place.
fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(LabelVisitor)
}

struct LabelVisitor;

impl Visitor<'_> for LabelVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

/// A name that many tickets get a copy of: cut to one character more than it may have, so
/// that what all formats share refuses it as too long, and no copy is longer.
fn shared(mut name: String) -> String {
    if let Some((end, _)) = name.char_indices().nth(limits::NAME_CHARS + 1) {
        name.truncate(end);
    }
    name
}

pub(super) fn read(body: &[u8], prices: &Prices, own: &[Tier]) -> Result<Read, BadUpload> {
    let Object(SeatingPlan { categories, zones }) =
        serde_json::from_slice(body).map_err(|error| BadUpload::Malformed(error.to_string()))?;
    check_length(categories.len(), TICKETS, "categories")?;
    check_length(zones.len(), TICKETS, "zones")?;
    let (mut tickets, mut places) = (Vec::new(), Vec::new());
    for (at_zone, zone) in zones.into_iter().enumerate() {
        let section = shared(zone.name.unwrap_or_default());
        check_length(zone.rows.len(), TICKETS, "rows")?;
        for (at_row, row) in zone.rows.into_iter().enumerate() {
            let label = shared(row.row_number);
            for (at_seat, seat) in row.seats.into_iter().enumerate() {
                check_length(tickets.len() + 1, TICKETS, "tickets")?;
                tickets.push(NewTicket {
                    section: section.clone(),
                    row: label.clone(),
                    seat: seat.seat_number,
                    tier: seat.category,
                    x: Some(zone.position.x + row.position.x + seat.position.x),
                    y: Some(zone.position.y + row.position.y + seat.position.y),
                });
                places.push((at_zone, at_row, at_seat));
            }
        }
    }
    let used: std::collections::HashSet<&str> =
        tickets.iter().map(|ticket| ticket.tier.as_str()).collect();
    let named = categories
        .iter()
        .map(|category| category.name.as_str())
        .filter(|name| used.contains(name));
    Ok(Read {
        tiers: prices.tiers(named, own)?,
        tickets,
        places: Places::Seats(places),
    })
}
