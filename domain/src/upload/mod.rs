//! Uploads of tickets: a body becomes tiers and tickets, or a list of what is wrong where.
//!
//! One reader a format; what holds for every format is checked once, in [`read`]. The rule
//! of [`crate::command::AddTickets`] checks again what depends on the draft.

mod csv;
mod json;
mod pretix;
mod prices;

pub use json::json;
pub use pretix::SeatingPlan;
pub use prices::Prices;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Deserializer};

use crate::{FieldError, LayoutChunk, NewTicket, Refusal, Tier, limits, object};

/// A media type that tickets can be uploaded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// [`crate::wire::api::TicketsUpload`] as JSON.
    Json,
    /// A line a ticket under a header.
    Csv,
    /// A seating plan as pretix exports it.
    Pretix,
}

/// An upload that was read and found sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Uploaded {
    /// All tiers of the event after the upload: those it had first, then the new ones.
    pub tiers: Vec<Tier>,
    /// In the order of the body.
    pub tickets: Vec<NewTicket>,
    /// Whether every ticket has a position in the plan.
    pub with_places: bool,
}

/// Why an upload can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadUpload {
    /// The body isn't of its format; says where.
    Malformed(String),
    /// The body breaks rules, each named with its place in the body.
    Invalid(Vec<FieldError>),
}

/// What a format's reader found, before anything common is checked.
struct Read {
    /// Those that the body itself defines, with prices.
    tiers: Vec<Tier>,
    tickets: Vec<NewTicket>,
    places: Places,
}

/// Where in the body each ticket stands, for messages.
enum Places {
    Index,
    Lines(Vec<u64>),
    Seats(Vec<(usize, usize, usize)>),
}

impl Format {
    /// The format of a `Content-Type`; parameters such as `charset` don't matter.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or("").trim();
        match media.to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "text/csv" => Some(Self::Csv),
            "application/vnd.pretix.seating-plan+json" => Some(Self::Pretix),
            _ => None,
        }
    }
}

/// Whether a `Content-Type` is JSON's; parameters such as `charset` don't matter.
pub fn is_json(content_type: &[u8]) -> bool {
    let kind = std::str::from_utf8(content_type).ok();
    kind.and_then(Format::of_content_type) == Some(Format::Json)
}

impl Uploaded {
    /// How many sections the tickets name.
    pub fn sections(&self) -> HashSet<&str> {
        self.tickets
            .iter()
            .map(|ticket| ticket.section.as_str())
            .collect()
    }

    /// The tickets as chunks for the store.
    pub fn cut(&self) -> Vec<LayoutChunk> {
        let numbers: HashMap<&str, u16> = (0..)
            .zip(&self.tiers)
            .map(|(number, tier)| (tier.id.as_str(), number))
            .collect();
        LayoutChunk::cut(&self.tickets, |tier| {
            numbers.get(tier).copied().unwrap_or_default()
        })
    }
}

impl From<Refusal> for BadUpload {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(errors) => Self::Invalid(errors),
            other => Self::Malformed(other.to_string()),
        }
    }
}

/// Reads a body. `own` are the tiers that the event has already.
///
/// # Errors
///
/// [`BadUpload`], with at most [`limits::UPLOAD_ERRORS`] errors.
pub fn read(
    format: Format,
    body: &[u8],
    prices: &Prices,
    own: &[Tier],
) -> Result<Uploaded, BadUpload> {
    let Read {
        tiers,
        tickets,
        places,
    } = match format {
        Format::Json => json::read(body, prices)?,
        Format::Csv => csv::read(body, prices, own)?,
        Format::Pretix => pretix::read(body, prices, own)?,
    };
    let mut errors = Vec::new();
    let tiers = merge(own, tiers, &mut errors);
    let known: HashSet<&str> = tiers.iter().map(|tier| tier.id.as_str()).collect();
    let placed = tickets.first().is_some_and(|ticket| ticket.x.is_some());
    for (at, ticket) in tickets.iter().enumerate() {
        if errors.len() >= limits::UPLOAD_ERRORS {
            break;
        }
        if let Err((field, reason)) = check(ticket, &known, placed) {
            errors.push(FieldError::new(places.name(at, field), reason));
        }
    }
    if !errors.is_empty() {
        errors.truncate(limits::UPLOAD_ERRORS);
        return Err(BadUpload::Invalid(errors));
    }
    Ok(Uploaded {
        tiers,
        tickets,
        with_places: placed,
    })
}

