//! Cancels an event: a flag in one transaction, then bounded steps that end its reservations.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, Timestamp};

/// From this commit on nothing of the event can be reserved, checked out or paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelEvent {
    /// Which event.
    pub event: EventId,
}

impl CancelEvent {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// Ends the next reservations of a cancelled event, at most [`crate::limits::RESERVATIONS_PER_STEP`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelStep {
    /// Which event.
    pub event: EventId,
}

impl CancelStep {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
