//! What one buyer was told of one reservation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use parterre_domain::{EventId, ReservationId, ReservationState, TicketId, Timestamp};

use super::at;
use crate::smoke::ledger::{Entry, Said};

/// A reservation from its buyer's side.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) buyer: usize,
    pub(super) event: EventId,
    pub(super) tickets: Vec<TicketId>,
    /// By the core's clock.
    pub(super) created_at: Timestamp,
    /// The latest that the buyer was told, by the core's clock.
    pub(super) expires_at: Timestamp,
    /// When the request left that made it, by the buyers' clock.
    pub(super) sent: Duration,
    /// When the buyer knew of it, by the buyers' clock.
    pub(super) answered: Duration,
    /// When the release was asked for first, by the buyers' clock.
    pub(super) releasing: Option<Duration>,
    /// Whether a release was confirmed.
    pub(super) released: bool,
    /// Whether a payment was tried.
    pub(super) paying: bool,
    /// Whether the provider took money.
    pub(super) charged: bool,
    /// When it was first read as paid, by the buyers' clock.
    pub(super) seen_paid: Option<Duration>,
    /// Whether it was read as over, before any late payment.
    pub(super) seen_over: bool,
}

impl Claim {
    /// Whether this claim can have been over when a later one was made. Its own buyer's
    /// words decide: the release that it asked for, or the time that it was given.
    pub(super) fn over_before(&self, later: &Self) -> bool {
        if self.seen_paid.is_some_and(|seen| seen <= later.sent) {
            return false;
        }
        let released = self.releasing.is_some_and(|asked| asked <= later.answered);
        released || self.expires_at <= later.created_at
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "buyer {} was told 201 at {}",
            self.buyer,
            at(self.answered)
        )?;
        if let Some(asked) = self.releasing {
            write!(f, ", asked for its release at {}", at(asked))?;
        }
        let said = [
            (self.released, "which was confirmed"),
            (self.paying, "paid"),
            (self.charged, "was charged"),
            (self.seen_over, "saw it over"),
        ];
        for (_, words) in said.iter().filter(|(happened, _)| *happened) {
            write!(f, ", {words}")?;
        }
        match self.seen_paid {
            Some(seen) => write!(f, ", saw it paid at {}", at(seen)),
            None => Ok(()),
        }
    }
}

/// Every reservation that a buyer was told of. A 201 that was repeated counts from the
/// first time.
pub(super) fn claims(entries: &[Entry]) -> BTreeMap<ReservationId, Claim> {
    let mut claims: BTreeMap<ReservationId, Claim> = BTreeMap::new();
    for Entry { at, buyer, said } in entries {
        match said {
            Said::Reserved {
                reservation,
                event,
                tickets,
                created_at,
                expires_at,
                sent,
                ..
            } => {
                claims.entry(*reservation).or_insert_with(|| Claim {
                    buyer: *buyer,
                    event: *event,
                    tickets: tickets.clone(),
                    created_at: *created_at,
                    expires_at: *expires_at,
                    sent: *sent,
                    answered: *at,
                    releasing: None,
                    released: false,
                    paying: false,
                    charged: false,
                    seen_paid: None,
                    seen_over: false,
                });
            }
            Said::Unknown { .. } | Said::Refused { .. } => {}
            Said::Releasing { reservation }
            | Said::Released { reservation }
            | Said::CheckedOut { reservation, .. }
            | Said::Paying { reservation, .. }
            | Said::Charged { reservation }
            | Said::Seen { reservation, .. } => {
                if let Some(claim) = claims.get_mut(reservation) {
                    goes_on(claim, *at, said);
                }
            }
        }
    }
    claims
}

fn goes_on(claim: &mut Claim, at: Duration, said: &Said) {
    match said {
        Said::Releasing { .. } => {
            claim.releasing.get_or_insert(at);
        }
        Said::Released { .. } => claim.released = true,
        Said::Paying { .. } => claim.paying = true,
        Said::Charged { .. } => claim.charged = true,
        Said::CheckedOut { expires_at, .. } => {
            claim.expires_at = claim.expires_at.max(*expires_at);
        }
        Said::Seen {
            state, expires_at, ..
        } => {
            claim.expires_at = claim.expires_at.max(*expires_at);
            match state {
                ReservationState::Pending => {}
                ReservationState::Paid => {
                    claim.seen_paid.get_or_insert(at);
                }
                ReservationState::Released
                | ReservationState::Expired
                | ReservationState::RefundDue
                | ReservationState::Refunded => claim.seen_over = true,
            }
        }
        Said::Reserved { .. } | Said::Unknown { .. } | Said::Refused { .. } => {}
    }
}