/// That a body has no more of something than an event may have. Every reader stops at the
/// first beyond: what is far too long is refused before it takes memory.
fn check_length(length: usize, most: usize, what: &str) -> Result<(), BadUpload> {
    if length <= most {
        return Ok(());
    }
    let reason = format!("an event has at most {most}");
    Err(BadUpload::Invalid(vec![FieldError::new(what, reason)]))
}

const TICKETS: usize = limits::TICKETS_PER_EVENT as usize;

/// The `tiers` of a JSON body, with at most one more than an event may have.
pub(crate) fn tiers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tier>, D::Error> {
    object::list::<{ limits::TIERS_PER_EVENT }, _, _>(deserializer)
}

/// The tickets of a JSON body, or what they are made of, with at most one more than an
/// event may have.
pub(crate) fn tickets<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    object::list::<TICKETS, _, _>(deserializer)
}

/// The event's tiers followed by the new ones; a tier that comes again must be the same.
fn merge(own: &[Tier], uploaded: Vec<Tier>, errors: &mut Vec<FieldError>) -> Vec<Tier> {
    let mut tiers = own.to_vec();
    for (at, tier) in uploaded.into_iter().enumerate() {
        match own.iter().find(|known| known.id == tier.id) {
            Some(known) if *known == tier => {}
            Some(_) => errors.push(FieldError::new(
                format!("tiers[{at}]"),
                format!("the event has a tier `{}` of other content", tier.id),
            )),
            None => tiers.push(tier),
        }
    }
    tiers
}

fn check(
    ticket: &NewTicket,
    tiers: &HashSet<&str>,
    placed: bool,
) -> Result<(), (&'static str, String)> {
    let texts = [
        ("section", &ticket.section),
        ("row", &ticket.row),
        ("seat", &ticket.seat),
    ];
    for (field, text) in texts {
        if text.chars().count() > limits::NAME_CHARS {
            let reason = format!("must have at most {} characters", limits::NAME_CHARS);
            return Err((field, reason));
        }
    }
    if !tiers.contains(ticket.tier.as_str()) {
        return Err(("tier", format!("there is no tier `{}`", ticket.tier)));
    }
    for (field, place) in [("x", ticket.x), ("y", ticket.y)] {
        if place.is_some() != placed {
            let reason = "either every ticket of an upload has x and y, or none has";
            return Err((field, reason.to_owned()));
        }
        if place.is_some_and(|at| !at.is_finite()) {
            let reason = format!("must be a number from -{0:e} to {0:e}", f32::MAX);
            return Err((field, reason));
        }
    }
    Ok(())
}

