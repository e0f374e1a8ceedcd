//! The audit trail: what administrators did, and by which token. An entry is written in
//! the transaction of the command that it tells of; a command that changed nothing, such
//! as a repeat, leaves none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::state::Overlay;
use crate::{Timestamp, limits};

/// What an administrator did.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When, by the core's clock.
    pub at: Timestamp,
    /// The name that the token was given when it was made.
    pub token_name: String,
    /// What was done.
    pub action: AuditAction,
    /// To what: the id of an event or of a reservation, or `creation-window`.
    pub subject: String,
}

/// What can be done by an administrator; the names are those of the API's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the operations' names")]
pub enum AuditAction {
    CreateEvent,
    ChangeEvent,
    AddTickets,
    PublishEvent,
    CancelEvent,
    WithdrawTickets,
    RestoreTickets,
    Refund,
    SetCreationWindow,
}

/// Who asks for a command, so that it is entered in the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// The token's name.
    pub token_name: String,
    /// Random bytes that tell entries of one millisecond apart.
    pub id: [u8; 16],
}

impl AuditNote {
    /// Enters a command that has been done, and drops the entries that are older than
    /// [`limits::AUDIT_KEPT`].
    pub fn enter(&self, command: &Command, now: Timestamp, overlay: &mut Overlay) {
        let Some((action, subject)) = told(command) else {
            return;
        };
        let record = AuditRecord {
            at: now,
            token_name: self.token_name.clone(),
            action,
            subject,
        };
        overlay.put_audit(&record, self.id);
        overlay.drop_audit_before(now - limits::AUDIT_KEPT);
    }
}

/// What the trail says of a command; none of what administrators don't ask for.
fn told(command: &Command) -> Option<(AuditAction, String)> {
    let action = match command {
        Command::CreateEvent(_) => AuditAction::CreateEvent,
        Command::ChangeEvent(_) => AuditAction::ChangeEvent,
        Command::AddTickets(_) => AuditAction::AddTickets,
        Command::Publish(_) => AuditAction::PublishEvent,
        Command::CancelEvent(_) => AuditAction::CancelEvent,
        Command::Withdraw(withdraw) if withdraw.restore => AuditAction::RestoreTickets,
        Command::Withdraw(_) => AuditAction::WithdrawTickets,
        Command::Refund(refund) => {
            return Some((AuditAction::Refund, refund.reservation.to_string()));
        }
        Command::SetCreationWindow(_) => {
            return Some((AuditAction::SetCreationWindow, "creation-window".into()));
        }
        Command::StageChunk(_)
        | Command::DropUpload(_)
        | Command::TurnSale(_)
        | Command::CancelStep(_)
        | Command::Reserve(_)
        | Command::Release(_)
        | Command::Expire(_)
        | Command::Forget(_)
        | Command::BeginCheckout(_)
        | Command::OpenCheckout(_)
        | Command::SettlePayment(_)
        | Command::OutboxAnswered(_)
        | Command::Sandbox(_) => return None,
    };
    Some((action, command.event().to_string()))
}
