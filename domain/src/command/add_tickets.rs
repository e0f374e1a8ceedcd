//! Adds tickets to a draft: chunks are staged unseen, then one small transaction takes them up.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, Tier, Timestamp, UploadId};

/// Writes one chunk of an upload, which nobody sees until [`AddTickets`]. The first one files the upload for dropping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageChunk {
    /// Which event.
    pub event: EventId,
    /// Which upload.
    pub upload: UploadId,
    /// Which chunk of it, from 0.
    pub number: u32,
    /// The encoded [`crate::LayoutChunk`].
    pub bytes: Vec<u8>,
}

impl StageChunk {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// Takes a staged upload up into its draft. A repeat answers the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddTickets {
    /// Which event.
    pub event: EventId,
    /// Which upload.
    pub upload: UploadId,
    /// How many chunks were staged.
    pub chunks: u32,
    /// How many tickets are in them.
    pub tickets: u32,
    /// How many sections the tickets name.
    pub sections: u32,
    /// Whether every ticket has x and y.
    pub with_places: bool,
    /// All tiers of the event after this upload: the draft's own first, then the new ones.
    pub tiers: Vec<Tier>,
}

impl AddTickets {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// Clears an upload that no event took up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropUpload {
    /// Which event.
    pub event: EventId,
    /// Which upload.
    pub upload: UploadId,
}

impl DropUpload {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
