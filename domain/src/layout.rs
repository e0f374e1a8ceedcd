//! What never changes about an event's tickets: where each one is and which tier prices it.
//!
//! Stored as immutable chunks of at most [`limits::CHUNK_BYTES`], each readable alone;
//! read as [`Layout`], columns in ticket order.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, TicketId, limits};

/// A price class of an event.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Unique within the event; at most [`limits::ID_CHARS`] characters.
    pub id: String,
    /// What a buyer reads.
    pub name: String,
    /// In minor units of the event's currency, not negative.
    pub price: Money,
}

/// One ticket as an administrator uploads it.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTicket {
    /// A stand, a block, a floor; may be empty for events without seats.
    pub section: String,
    /// May be empty.
    pub row: String,
    /// May be empty.
    pub seat: String,
    /// The id of one of the event's tiers.
    pub tier: String,
    /// Horizontal position in the plan's own unit; only together with `y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<f32>,
    /// Vertical position, downwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<f32>,
}

/// Everything about an event's tickets that never changes, in columns, ticket order.
/// All columns have the same length, but `x` and `y` are both there or both absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Names that `section` points into.
    pub sections: Vec<String>,
    /// Per ticket an index into `sections`.
    pub section: Vec<u16>,
    /// Per ticket the row's label.
    pub row: Vec<Box<str>>,
    /// Per ticket the seat's label.
    pub seat: Vec<Box<str>>,
    /// Per ticket an index into the event's tiers.
    pub tier: Vec<u16>,
    /// Per ticket the horizontal position, when every ticket has one.
    pub x: Option<Vec<f32>>,
    /// Per ticket the vertical position, when every ticket has one.
    pub y: Option<Vec<f32>>,
}

/// Tickets of a layout as they are stored: self-contained, so that chunks of several
/// uploads can be joined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayoutChunk {
    sections: Vec<String>,
    section: Vec<u16>,
    row: Vec<Box<str>>,
    seat: Vec<Box<str>>,
    tier: Vec<u16>,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Layout {
    /// How many tickets there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.tier.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no ticket.
    pub fn is_empty(&self) -> bool {
        self.tier.is_empty()
    }

    /// The index of a ticket's tier; none when there is no such ticket.
    pub fn tier_of(&self, ticket: TicketId) -> Option<u16> {
        self.tier.get(ticket.index()).copied()
    }

    /// The name of a ticket's section; empty when there is no such ticket.
    pub fn section_of(&self, ticket: TicketId) -> &str {
        let section = self.section.get(ticket.index());
        section
            .and_then(|&at| self.sections.get(usize::from(at)))
            .map_or("", String::as_str)
    }

    /// Joins chunks, in their order, to a layout.
    pub fn from_chunks(chunks: impl IntoIterator<Item = LayoutChunk>) -> Self {
        let mut layout = Self::default();
        let mut numbers: HashMap<String, u16> = HashMap::new();
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let local: Vec<u16> = chunk
                .sections
                .into_iter()
                .map(|name| layout.number(&mut numbers, name))
                .collect();
            layout.section.extend(
                chunk
                    .section
                    .iter()
                    .map(|&at| local.get(usize::from(at)).copied().unwrap_or(0)),
            );
            layout.row.extend(chunk.row);
            layout.seat.extend(chunk.seat);
            layout.tier.extend(chunk.tier);
            x.extend(chunk.x);
            y.extend(chunk.y);
        }
        if !layout.is_empty() && x.len() == layout.tier.len() && y.len() == x.len() {
            (layout.x, layout.y) = (Some(x), Some(y));
        }
        layout
    }

    fn number(&mut self, numbers: &mut HashMap<String, u16>, name: String) -> u16 {
        if let Some(&number) = numbers.get(&name) {
            return number;
        }
        let number = u16::try_from(self.sections.len()).unwrap_or(u16::MAX);
        self.sections.push(name.clone());
        numbers.insert(name, number);
        number
    }
}

impl LayoutChunk {
    /// Cuts tickets, whose tiers have been looked up, into chunks that each stay under
    /// [`limits::CHUNK_BYTES`] when encoded.
    pub fn cut(tickets: &[NewTicket], tier_index: impl Fn(&str) -> u16) -> Vec<Self> {
        let mut chunks = Vec::new();
        let mut chunk = Self::default();
        let mut numbers: HashMap<&str, u16> = HashMap::new();
        let mut bytes = 0;
        for ticket in tickets {
            let cost = chunk.cost_bytes(ticket, numbers.contains_key(ticket.section.as_str()));
            if bytes + cost > limits::CHUNK_BYTES {
                chunks.push(std::mem::take(&mut chunk));
                numbers.clear();
                bytes = 0;
            }
            bytes += cost;
            chunk.push(ticket, &mut numbers, tier_index(&ticket.tier));
        }
        if !chunk.tier.is_empty() {
            chunks.push(chunk);
        }
        chunks
    }

    /// How many tickets the chunk has.
    pub fn len(&self) -> usize {
        self.tier.len()
    }

    /// Whether the chunk has no ticket.
    pub fn is_empty(&self) -> bool {
        self.tier.is_empty()
    }

    /// An upper bound of what a ticket adds to the encoded chunk: its texts with five
    /// bytes of length each, two indices of three bytes, two floats of five.
    fn cost_bytes(&self, ticket: &NewTicket, section_known: bool) -> usize {
        let section = if section_known {
            0
        } else {
            ticket.section.len() + 5
        };
        section + ticket.row.len() + ticket.seat.len() + 2 * 5 + 2 * 3 + 2 * 5
    }

    fn push<'a>(&mut self, ticket: &'a NewTicket, numbers: &mut HashMap<&'a str, u16>, tier: u16) {
        let number = *numbers.entry(&ticket.section).or_insert_with(|| {
            self.sections.push(ticket.section.clone());
            u16::try_from(self.sections.len() - 1).unwrap_or(u16::MAX)
        });
        self.section.push(number);
        self.row.push(ticket.row.as_str().into());
        self.seat.push(ticket.seat.as_str().into());
        self.tier.push(tier);
        if let (Some(x), Some(y)) = (ticket.x, ticket.y) {
            self.x.push(x);
            self.y.push(y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(section: usize, number: usize) -> NewTicket {
        NewTicket {
            section: format!("Section {section}"),
            row: (number / 40).to_string(),
            seat: (number % 40).to_string(),
            tier: "a".into(),
            x: Some(1.5),
            y: Some(2.5),
        }
    }

    #[test]
    fn cutting_and_joining_gives_the_tickets_back_within_the_limit() {
        let tickets: Vec<_> = (0..20_000).map(|i| ticket(i / 700, i)).collect();
        let chunks = LayoutChunk::cut(&tickets, |_| 3);
        assert!(chunks.len() > 5);
        for chunk in &chunks {
            let bytes = crate::encode(chunk);
            assert!(bytes.len() <= limits::CHUNK_BYTES, "{}", bytes.len());
        }
        let layout = Layout::from_chunks(chunks);
        assert_eq!(layout.len(), 20_000);
        for (position, ticket) in (0..).zip(&tickets) {
            let id = TicketId(position);
            assert_eq!(layout.section_of(id), ticket.section);
            assert_eq!(*layout.row[id.index()], *ticket.row);
            assert_eq!(layout.tier_of(id), Some(3));
        }
        assert_eq!(layout.x.map(|x| x.len()), Some(20_000));
    }
}
