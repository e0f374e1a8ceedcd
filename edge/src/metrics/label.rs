//! The labels of the edge's metrics.

use crate::render::{Encoding, Format, Kind};
use crate::shard::DoorClosed;

/// What a request was for, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteLabel {
    /// The page and its parts.
    Page,
    /// The OpenAPI document.
    Document,
    /// The keys of passes.
    Keys,
    /// The list of events.
    Events,
    /// One event.
    Event,
    /// Its layout.
    Layout,
    /// Its availability.
    Availability,
    /// Its tickets.
    Tickets,
    /// Events like it.
    Similar,
    /// What changes of it, up to the answer's head.
    Stream,
    /// The handshake of a live connection.
    Live,
    /// A new reservation.
    Reserve,
    /// A reservation, shown or released.
    Reservation,
    /// Its checkout.
    Checkout,
    /// A payment provider's call.
    Webhook,
    /// The sandbox provider's pages.
    Sandbox,
    /// Nothing that there is.
    Unknown,
}

impl RouteLabel {
    pub(super) const ALL: [(Self, &'static str); 17] = [
        (Self::Page, "page"),
        (Self::Document, "document"),
        (Self::Keys, "keys"),
        (Self::Events, "events"),
        (Self::Event, "event"),
        (Self::Layout, "layout"),
        (Self::Availability, "availability"),
        (Self::Tickets, "tickets"),
        (Self::Similar, "similar"),
        (Self::Stream, "stream"),
        (Self::Live, "live"),
        (Self::Reserve, "reserve"),
        (Self::Reservation, "reservation"),
        (Self::Checkout, "checkout"),
        (Self::Webhook, "webhook"),
        (Self::Sandbox, "sandbox"),
        (Self::Unknown, "unknown"),
    ];

    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// How a forwarded call ended, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardOutcome {
    /// A core answered.
    Answered,
    /// No core could be reached.
    Unreached,
    /// A core may have done it and didn't answer.
    Unanswered,
}

/// Why a connection was closed at the door, as a label.
pub(super) fn of_door(why: DoorClosed) -> &'static str {
    match why {
        DoorClosed::Full => "full",
        DoorClosed::TooFast => "too-fast",
        DoorClosed::TooMany => "too-many",
    }
}

/// What a body says, as a label.
pub(super) fn of_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Detail => "detail",
        Kind::Layout => "layout",
        Kind::Availability => "availability",
    }
}

/// A format, as a label.
pub(super) fn of_format(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Msgpack => "msgpack",
    }
}

/// An encoding, as a label.
pub(super) fn of_encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Identity => "identity",
        Encoding::Brotli => "br",
        Encoding::Gzip => "gzip",
        Encoding::Zstd => "zstd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_counted_under_its_own_name() {
        for (at, (route, name)) in RouteLabel::ALL.into_iter().enumerate() {
            assert_eq!((route as usize, route.name()), (at, name));
        }
        assert_eq!(RouteLabel::Unknown as usize + 1, RouteLabel::ALL.len());
    }
}
