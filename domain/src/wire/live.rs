//! Live messages between an edge and a client, over WebSocket or Server-Sent Events.
//!
//! A client folds them so: take `snapshot` as it is; apply a `delta` if its `from` is not
//! after the client's own rev and its `rev` is; ignore one whose `rev` isn't after it; on
//! any other, subscribe again with `since`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::api::EventDetail;
use crate::{Counts, EventId, Rev, TicketChanges, TicketId, TicketState, Timestamp};

/// The subprotocol of text frames; the default when a client offers none.
pub const JSON: &str = "parterre.v1.json";
/// The subprotocol of binary frames with the same maps.
pub const MSGPACK: &str = "parterre.v1.msgpack";

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "API.md's names")]
pub enum FromClient {
    Subscribe {
        event: EventId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Rev>,
    },
    Unsubscribe {
        event: EventId,
    },
    /// Braces, so that serde refuses fields beside the op.
    Catalog {},
}

/// What an edge says.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[expect(missing_docs, reason = "API.md's names")]
pub enum ToClient {
    Snapshot {
        event: EventId,
        rev: Rev,
        counts: Counts,
        states: String,
    },
    Resumed {
        event: EventId,
        rev: Rev,
    },
    Delta {
        event: EventId,
        from: Rev,
        rev: Rev,
        counts: Counts,
        changes: Changes,
    },
    Event {
        event: EventId,
        detail: Box<EventDetail>,
    },
    Counts {
        rev: Rev,
        events: BTreeMap<EventId, Counts>,
    },
    Heartbeat {
        at: Timestamp,
    },
    Stale {
        seconds: u64,
    },
    Fresh,
    Error {
        code: String,
        detail: String,
    },
}

/// Tickets by the state that they are now in; empty lists are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the letters of `TicketState::letter`")]
pub struct Changes {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub f: Vec<TicketId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub p: Vec<TicketId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub s: Vec<TicketId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub w: Vec<TicketId>,
}

impl From<&TicketChanges> for Changes {
    fn from(changes: &TicketChanges) -> Self {
        Self {
            f: changes.in_state(TicketState::Free),
            p: changes.in_state(TicketState::Pending),
            s: changes.in_state(TicketState::Sold),
            w: changes.in_state(TicketState::Withdrawn),
        }
    }
}

impl Changes {
    /// Every ticket with its state.
    pub fn iter(&self) -> impl Iterator<Item = (TicketId, TicketState)> + '_ {
        let lists = [
            (&self.f, TicketState::Free),
            (&self.p, TicketState::Pending),
            (&self.s, TicketState::Sold),
            (&self.w, TicketState::Withdrawn),
        ];
        lists
            .into_iter()
            .flat_map(|(ids, state)| ids.iter().map(move |&id| (id, state)))
    }
}

/// Why an edge closes a live connection. Numbered, and each says whether to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The edge stops; come back, jittered.
    Draining = 1012,
    /// The client misbehaves.
    Abuse = 4400,
    /// The client reads too slowly; come back with `since`.
    TooSlow = 4408,
}

/// The reason in a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct CloseReason {
    /// How long to wait before coming back, jittered.
    pub reconnect_after_ms: u32,
}
