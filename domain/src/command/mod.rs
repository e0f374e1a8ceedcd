//! Commands and their rules, one file each.
//!
//! A rule is `decide(&self, now, &mut Overlay) -> Decision<…>`: synchronous and pure.
//! Ids and random bytes come in with the command; `now` comes with each attempt. What a
//! refused command wrote is rolled back by the caller.

mod about;
mod add_tickets;
mod begin_checkout;
pub mod best;
mod cancel_event;
mod change_event;
mod create_event;
mod end_reservation;
mod publish;
mod refund;
mod reserve;
mod set_creation_window;
mod settle_payment;
#[cfg(test)]
pub(crate) mod testing;
mod turn_sale;
mod withdraw;

pub use add_tickets::{AddTickets, DropUpload, StageChunk};
pub use begin_checkout::{BeginCheckout, OpenCheckout};
pub use cancel_event::{CancelEvent, CancelStep};
pub use change_event::{ChangeEvent, EventPatch};
pub use create_event::CreateEvent;
pub use end_reservation::{Expire, Forget, ProviderWord, Release};
pub use publish::Publish;
pub use refund::{OutboxAnswered, Refund};
pub use reserve::{Idempotency, Reserve};
pub use set_creation_window::SetCreationWindow;
pub use settle_payment::SettlePayment;
pub use turn_sale::TurnSale;
pub use withdraw::Withdraw;

use crate::keys::{self, Due};
use crate::sandbox::SandboxCommand;
use crate::state::{Decision, Overlay, Want};
use crate::{EventId, EventRecord, ReservationRecord, Timestamp, limits};

/// Everything that can change the state of the world.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum Command {
    CreateEvent(CreateEvent),
    ChangeEvent(ChangeEvent),
    StageChunk(StageChunk),
    AddTickets(AddTickets),
    DropUpload(DropUpload),
    Publish(Publish),
    TurnSale(TurnSale),
    CancelEvent(CancelEvent),
    CancelStep(CancelStep),
    Withdraw(Withdraw),
    Reserve(Reserve),
    Release(Release),
    Expire(Expire),
    Forget(Forget),
    BeginCheckout(BeginCheckout),
    OpenCheckout(OpenCheckout),
    SettlePayment(SettlePayment),
    Refund(Refund),
    OutboxAnswered(OutboxAnswered),
    SetCreationWindow(SetCreationWindow),
    Sandbox(SandboxCommand),
}

/// Where a command waits for its turn: what waits in one place goes before what waits in
/// the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What somebody waits for who sells or buys.
    Sales,
    /// Steps of a long work that must come to its end soon.
    Steps,
    /// What can wait.
    Bulk,
}

/// What a command that was done answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// There is nothing more to say.
    Done,
    /// The event as it now is.
    Event(Box<EventRecord>),
    /// The reservation as it now is.
    Reservation(Box<ReservationRecord>),
    /// The reservation that an earlier attempt or the same idempotency key made, or that
    /// was released before; nothing was written.
    Replayed(Box<ReservationRecord>),
    /// What the sandbox provider answers: its record of the session.
    Sandbox(Box<crate::sandbox::SandboxSession>),
}

impl Command {
    /// The event that the command is about, which decides its lane.
    pub fn event(&self) -> EventId {
        match self {
            Self::CreateEvent(command) => command.event,
            Self::ChangeEvent(command) => command.event,
            Self::StageChunk(command) => command.event,
            Self::AddTickets(command) => command.event,
            Self::DropUpload(command) => command.event,
            Self::Publish(command) => command.event,
            Self::TurnSale(command) => command.event,
            Self::CancelEvent(command) => command.event,
            Self::CancelStep(command) => command.event,
            Self::Withdraw(command) => command.event,
            Self::Reserve(command) => command.event,
            Self::Release(command) => command.event,
            Self::Expire(command) => command.event,
            Self::Forget(command) => command.event,
            Self::BeginCheckout(command) => command.event,
            Self::OpenCheckout(command) => command.event,
            Self::SettlePayment(command) => command.event,
            Self::Refund(command) => command.event,
            Self::OutboxAnswered(command) => command.event,
            Self::SetCreationWindow(_) => SetCreationWindow::LANE,
            Self::Sandbox(command) => command.event(),
        }
    }

