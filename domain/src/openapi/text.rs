//! Schemas of the types that are written as text or as a bare number.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::window::WallTime;
use crate::{Currency, EventId, Money, ReservationId, Rev, TicketId, Timestamp, limits};

/// A ULID in Crockford's base 32, in its one spelling.
pub(super) const ULID: &str = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$";
/// The epoch and the position of a rev in hexadecimal digits.
pub(super) const REV: &str = "^[0-9a-f]{28}$";
/// RFC 3339 in UTC, to the millisecond.
const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$";

macro_rules! schema {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

schema!(EventId, "EventId", {
    "type": "string", "pattern": ULID, "description": "A ULID.",
});
schema!(ReservationId, "ReservationId", {
    "type": "string", "pattern": ULID, "description": "A ULID.",
});
schema!(TicketId, "TicketId", {
    "type": "integer", "minimum": 0, "maximum": limits::TICKETS_PER_EVENT - 1,
    "description": "The ticket's position in its event's list.",
});
schema!(Rev, "Rev", {
    "type": "string", "pattern": REV,
    "description": "A position in the change log; compared as text.",
});
schema!(Timestamp, "Timestamp", {
    "type": "string", "format": "date-time", "pattern": TIME,
    "description": "RFC 3339 in UTC, to the millisecond.",
});
schema!(Money, "Money", {
    "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX,
    "description": "In minor units of the currency beside it.",
});
schema!(WallTime, "WallTime", {
    "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "description": "A time of day.",
});
schema!(Currency, "Currency", {
    "type": "string", "pattern": "^[A-Z]{3}$", "description": "An ISO 4217 code.",
});
