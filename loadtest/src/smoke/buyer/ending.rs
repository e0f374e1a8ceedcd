//! Ending a reservation: released, left to expire, or paid in one of the sandbox's ways.

use std::time::Duration;

use parterre_domain::wire::api::{CheckoutAnswer, Reservation};
use parterre_domain::{ReservationId, ReservationState, Timestamp};

use super::{Buyer, LEFT, Plan, Said, Verdict};
use crate::wire::{Failure, Reserved};

/// How long after its time a reservation is looked at again: longer than the 2 s that it
/// may outlive its expiry.
const LATER: Duration = Duration::from_secs(3);
/// How long a paid reservation may take to say so while the buyer watches.
const PAID_SOON: Duration = Duration::from_secs(3);

/// A reservation left to itself.
pub(super) struct Left {
    id: ReservationId,
    token: String,
    /// When it is worth looking again, by the wall clock.
    at: Timestamp,
}

impl Left {
    fn of(reserved: Reserved) -> Self {
        Self {
            id: reserved.reservation.id,
            at: reserved.reservation.expires_at + LATER,
            token: reserved.token,
        }
    }
}

impl Buyer {
    /// Does with a reservation what the lot says.
    pub(super) async fn end(&mut self, reserved: Reserved) {
        let mut left = Left::of(reserved);
        match self.plan() {
            Plan::Release => {
                self.release(&left).await;
                return;
            }
            Plan::LetExpire => {}
            Plan::WalkAwayFromCheckout => {
                if let Some(checkout) = self.checkout(&left).await {
                    left.at = checkout.expires_at + LATER;
                }
            }
            Plan::Pay(behave) => {
                let Some(checkout) = self.checkout(&left).await else {
                    self.leave(left).await;
                    return;
                };
                left.at = checkout.expires_at + LATER;
                self.pay(&left, &checkout, behave).await;
                if matches!(behave, "prompt" | "double") && self.becomes_paid(&left).await {
                    return;
                }
            }
        }
        self.leave(left).await;
    }

    /// Begins to pay and pays at once, without waiting to hear of it: the audit does.
    pub(crate) async fn buy(&mut self, reserved: Reserved) {
        let left = Left::of(reserved);
        if let Some(checkout) = self.checkout(&left).await {
            self.pay(&left, &checkout, "prompt").await;
        }
    }

    /// Lets go of a reservation.
    pub(crate) async fn let_go(&mut self, reserved: Reserved) {
        self.release(&Left::of(reserved)).await;
    }

    async fn release(&mut self, left: &Left) {
        self.note(Said::Releasing {
            reservation: left.id,
        });
        let mut patience = self.stage.patience();
        loop {
            let reply = self.shop.release(left.id, &left.token).await;
            match self.stage.judge("releasing", reply, &mut patience).await {
                Verdict::Done(()) => {
                    self.acknowledged("releases");
                    self.note(Said::Released {
                        reservation: left.id,
                    });
                    return;
                }
                Verdict::Again => {}
                // Too late: its time was over.
                Verdict::Refused(refused)
                    if refused.problem.state.as_deref() == Some("expired") =>
                {
                    self.see(left).await;
                    return;
                }
                Verdict::Refused(refused) => {
                    let (id, problem) = (left.id, refused.problem);
                    self.disagrees(format!("releasing {id} was refused: {problem:?}"));
                    return;
                }
                Verdict::GaveUp => return,
            }
        }
    }

    async fn checkout(&mut self, left: &Left) -> Option<CheckoutAnswer> {
        let mut patience = self.stage.patience();
        loop {
            let reply = self.shop.checkout(left.id, &left.token).await;
            match self.stage.judge("checkout", reply, &mut patience).await {
                Verdict::Done(answer) => {
                    self.acknowledged("checkouts");
                    self.note(Said::CheckedOut {
                        reservation: left.id,
                        expires_at: answer.expires_at,
                    });
                    return Some(answer);
                }
                Verdict::Again => {}
                // It may have run out of time while servers were away.
                Verdict::Refused(refused) if refused.slug == "reservation-ended" => return None,
                Verdict::Refused(refused) => {
                    let (id, problem) = (left.id, refused.problem);
                    self.disagrees(format!("checkout of {id} was refused: {problem:?}"));
                    return None;
                }
                Verdict::GaveUp => return None,
            }
        }
    }

