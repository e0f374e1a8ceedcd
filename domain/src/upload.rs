//! Uploads of tickets: JSON, CSV and pretix seating plans become one shape.

use std::collections::HashMap;

use serde::Deserialize;

use crate::wire::api::TicketsUpload;
use crate::{FieldError, Money, NewTicket, Refusal, Tier, limits};

/// Prices for tiers that bring none, from the query of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// For every tier that isn't named.
    pub all: Option<Money>,
    /// By tier.
    pub of: HashMap<String, Money>,
}

/// Why an upload can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadError {
    /// It isn't what its content type says.
    Malformed(String),
    /// It breaks a rule.
    Refused(Refusal),
}

impl From<Refusal> for UploadError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// At most so many errors are listed; who mends the first ones sees the next.
const ERRORS_LISTED: usize = 50;

impl Prices {
    /// From `?price=` and `?prices=tier:amount,…`, amounts in minor units.
    ///
    /// # Errors
    ///
    /// When an amount isn't an integer; names the parameter.
    pub fn parse(price: Option<&str>, prices: Option<&str>) -> Result<Self, Refusal> {
        let amount = |field: &str, text: &str| {
            let parsed = text.trim().parse().map(Money);
            parsed.map_err(|_| {
                Refusal::invalid(field, format!("{text:?} isn't an integer of minor units"))
            })
        };
        let mut of = HashMap::new();
        for pair in prices
            .iter()
            .flat_map(|prices| prices.split(','))
            .filter(|pair| !pair.is_empty())
        {
            let (tier, text) = pair
                .rsplit_once(':')
                .ok_or_else(|| Refusal::invalid("prices", format!("{pair:?} isn't tier:amount")))?;
            of.insert(tier.to_owned(), amount("prices", text)?);
        }
        Ok(Self {
            all: price.map(|text| amount("price", text)).transpose()?,
            of,
        })
    }

    /// Tiers by their ids, each named as its id, in the order of first use.
    fn tiers(&self, tickets: &[NewTicket]) -> Result<Vec<Tier>, Refusal> {
        let mut tiers: Vec<Tier> = Vec::new();
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for ticket in tickets {
            let id = ticket.tier.as_str();
            if seen.insert(id, ()).is_some() {
                continue;
            }
            let Some(price) = self.of.get(id).copied().or(self.all) else {
                let reason =
                    format!("tier {id:?} has no price; give ?price= or ?prices={id}:amount");
                return Err(Refusal::invalid("prices", reason));
            };
            tiers.push(Tier {
                id: id.to_owned(),
                name: id.to_owned(),
                price,
            });
        }
        Ok(tiers)
    }
}

/// Reads `{tiers, tickets}`.
///
/// # Errors
///
/// See [`UploadError`].
pub fn json(body: &[u8]) -> Result<TicketsUpload, UploadError> {
    let upload: TicketsUpload =
        serde_json::from_slice(body).map_err(|error| UploadError::Malformed(error.to_string()))?;
    check(&upload.tickets)?;
    Ok(upload)
}

/// Reads CSV with a header of the columns `section,row,seat,tier` and perhaps `x,y`.
///
/// # Errors
///
/// See [`UploadError`].
pub fn csv(body: &[u8], prices: &Prices) -> Result<TicketsUpload, UploadError> {
    let mut tickets = Vec::new();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(body);
    for row in reader.deserialize::<NewTicket>() {
        tickets.push(row.map_err(|error| UploadError::Malformed(error.to_string()))?);
        bounded(&tickets)?;
    }
    check(&tickets)?;
    Ok(TicketsUpload {
        tiers: prices.tiers(&tickets)?,
        tickets,
    })
}

/// Reads a pretix seating plan: a zone is a section, a category a tier, and a place is
/// the sum of the zone's, the row's and the seat's position. The format:
/// <https://github.com/pretix/pretix/blob/master/src/pretix/static/seating/seating-plan.schema.json>.
///
/// # Errors
///
/// See [`UploadError`].
pub fn pretix(body: &[u8], prices: &Prices) -> Result<TicketsUpload, UploadError> {
    let plan: Plan =
        serde_json::from_slice(body).map_err(|error| UploadError::Malformed(error.to_string()))?;
    let mut tickets = Vec::new();
    for zone in &plan.zones {
        for row in &zone.rows {
            tickets.extend(row.seats.iter().map(|seat| seat.ticket(zone, row)));
            bounded(&tickets)?;
        }
    }
    check(&tickets)?;
    Ok(TicketsUpload {
        tiers: prices.tiers(&tickets)?,
        tickets,
    })
}

#[derive(Deserialize)]
struct Plan {
    zones: Vec<Zone>,
}

#[derive(Deserialize)]
struct Zone {
    name: String,
    #[serde(default)]
    position: Place,
    rows: Vec<PlanRow>,
}

#[derive(Deserialize)]
struct PlanRow {
    #[serde(default)]
    row_number: Option<String>,
    #[serde(default)]
    position: Place,
    seats: Vec<Seat>,
}

