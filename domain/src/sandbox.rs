//! The sandbox payment provider's own state: sessions that are open, paid or closed.
//!
//! It stands for a third party, so it shares no record with the rules of this crate; it
//! only uses the same store and the same driver, so that its money survives a crash as a
//! real provider's would.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::Answer;
use crate::keys::{self, Due};
use crate::state::{Decision, Overlay};
use crate::{Currency, EventId, Money, PaymentId, Refusal, ReservationId, Timestamp, limits};

/// A session of the sandbox provider. A reservation has one, under the reservation's id:
/// opening it twice opens it once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSession {
    /// The purchase that it is for, which also names it.
    pub reservation: ReservationId,
    /// The event of the purchase, which decides the lane.
    pub event: EventId,
    /// What is to be paid.
    pub amount: Money,
    /// In what.
    pub currency: Currency,
    /// Where the buyer goes after paying.
    pub success_url: String,
    /// Where the buyer goes after giving up.
    pub cancel_url: String,
    /// Until when it can be paid, if nobody closes it before.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: SandboxState,
    /// Webhooks still to be delivered, and when the next one is tried.
    pub deliveries: Deliveries,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxState {
    /// It can be paid.
    Open,
    /// It was paid.
    Paid,
    /// It was paid and the money went back.
    Refunded,
    /// It can't be paid any more, and wasn't.
    Closed,
}

/// Webhooks that a session has still to deliver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// How many are left.
    pub left: u8,
    /// How often the next one was tried.
    pub attempts: u32,
    /// When it is tried next: where the entry in the due index lies.
    pub due_at: Option<Timestamp>,
}

/// How the provider tells of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// At once.
    #[default]
    Prompt,
    /// After [`limits::SANDBOX_LATE`].
    Late,
    /// Twice.
    Double,
    /// Never; whoever asks is told.
    Silent,
}

/// A change of the sandbox provider's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxCommand {
    /// Opens a session, or answers the one that is there.
    Open(Box<SandboxSession>),
    /// The buyer pays. Paying what is paid answers the same.
    Pay {
        /// The event of the purchase.
        event: EventId,
        /// The session.
        session: ReservationId,
        /// How the provider will tell.
        behaviour: Behaviour,
    },
    /// Makes sure that nobody can pay any more; answers the session as it is.
    Close {
        /// The event of the purchase.
        event: EventId,
        /// The session.
        session: ReservationId,
    },
    /// Gives the money back. Repeated: done again.
    Refund {
        /// The event of the purchase.
        event: EventId,
        /// The session.
        session: ReservationId,
    },
    /// A webhook was tried.
    Delivered {
        /// The event of the purchase.
        event: EventId,
        /// The session.
        session: ReservationId,
        /// Whether it was taken.
        taken: bool,
        /// Where its entry in the due index lies.
        due_at: Timestamp,
    },
}

impl SandboxSession {
    /// The provider's name for the session's payment.
    pub fn payment(&self) -> PaymentId {
        PaymentId(format!("sandbox-{}", self.reservation))
    }

    /// The session that a payment's name tells.
    pub fn of_payment(payment: &PaymentId) -> Option<ReservationId> {
        payment.0.strip_prefix("sandbox-")?.parse().ok()
    }

    /// The state at a time: an open session closes by itself.
    pub fn state_at(&self, now: Timestamp) -> SandboxState {
        match self.state {
            SandboxState::Open if now >= self.expires_at => SandboxState::Closed,
            state => state,
        }
    }
}

impl SandboxCommand {
    /// The event that the session's purchase is about.
    pub fn event(&self) -> EventId {
        match self {
            Self::Open(session) => session.event,
            Self::Pay { event, .. }
            | Self::Close { event, .. }
            | Self::Refund { event, .. }
            | Self::Delivered { event, .. } => *event,
        }
    }

    /// Where the session's record lies.
    pub(crate) fn key(&self) -> keys::Key {
        keys::sandbox(&self.session().to_bytes())
    }

