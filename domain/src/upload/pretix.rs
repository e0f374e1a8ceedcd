//! Seating plans in pretix's exchange format. Its schema:
//! <https://github.com/pretix/pretix/blob/master/src/pretix/static/seating/seating-plan.schema.json>.
//!
//! A zone is a section; a category is a tier. Positions are relative, a seat's to its row
//! and a row's to its zone. What isn't about seats (areas, colours, sizes) is passed over,
//! since the format has grown such fields more than once.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{BadUpload, Places, Prices, Read};
use crate::{NewTicket, Tier};

/// A plan, as far as it is read.
#[derive(Deserialize, JsonSchema)]
pub struct SeatingPlan {
    categories: Vec<Category>,
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
    #[serde(default)]
    position: Position,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Deserialize, JsonSchema)]
struct Row {
    #[serde(deserialize_with = "label")]
    #[schemars(with = "Label")]
    row_number: String,
    #[serde(default)]
    position: Position,
    seats: Vec<Seat>,
}

#[derive(Deserialize, JsonSchema)]
struct Seat {
    #[serde(deserialize_with = "label")]
    #[schemars(with = "Label")]
    seat_number: String,
    #[serde(default)]
    position: Position,
    category: String,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
struct Position {
    x: f32,
    y: f32,
}

/// Editors write numbers where the schema has texts.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Label {
    Text(String),
    Number(#[schemars(with = "f64")] serde_json::Number),
}

fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Label::deserialize(deserializer)? {
        Label::Text(text) => text,
        Label::Number(number) => number.to_string(),
    })
}

pub(super) fn read(body: &[u8], prices: &Prices, own: &[Tier]) -> Result<Read, BadUpload> {
    let SeatingPlan { categories, zones } =
        serde_json::from_slice(body).map_err(|error| BadUpload::Malformed(error.to_string()))?;
    let (mut tickets, mut places) = (Vec::new(), Vec::new());
    for (at_zone, zone) in zones.into_iter().enumerate() {
        let section = zone.name.unwrap_or_default();
        for (at_row, row) in zone.rows.into_iter().enumerate() {
            for (at_seat, seat) in row.seats.into_iter().enumerate() {
                tickets.push(NewTicket {
                    section: section.clone(),
                    row: row.row_number.clone(),
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
