//! The sandbox payment provider's own state: sessions that are open, paid or closed.
//!
//! It stands for a third party, so it shares no record with the rules of this crate;
//! it only uses the same store and the same driver.

use serde::{Deserialize, Serialize};

use crate::command::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, Timestamp};

/// A session of the sandbox provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSession {
    /// The event that its purchase is about, for the lane.
    pub event: EventId,
}

/// A change of the sandbox provider's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxCommand {
    event: EventId,
}

impl SandboxCommand {
    /// The event that the session's purchase is about.
    pub fn event(&self) -> EventId {
        self.event
    }

    pub(crate) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
