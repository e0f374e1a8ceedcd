//! The feed from a core to an edge, and the snapshots beside it.
//!
//! All of it is MessagePack as [`crate::encode`] makes it. Every request carries the
//! cluster's secret in the header [`SECRET_HEADER`].
//!
//! **Feed**: `GET /internal/v1/feed` upgrades to a WebSocket with binary frames. The edge
//! sends one [`Join`]. The core answers one [`FeedFrame::Hello`], and then either
//! [`FeedFrame::Resync`] (the edge's position isn't in this log: fetch snapshots and
//! take `newest` as the position, records follow from there) or records directly behind
//! the edge's position. Records come in order, none missing, none twice; each frame says
//! from which rev to which it goes, so that the edge can see a gap. A heartbeat comes at
//! least every [`crate::limits::FEED_HEARTBEAT`] while the core can read the log's end.
//!
//! **Snapshots**: `GET /internal/v1/catalog?after=EVENT` gives a [`CatalogPage`];
//! `GET /internal/v1/events/{id}` an [`EventSnapshot`]; `GET
//! /internal/v1/events/{id}/layout?from=N` a [`LayoutPage`]. Each is read at one version.
//!
//! **Joining the two**: an edge notes the feed's position P, fetches, fetches again what
//! has `read_at` < P, and ignores an event's records up to its `read_at`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Counts, EventRecord, LogRecord, PassPublicKey, Rev, States};

/// The header that carries the secret shared by cores and edges.
pub const SECRET_HEADER: &str = "parterre-cluster-secret";
/// The header in which an edge hands on the reservation id that it minted.
pub const RESERVATION_HEADER: &str = "parterre-reservation";

/// The first message on the feed: where the edge stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The rev of the last record that the edge has applied and that record's
    /// [`checksum`]; none when it has nothing.
    pub since: Option<(Rev, u64)>,
}

/// A message on the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FeedFrame {
    /// The log as it is when the edge joins.
    Hello {
        /// The oldest rev from which on the log is whole.
        oldest: Rev,
        /// The rev of the newest record.
        newest: Rev,
        /// What verifies the passes of tickets.
        keys: Vec<PassPublicKey>,
    },
    /// The edge's position isn't in this log: fetch snapshots; records follow behind
    /// this rev.
    Resync {
        /// Where records will begin.
        from: Rev,
    },
    /// All records in (`from`, `to`], in order. `to` is the last record's rev.
    Records {
        /// Where the edge must stand.
        from: Rev,
        /// Where it stands afterwards.
        to: Rev,
        /// Each with its rev and its encoded [`LogRecord`].
        records: Vec<(Rev, Bytes)>,
    },
    /// The log's end, from a fresh read.
    Heartbeat {
        /// The rev of the newest record.
        head: Rev,
        /// How old the read is, in milliseconds.
        age_ms: u32,
    },
}

/// One page of the catalog: every published event, soonest first within the page's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogPage {
    /// The version that the page is true for.
    pub read_at: Rev,
    /// The events.
    pub events: Vec<CatalogEntry>,
    /// Pass it as `after` for the next page; none on the last one.
    pub next: Option<String>,
}

/// An event in the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// As stored.
    pub record: EventRecord,
    /// As counted.
    pub counts: Counts,
    /// The last commit that touched it.
    pub rev: Rev,
}

/// One event with the states of its tickets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventSnapshot {
    /// The version that the snapshot is true for.
    pub read_at: Rev,
    /// As stored.
    pub record: EventRecord,
    /// The last commit that touched it.
    pub rev: Rev,
    /// As stored; their count is exact.
    pub states: States,
}

/// Some chunks of an event's layout, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayoutPage {
    /// Encoded [`crate::LayoutChunk`]s.
    pub chunks: Vec<Bytes>,
    /// Pass it as `from` for the next page; none on the last one.
    pub next: Option<u32>,
}

/// A checksum of an encoded [`LogRecord`], by which an edge and a core know that they
/// hold the same record: FNV-1a, 64 bits (<https://datatracker.ietf.org/doc/html/rfc9923>).
pub fn checksum(encoded: &[u8]) -> u64 {
    encoded.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Decodes a record of the feed.
///
/// # Errors
///
/// When the bytes are no record.
pub fn decode_record(encoded: &[u8]) -> Result<LogRecord, rmp_serde::decode::Error> {
    crate::decode(encoded)
}