#[derive(Deserialize)]
struct Seat {
    seat_number: String,
    category: String,
    #[serde(default)]
    position: Place,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Place {
    x: f64,
    y: f64,
}

impl Seat {
    fn ticket(&self, zone: &Zone, row: &PlanRow) -> NewTicket {
        let sum =
            |of: fn(&Place) -> f64| of(&zone.position) + of(&row.position) + of(&self.position);
        NewTicket {
            section: zone.name.clone(),
            row: row.row_number.clone().unwrap_or_default(),
            seat: self.seat_number.clone(),
            tier: self.category.clone(),
            x: Some(single(sum(|place| place.x))),
            y: Some(single(sum(|place| place.y))),
        }
    }
}

/// A coordinate in single precision, which is finer than any screen.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding is what is wanted"
)]
fn single(coordinate: f64) -> f32 {
    coordinate as f32
}

fn bounded(tickets: &[NewTicket]) -> Result<(), Refusal> {
    let limit = limits::TICKETS_PER_EVENT as usize;
    if tickets.len() > limit {
        return Err(Refusal::invalid(
            "tickets",
            format!("an event has at most {limit} tickets"),
        ));
    }
    Ok(())
}

/// Every ticket's texts and places; errors name the ticket.
fn check(tickets: &[NewTicket]) -> Result<(), Refusal> {
    bounded(tickets)?;
    let placed = tickets.first().is_some_and(|ticket| ticket.x.is_some());
    let mut errors = Vec::new();
    for (at, ticket) in tickets.iter().enumerate() {
        let mut wrong = |field: &str, reason: String| {
            errors.push(FieldError::new(format!("tickets[{at}].{field}"), reason));
        };
        let texts = [
            ("section", &ticket.section),
            ("row", &ticket.row),
            ("seat", &ticket.seat),
        ];
        for (field, text) in texts {
            if text.chars().count() > limits::NAME_CHARS {
                wrong(
                    field,
                    format!("must have at most {} characters", limits::NAME_CHARS),
                );
            }
        }
        match (ticket.x, ticket.y) {
            (Some(x), Some(y)) if placed && x.is_finite() && y.is_finite() => {}
            (None, None) if !placed => {}
            _ => wrong(
                "x",
                "either every ticket has both x and y, as finite numbers, or none has".into(),
            ),
        }
        if errors.len() >= ERRORS_LISTED {
            break;
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Invalid(errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(of: &str) -> Prices {
        Prices::parse(None, Some(of)).unwrap()
    }

    #[test]
    fn a_plan_becomes_tickets_at_the_sum_of_positions() {
        let plan = br#"{"name":"P","categories":[],"zones":[{"name":"Stalls","position":{"x":100,"y":10},
            "rows":[{"row_number":"A","position":{"x":1,"y":2},
            "seats":[{"seat_guid":"g","seat_number":"7","category":"Gold","position":{"x":0.5,"y":0.25}}]}]}]}"#;
        let upload = pretix(plan, &prices("Gold:4500")).unwrap();
        assert_eq!(
            upload.tiers,
            [Tier {
                id: "Gold".into(),
                name: "Gold".into(),
                price: Money(4_500)
            }]
        );
        let [ticket] = &upload.tickets[..] else {
            panic!("{upload:?}")
        };
        assert_eq!(
            (
                ticket.section.as_str(),
                ticket.row.as_str(),
                ticket.seat.as_str()
            ),
            ("Stalls", "A", "7")
        );
        assert_eq!((ticket.x, ticket.y), (Some(101.5), Some(12.25)));
    }

    #[test]
    fn a_table_becomes_tickets() {
        let rows = "section,row,seat,tier\nFloor,1,2,a\n\"Floor, left\",1,3,b\n";
        let upload = csv(rows.as_bytes(), &prices("a:100,b:200")).unwrap();
        assert_eq!(upload.tickets[1].section, "Floor, left");
        assert_eq!(
            upload
                .tiers
                .iter()
                .map(|tier| tier.price.0)
                .collect::<Vec<_>>(),
            [100, 200]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let two = "section,row,seat,tier,x,y\nF,1,2,a,1,1\nF,1,3,a,,\n";
        let rows: &[(Result<TicketsUpload, UploadError>, &str)] = &[
            (csv(two.as_bytes(), &prices("a:1")), "tickets[1].x"),
            (
                csv(b"section,row,seat,tier\nF,1,2,a\n", &prices("b:1")),
                "prices",
            ),
        ];
        for (result, field) in rows {
            match result {
                Err(UploadError::Refused(Refusal::Invalid(errors))) => {
                    assert_eq!(errors[0].field, *field)
                }
                other => panic!("{field}: {other:?}"),
            }
        }
        assert!(matches!(
            csv(b"section,row\nF,1\n", &prices("")),
            Err(UploadError::Malformed(_))
        ));
        assert!(matches!(
            json(b"{\"tiers\":[],\"tickets\":[],\"more\":1}"),
            Err(UploadError::Malformed(_))
        ));
        assert!(Prices::parse(Some("4.50"), None).is_err());
        assert!(Prices::parse(None, Some("gold")).is_err());
    }
}
