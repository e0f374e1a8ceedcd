//! Counts what a commit did to reservations and payments: which came into which state.
//!
//! A batch of nothing but new reservations, which is what a busy sale is made of, is
//! counted by its answers. Any other is counted by the records that it wrote: a rule
//! writes a reservation that isn't pending, and a payment, only when it comes into a
//! state.

use parterre_domain::command::{Answer, Command};
use parterre_domain::state::Write;
use parterre_domain::{PaymentOutcome, PaymentRecord, ReservationRecord, ReservationState, keys};

use crate::driver::{Decided, Queued};
use crate::metrics::Metrics;

/// What one commit did.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    pending: u64,
    reservations: Vec<ReservationState>,
    payments: Vec<PaymentOutcome>,
}

impl Passages {
    /// What a commit with these writes would do.
    pub(crate) fn of(batch: &[Queued], decided: &Decided, writes: &[Write]) -> Self {
        let mut passages = Self::default();
        let mut reserves = 0;
        for (queued, answer) in batch.iter().zip(decided) {
            if let Command::Reserve(_) = queued.command {
                reserves += 1;
                passages.pending += u64::from(matches!(answer, Ok(Answer::Reservation(_))));
            }
        }
        if reserves < batch.len() {
            writes.iter().for_each(|write| passages.note(write));
        }
        passages
    }

    fn note(&mut self, write: &Write) {
        let Write::Set(key, value) = write else {
            return;
        };
        if keys::reservations().contains(key) {
            let record =
                parterre_domain::decode(value).map(|record: ReservationRecord| record.state);
            let entered = record
                .ok()
                .filter(|state| *state != ReservationState::Pending);
            self.reservations.extend(entered);
        } else if keys::payments().contains(key) {
            let record = parterre_domain::decode(value).map(|record: PaymentRecord| record.outcome);
            self.payments.extend(record.ok());
        }
    }

    /// The commit is in.
    pub(crate) fn count(&self, metrics: &Metrics) {
        let states = &metrics.reservation_states;
        let pending = ReservationState::Pending.as_str();
        states.with_label_values(&[pending]).inc_by(self.pending);
        for state in &self.reservations {
            states.with_label_values(&[state.as_str()]).inc();
        }
        for outcome in &self.payments {
            let outcome = match outcome {
                PaymentOutcome::Tickets => "tickets",
                PaymentOutcome::RefundDue => "refund_due",
                PaymentOutcome::Refunded => "refunded",
            };
            metrics.payments.with_label_values(&[outcome]).inc();
        }
    }
}
