//! Opens or closes a sale by the clock.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, Timestamp};

/// Commits the phase that the sale has by now, so that it has a rev and reaches every screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnSale {
    /// Which event.
    pub event: EventId,
}

impl TurnSale {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