impl Places {
    fn name(&self, at: usize, field: &str) -> String {
        match self {
            Self::Index => format!("tickets[{at}].{field}"),
            Self::Lines(lines) => {
                let line = lines.get(at).copied().unwrap_or_default();
                format!("line {line}: {field}")
            }
            Self::Seats(seats) => {
                let (zone, row, seat) = seats.get(at).copied().unwrap_or_default();
                format!("zones[{zone}].rows[{row}].seats[{seat}].{field}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Money;

    fn tier(id: &str, price: i64) -> Tier {
        Tier {
            id: id.into(),
            name: id.into(),
            price: Money(price),
        }
    }

    fn read_text(format: Format, body: &str, prices: &str) -> Result<Uploaded, BadUpload> {
        let prices = Prices::parse(None, Some(prices).filter(|text| !text.is_empty()))?;
        read(format, body.as_bytes(), &prices, &[tier("old", 100)])
    }

    const PLAN: &str = r#"{"name": "Hall", "categories": [{"name": "a", "color": "red"}, {"name": "unused"}],
        "zones": [{"name": "Floor", "position": {"x": 100, "y": 10}, "areas": [{"shape": "circle"}],
            "rows": [{"row_number": "1", "position": {"x": 20, "y": 5},
                "seats": [{"seat_guid": "g", "seat_number": "7", "position": {"x": 3, "y": 1}, "category": "a"}]}]}]}"#;

    #[test]
    fn the_three_formats_say_the_same() {
        let json = r#"{"tiers": [{"id": "a", "name": "a", "price": 500}],
            "tickets": [{"section": "Floor", "row": "1", "seat": "7", "tier": "a", "x": 123, "y": 16}]}"#;
        let csv = "seat,section,row,tier,y,x\n7,Floor,1,a,16,123\n";
        let from_json = read_text(Format::Json, json, "").unwrap();
        assert_eq!(
            from_json.tiers.iter().map(|t| &*t.id).collect::<Vec<_>>(),
            ["old", "a"]
        );
        assert_eq!(
            read_text(Format::Csv, csv, "a:500").unwrap(),
            from_json,
            "csv"
        );
        assert_eq!(
            read_text(Format::Pretix, PLAN, "a:500").unwrap(),
            from_json,
            "pretix"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let of = |ticket: &str| format!(r#"{{"tiers": [], "tickets": [{ticket}]}}"#);
        let cases = [
            (
                Format::Json,
                of(r#"{"section": "", "row": "", "seat": "", "tier": "x"}"#),
                "tickets[0].tier",
            ),
            (
                Format::Json,
                of(r#"{"section": "", "row": "", "seat": "", "tier": "old", "x": 1}"#),
                "tickets[0].y",
            ),
            (
                Format::Json,
                of(r#"{"section": "", "row": "", "seat": "", "tier": "old", "x": 1, "y": 1e40}"#),
                "tickets[0].y",
            ),
            (
                Format::Json,
                r#"{"tiers": [{"id": "old", "name": "old", "price": 9}], "tickets": []}"#.into(),
                "tiers[0]",
            ),
            (
                Format::Csv,
                "section,row,seat,tier\n\"a\nb\",1,1,old\n,,,old2\n".into(),
                "prices",
            ),
            (
                Format::Csv,
                "section,row,seat,tier,x,y\na,1,1,old,1,2\nb,1,1,old,,\n".into(),
                "line 3: x",
            ),
            (
                Format::Csv,
                "section,row,seat,tier,x,y\na,1,1,old,east,2\n".into(),
                "line 2: x",
            ),
            (
                Format::Csv,
                "section,row,seat,tier,rank\n".into(),
                "line 1: rank",
            ),
            (Format::Csv, "section,row,tier\n".into(), "line 1: seat"),
            (Format::Pretix, PLAN.into(), "prices"),
        ];
        for (format, body, place) in cases {
            match read_text(format, &body, "") {
                Err(BadUpload::Invalid(errors)) => assert_eq!(errors[0].field, place, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_body_of_another_shape_is_malformed() {
        let cases = [
            (Format::Json, "{"),
            (Format::Json, r#"{"tiers": [], "tickets": [], "more": 1}"#),
            (Format::Csv, "section,row,seat,tier\na,b\n"),
            (Format::Pretix, r#"{"name": "Hall"}"#),
        ];
        for (format, body) in cases {
            match read_text(format, body, "") {
                Err(BadUpload::Malformed(_)) => {}
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn one_price_serves_every_tier_that_has_none() {
        let prices = Prices::parse(Some("700"), None).unwrap();
        let csv = b"section,row,seat,tier\n,,,new\n,,,old\n";
        let uploaded = read(Format::Csv, csv, &prices, &[tier("old", 100)]).unwrap();
        assert_eq!(uploaded.tiers, [tier("old", 100), tier("new", 700)]);
        assert!(!uploaded.with_places);
    }

    #[test]
    fn a_long_list_of_errors_is_cut() {
        let csv = "section,row,seat,tier,x,y\n".to_owned() + &"a,1,1,old,1,\n".repeat(1_000);
        match read_text(Format::Csv, &csv, "") {
            Err(BadUpload::Invalid(errors)) => assert_eq!(errors.len(), limits::UPLOAD_ERRORS),
            other => panic!("{other:?}"),
        }
    }
}
