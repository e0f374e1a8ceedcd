//! Makes a draft visible to everybody, complete at one instant.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, Timestamp};

/// Publishes a draft now, or files it for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Which event.
    pub event: EventId,
    /// Not before this time; none means now.
    pub at: Option<Timestamp>,
}

impl Publish {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