    /// Pays at the provider's page. Once: who isn't answered there doesn't pay twice.
    async fn pay(&mut self, left: &Left, checkout: &CheckoutAnswer, behave: &'static str) {
        self.note(Said::Paying {
            reservation: left.id,
            behave: behave.into(),
        });
        match self.shop.pay(&checkout.redirect_url, behave).await {
            Ok(paid) if paid.state == "paid" => {
                self.acknowledged("payments");
                self.note(Said::Charged {
                    reservation: left.id,
                });
            }
            Ok(_) => self.stage.numbers.count("payments that came too late"),
            Err(Failure::Broken(broken)) => self.stage.broke(&broken),
            // The page answers 503 while its core is away.
            Err(Failure::Odd(_)) if self.stage.config.tolerate_restarts => {
                self.stage.numbers.count("payments not answered");
            }
            Err(Failure::Odd(odd)) => self.disagrees(format!("paying {}: {odd}", left.id)),
        }
    }

    /// Watches until the reservation says that it is paid.
    async fn becomes_paid(&mut self, left: &Left) -> bool {
        let began = std::time::Instant::now();
        while began.elapsed() < PAID_SOON {
            let Some(reservation) = self.see(left).await else {
                return false;
            };
            if reservation.state == ReservationState::Paid {
                self.stage.numbers.took("payment to paid", began.elapsed());
                return true;
            }
            if reservation.state != ReservationState::Pending {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Leaves a reservation to itself, to look at it when its time is over.
    async fn leave(&mut self, left: Left) {
        if self.left.len() == LEFT
            && let Some(oldest) = self.left.pop_front()
        {
            let wait = oldest.at.since(crate::now());
            tokio::time::sleep(wait).await;
            self.look_at(oldest).await;
        }
        self.left.push_back(left);
    }

    /// Looks at the reservations whose time is over.
    pub(super) async fn look_at_left(&mut self) {
        while let Some(left) = self.left.pop_front() {
            if left.at > crate::now() {
                self.left.push_front(left);
                return;
            }
            self.look_at(left).await;
        }
    }

    async fn look_at(&mut self, left: Left) {
        let Some(reservation) = self.see(&left).await else {
            return;
        };
        match reservation.state {
            // Late by the wall clock is no fault here: a core may have been away, or the
            // machine busy. The audit finds what stays pending for good.
            ReservationState::Pending => self.stage.numbers.count("pending past expiry, for now"),
            ReservationState::Expired => self.stage.numbers.count("expiries seen"),
            ReservationState::Paid => self.stage.numbers.count("late payments that took tickets"),
            ReservationState::RefundDue | ReservationState::Refunded => {
                self.stage.numbers.count("late payments that went back");
            }
            ReservationState::Released => {
                self.disagrees(format!("{} was released by nobody", left.id));
            }
        }
    }

    /// Reads a reservation and writes down how it stands.
    async fn see(&mut self, left: &Left) -> Option<Reservation> {
        let mut patience = self.stage.patience();
        loop {
            let reply = self.shop.reservation(left.id, &left.token).await;
            match self
                .stage
                .judge("reading a reservation", reply, &mut patience)
                .await
            {
                Verdict::Done(reservation) => {
                    self.note(Said::Seen {
                        reservation: left.id,
                        state: reservation.state,
                        expires_at: reservation.expires_at,
                    });
                    return Some(reservation);
                }
                Verdict::Again => {}
                Verdict::Refused(refused) => {
                    let (id, slug) = (left.id, refused.slug);
                    self.disagrees(format!("{id}, told 201, can't be read: {slug}"));
                    return None;
                }
                Verdict::GaveUp => return None,
            }
        }
    }
}
