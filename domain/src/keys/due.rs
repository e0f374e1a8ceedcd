//! What can be due.

use crate::{EventId, OutboxId, ReservationId, UploadId};

/// Something that must happen at a time, on whichever core sees it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Due {
    /// A reservation's time runs out.
    Expire(ReservationId),
    /// An event's sale opens or closes.
    TurnSale(EventId),
    /// A put-off publishing.
    Publish(EventId),
    /// The next step of cancelling an event.
    CancelStep(EventId),
    /// A call to a provider.
    Outbox(OutboxId),
    /// An ended reservation and its idempotency key can be forgotten.
    Forget(ReservationId),
    /// An upload that no event took up can be dropped.
    DropUpload(UploadId),
    /// The sandbox provider has a webhook to deliver; the id is its session's.
    Sandbox([u8; 16]),
}

impl Due {
    pub(super) fn to_parts(self) -> (u8, [u8; 16]) {
        match self {
            Self::Expire(id) => (0, id.to_bytes()),
            Self::TurnSale(id) => (1, id.to_bytes()),
            Self::Publish(id) => (2, id.to_bytes()),
            Self::CancelStep(id) => (3, id.to_bytes()),
            Self::Outbox(id) => (4, id.0),
            Self::Forget(id) => (5, id.to_bytes()),
            Self::DropUpload(id) => (6, id.0),
            Self::Sandbox(id) => (7, id),
        }
    }

    pub(super) fn from_parts(kind: u8, id: [u8; 16]) -> Option<Self> {
        Some(match kind {
            0 => Self::Expire(ReservationId::from_bytes(id)),
            1 => Self::TurnSale(EventId::from_bytes(id)),
            2 => Self::Publish(EventId::from_bytes(id)),
            3 => Self::CancelStep(EventId::from_bytes(id)),
            4 => Self::Outbox(OutboxId(id)),
            5 => Self::Forget(ReservationId::from_bytes(id)),
            6 => Self::DropUpload(UploadId(id)),
            7 => Self::Sandbox(id),
            _ => return None,
        })
    }

    pub(super) fn shard(self) -> u8 {
        let (_, id) = self.to_parts();
        id[15] % crate::limits::DUE_SHARDS
    }
}