    fn session(&self) -> ReservationId {
        match self {
            Self::Open(session) => session.reservation,
            Self::Pay { session, .. }
            | Self::Close { session, .. }
            | Self::Refund { session, .. }
            | Self::Delivered { session, .. } => *session,
        }
    }

    pub(crate) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let key = self.key();
        let before: Option<SandboxSession> = overlay.read_sandbox(&key)?;
        let mut session = match (&before, self) {
            (Some(session), _) => session.clone(),
            (None, Self::Open(session)) => (**session).clone(),
            (None, _) => return Err(Refusal::NotFound("session").into()),
        };
        match self {
            Self::Open(_) => {}
            Self::Pay { behaviour, .. } => pay(overlay, &mut session, *behaviour, now)?,
            Self::Close { .. } => {
                if session.state == SandboxState::Open {
                    session.state = SandboxState::Closed;
                }
            }
            Self::Refund { .. } => refund(&mut session)?,
            Self::Delivered { taken, due_at, .. } => {
                delivered(overlay, &mut session, *taken, *due_at, now);
            }
        }
        if before.as_ref() != Some(&session) {
            overlay.set(key, crate::encode(&session));
        }
        Ok(Answer::Sandbox(Box::new(session)))
    }
}

fn pay(
    overlay: &mut Overlay,
    session: &mut SandboxSession,
    behaviour: Behaviour,
    now: Timestamp,
) -> Decision<()> {
    match session.state_at(now) {
        SandboxState::Open => {}
        SandboxState::Paid => return Ok(()),
        SandboxState::Closed | SandboxState::Refunded => {
            let reason = "the session is closed; nothing was charged";
            return Err(Refusal::Conflict {
                state: "closed",
                reason,
            }
            .into());
        }
    }
    session.state = SandboxState::Paid;
    let (left, after) = match behaviour {
        Behaviour::Prompt => (1, Duration::ZERO),
        Behaviour::Late => (1, limits::SANDBOX_LATE),
        Behaviour::Double => (2, Duration::ZERO),
        Behaviour::Silent => (0, Duration::ZERO),
    };
    session.deliveries = Deliveries {
        left,
        attempts: 0,
        due_at: None,
    };
    file(overlay, session, now + after);
    Ok(())
}

fn refund(session: &mut SandboxSession) -> Result<(), Refusal> {
    match session.state {
        SandboxState::Paid | SandboxState::Refunded => {
            session.state = SandboxState::Refunded;
            Ok(())
        }
        SandboxState::Open | SandboxState::Closed => Err(Refusal::Conflict {
            state: "unpaid",
            reason: "there is no payment to give back",
        }),
    }
}

fn delivered(
    overlay: &mut Overlay,
    session: &mut SandboxSession,
    taken: bool,
    due_at: Timestamp,
    now: Timestamp,
) {
    overlay.clear_due(due_at, Due::Sandbox(session.reservation.to_bytes()));
    if session.deliveries.due_at != Some(due_at) {
        return;
    }
    session.deliveries.due_at = None;
    if taken {
        session.deliveries.left -= 1;
        session.deliveries.attempts = 0;
        file(overlay, session, now);
    } else {
        session.deliveries.attempts += 1;
        file(overlay, session, now + limits::SANDBOX_RETRY);
    }
}

