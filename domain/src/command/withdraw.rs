//! Takes free tickets off sale, or puts withdrawn ones back.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, TicketId, Timestamp};

/// All or nothing, at most [`crate::limits::TICKETS_PER_COMMAND`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdraw {
    /// Which event.
    pub event: EventId,
    /// Which tickets.
    pub tickets: Vec<TicketId>,
    /// Back on sale instead of off.
    pub restore: bool,
}

impl Withdraw {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
