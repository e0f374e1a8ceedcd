//! Lanes: where commands queue, form batches and get their answers.

use parterre_domain::command::{Answer, Command};
use parterre_domain::{Refusal, Rev};

/// A handle to the lanes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lanes {}

/// A command that was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// What the rule answered.
    pub answer: Answer,
    /// The commit that it is in; for an answer that wrote nothing, the version it was
    /// read at.
    pub rev: Rev,
}

/// Why a command was not done, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The lane is full; surely not done.
    #[error("the core's queue is full")]
    Busy,
    /// The store didn't take it in time; surely not done.
    #[error("the store doesn't answer")]
    Unavailable,
    /// It may have been done.
    #[error("the outcome isn't known")]
    OutcomeUnknown,
    /// A stored record is broken; surely not done.
    #[error("{0}")]
    Broken(String),
}

impl Lanes {
    /// Has a command decided and committed. Answers when the commit is durable.
    ///
    /// # Errors
    ///
    /// See [`Rejected`].
    pub async fn submit(&self, _command: Command) -> Result<Committed, Rejected> {
        todo!("lanes")
    }
}