    /// Where it waits: uploads and the steps of long works wait behind sales.
    pub fn place(&self) -> Place {
        match self {
            Self::StageChunk(_) | Self::DropUpload(_) | Self::Forget(_) => Place::Bulk,
            Self::CancelStep(_) => Place::Steps,
            Self::CreateEvent(_)
            | Self::ChangeEvent(_)
            | Self::AddTickets(_)
            | Self::Publish(_)
            | Self::TurnSale(_)
            | Self::CancelEvent(_)
            | Self::Withdraw(_)
            | Self::Reserve(_)
            | Self::Release(_)
            | Self::Expire(_)
            | Self::BeginCheckout(_)
            | Self::OpenCheckout(_)
            | Self::SettlePayment(_)
            | Self::Refund(_)
            | Self::OutboxAnswered(_)
            | Self::SetCreationWindow(_)
            | Self::Sandbox(_) => Place::Sales,
        }
    }

    /// The records that the rule surely asks for, so that one pass of loading is usual,
    /// and one more for the tickets of a reservation.
    pub fn hints(&self) -> Vec<Want> {
        let keys = match self {
            Self::Reserve(command) => return command.hints(),
            Self::Withdraw(command) => return command.hints(),
            Self::CreateEvent(_)
            | Self::ChangeEvent(_)
            | Self::Publish(_)
            | Self::TurnSale(_)
            | Self::CancelEvent(_) => vec![keys::event(self.event())],
            Self::StageChunk(_) | Self::SetCreationWindow(_) => Vec::new(),
            Self::AddTickets(command) => vec![
                keys::event(command.event),
                keys::upload_event(command.upload),
            ],
            Self::DropUpload(command) => vec![
                keys::event(command.event),
                keys::upload_event(command.upload),
            ],
            Self::CancelStep(command) => vec![
                keys::event(command.event),
                keys::cancel_cursor(command.event),
            ],
            Self::Release(command) => vec![keys::reservation(command.reservation)],
            Self::Expire(command) => vec![
                keys::due(command.due_at, Due::Expire(command.reservation)),
                keys::reservation(command.reservation),
            ],
            Self::Forget(command) => vec![keys::reservation(command.reservation)],
            Self::OpenCheckout(command) => vec![keys::reservation(command.reservation)],
            Self::BeginCheckout(command) => vec![
                keys::event(command.event),
                keys::reservation(command.reservation),
            ],
            Self::SettlePayment(command) => vec![
                keys::event(command.event),
                keys::reservation(command.reservation),
                keys::payment(&command.provider, &command.payment),
            ],
            Self::Refund(command) => vec![
                keys::event(command.event),
                keys::reservation(command.reservation),
            ],
            Self::OutboxAnswered(command) => vec![keys::outbox(command.outbox)],
            Self::Sandbox(command) => vec![command.key()],
        };
        keys.into_iter().map(Want::Key).collect()
    }

    /// Roughly how many bytes the command weighs in a batch.
    pub fn weight_bytes(&self) -> usize {
        match self {
            Self::StageChunk(command) => command.bytes.len(),
            Self::Reserve(command) => 64 + 32 * command.tickets.len(),
            Self::Withdraw(command) => 64 + 32 * command.tickets.len(),
            // All that bulk work may take of a batch; sales may still share it.
            Self::CancelStep(_) => limits::CHUNK_BYTES,
            _ => 512,
        }
    }

    /// Decides by the command's own rule.
    pub fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        match self {
            Self::CreateEvent(command) => command.decide(now, overlay),
            Self::ChangeEvent(command) => command.decide(now, overlay),
            Self::StageChunk(command) => command.decide(now, overlay),
            Self::AddTickets(command) => command.decide(now, overlay),
            Self::DropUpload(command) => command.decide(now, overlay),
            Self::Publish(command) => command.decide(now, overlay),
            Self::TurnSale(command) => command.decide(now, overlay),
            Self::CancelEvent(command) => command.decide(now, overlay),
            Self::CancelStep(command) => command.decide(now, overlay),
            Self::Withdraw(command) => command.decide(now, overlay),
            Self::Reserve(command) => command.decide(now, overlay),
            Self::Release(command) => command.decide(now, overlay),
            Self::Expire(command) => command.decide(now, overlay),
            Self::Forget(command) => command.decide(now, overlay),
            Self::BeginCheckout(command) => command.decide(now, overlay),
            Self::OpenCheckout(command) => command.decide(now, overlay),
            Self::SettlePayment(command) => command.decide(now, overlay),
            Self::Refund(command) => command.decide(now, overlay),
            Self::OutboxAnswered(command) => command.decide(now, overlay),
            Self::SetCreationWindow(command) => command.decide(now, overlay),
            Self::Sandbox(command) => command.decide(now, overlay),
        }
    }
}