/// Files the next webhook, unless none is left or it was tried too often.
fn file(overlay: &mut Overlay, session: &mut SandboxSession, at: Timestamp) {
    let Deliveries { left, attempts, .. } = session.deliveries;
    if left > 0 && attempts < limits::SANDBOX_ATTEMPTS {
        session.deliveries.due_at = Some(at);
        overlay.put_due(at, Due::Sandbox(session.reservation.to_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::state::Rows;

    const EVENT: EventId = EventId::from_number(1);
    const SESSION: ReservationId = ReservationId::from_number(2);

    fn opened() -> (Rows, Timestamp) {
        let (mut rows, now) = (Rows::default(), Timestamp::from_millis(1_000));
        let session = SandboxSession {
            reservation: SESSION,
            event: EVENT,
            amount: Money(500),
            currency: "EUR".parse().unwrap(),
            success_url: "https://shop.example/yes".into(),
            cancel_url: "https://shop.example/no".into(),
            expires_at: now + Duration::from_secs(60),
            state: SandboxState::Open,
            deliveries: Deliveries::default(),
        };
        run(&mut rows, SandboxCommand::Open(Box::new(session)), now).unwrap();
        (rows, now)
    }

    fn run(
        rows: &mut Rows,
        command: SandboxCommand,
        now: Timestamp,
    ) -> Result<SandboxSession, Refusal> {
        match rows.run(&Command::Sandbox(command), now)? {
            (Answer::Sandbox(session), _) => Ok(*session),
            (other, _) => panic!("{other:?}"),
        }
    }

    fn due(rows: &Rows) -> Vec<Timestamp> {
        rows.range(&keys::all_due())
            .filter_map(|(key, _)| keys::due_of(key))
            .map(|(at, _)| at)
            .collect()
    }

    #[test]
    fn a_closed_session_is_never_paid_and_a_paid_one_never_closed() {
        let pay = SandboxCommand::Pay {
            event: EVENT,
            session: SESSION,
            behaviour: Behaviour::Silent,
        };
        let close = SandboxCommand::Close {
            event: EVENT,
            session: SESSION,
        };
        let (mut rows, now) = opened();
        assert_eq!(
            run(&mut rows, close.clone(), now).unwrap().state,
            SandboxState::Closed
        );
        assert!(run(&mut rows, pay.clone(), now).is_err());
        let (mut rows, now) = opened();
        assert_eq!(
            run(&mut rows, pay.clone(), now).unwrap().state,
            SandboxState::Paid
        );
        assert_eq!(
            run(&mut rows, close, now).unwrap().state,
            SandboxState::Paid
        );
        let (mut rows, now) = opened();
        assert!(run(&mut rows, pay, now + Duration::from_secs(60)).is_err());
    }

    #[test]
    fn webhooks_come_as_they_were_asked_for() {
        let late = limits::SANDBOX_LATE;
        for (behaviour, expected) in [
            (Behaviour::Prompt, vec![Duration::ZERO]),
            (Behaviour::Late, vec![late]),
            (Behaviour::Double, vec![Duration::ZERO, Duration::ZERO]),
            (Behaviour::Silent, vec![]),
        ] {
            let (mut rows, now) = opened();
            run(
                &mut rows,
                SandboxCommand::Pay {
                    event: EVENT,
                    session: SESSION,
                    behaviour,
                },
                now,
            )
            .unwrap();
            let mut seen = Vec::new();
            while let [due_at] = due(&rows)[..] {
                seen.push(due_at.since(now));
                let taken = SandboxCommand::Delivered {
                    event: EVENT,
                    session: SESSION,
                    taken: true,
                    due_at,
                };
                run(&mut rows, taken, now).unwrap();
            }
            assert_eq!(seen, expected, "{behaviour:?}");
        }
    }

    #[test]
    fn a_webhook_that_nobody_takes_is_tried_again_but_not_for_ever() {
        let (mut rows, now) = opened();
        let pay = SandboxCommand::Pay {
            event: EVENT,
            session: SESSION,
            behaviour: Behaviour::Prompt,
        };
        run(&mut rows, pay, now).unwrap();
        let mut tried = 0;
        while let [due_at] = due(&rows)[..] {
            tried += 1;
            let missed = SandboxCommand::Delivered {
                event: EVENT,
                session: SESSION,
                taken: false,
                due_at,
            };
            run(&mut rows, missed, now).unwrap();
        }
        assert_eq!(tried, limits::SANDBOX_ATTEMPTS);
    }
}
