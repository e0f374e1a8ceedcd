//! The labels of the edge's metrics.

use crate::render::{Encoding, Format, Kind};

/// What a request was for, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteLabel {
    /// The page.
    Home,
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
    /// A call that a core answers.
    Forwarded,
    /// Nothing that there is.
    Unknown,
}

impl RouteLabel {
    pub(super) const ALL: [(Self, &'static str); 12] = [
        (Self::Home, "home"),
        (Self::Document, "document"),
        (Self::Keys, "keys"),
        (Self::Events, "events"),
        (Self::Event, "event"),
        (Self::Layout, "layout"),
        (Self::Availability, "availability"),
        (Self::Tickets, "tickets"),
        (Self::Similar, "similar"),
        (Self::Stream, "stream"),
        (Self::Forwarded, "forwarded"),
        (Self::Unknown, "unknown"),
    ];
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
