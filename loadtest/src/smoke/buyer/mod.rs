//! Somebody who buys: picks tickets, reserves them, and ends the reservation in one of
//! the ways there are. Writes down everything that the server said.

mod ending;
mod reserving;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parterre_domain::wire::api::{Availability, BestWish, ReserveRequest};
use parterre_domain::{EventId, TicketId, TicketState};

use super::ledger::Said;
use super::stage::{ACKNOWLEDGED, Stage, Verdict};
use crate::wire::{Reserved, Shop};
use ending::Left;

/// Reservations that one buyer has left to themselves and will look at later.
const LEFT: usize = 64;

/// One buyer.
pub(crate) struct Buyer {
    stage: Arc<Stage>,
    number: usize,
    random: fastrand::Rng,
    shop: Shop,
    left: VecDeque<Left>,
}

/// What a buyer wants.
pub(crate) struct Wish {
    /// Tickets of what.
    pub(crate) event: EventId,
    /// Which.
    pub(crate) request: ReserveRequest,
    /// How many.
    pub(crate) count: usize,
    /// Whether the sale opens at about this time, and may not have by the core's clock.
    pub(crate) at_opening: bool,
}

/// What a buyer does with a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Release,
    LetExpire,
    WalkAwayFromCheckout,
    Pay(&'static str),
}

impl Buyer {
    pub(crate) fn new(stage: Arc<Stage>, number: usize) -> Self {
        let seed = stage.config.seed.wrapping_mul(104_729) ^ (number as u64 + 1) << 32;
        Self {
            shop: Shop::new(stage.edge(number)),
            random: fastrand::Rng::with_seed(seed),
            left: VecDeque::new(),
            stage,
            number,
        }
    }

    pub(super) async fn run(mut self) {
        while self.stage.is_selling() {
            self.look_at_left().await;
            let Some(wish) = self.choose().await else {
                self.rest().await;
                continue;
            };
            if let Some(reserved) = self.reserve(&wish).await {
                self.end(reserved).await;
            }
            self.rest().await;
        }
    }

    /// An event and some of its tickets, as an edge shows them.
    async fn choose(&mut self) -> Option<Wish> {
        let events = self.stage.events();
        let newest = events.len().saturating_sub(self.stage.config.events + 1);
        let event = events[newest + self.random.usize(..events.len() - newest)];
        if self.random.u8(..100) < 40 {
            return Some(self.best(event));
        }
        let availability = self.availability(event).await?;
        let count = self.random.usize(1..=4);
        let free = free(&availability);
        // Everybody looks at the front: that is where buyers meet.
        let near = free.len().min(count * 8);
        let mut tickets: Vec<TicketId> = free[..near].to_vec();
        self.random.shuffle(&mut tickets);
        tickets.truncate(count);
        if tickets.is_empty() {
            return None;
        }
        Some(Wish {
            event,
            count: tickets.len(),
            request: ReserveRequest {
                tickets: Some(tickets),
                best: None,
            },
            at_opening: false,
        })
    }

    fn best(&mut self, event: EventId) -> Wish {
        let count = self.random.u16(1..=4);
        let best = BestWish {
            count,
            tier: self.random.u8(..4).eq(&0).then(|| "front".to_owned()),
            section: self.random.u8(..4).eq(&0).then(|| "Left".to_owned()),
            together: self.random.bool(),
        };
        Wish {
            event,
            count: count.into(),
            request: ReserveRequest {
                tickets: None,
                best: Some(best),
            },
            at_opening: false,
        }
    }

    async fn availability(&mut self, event: EventId) -> Option<Availability> {
        let mut patience = self.stage.patience();
        loop {
            let reply = self.shop.availability(event).await;
            self.stage.numbers.count("reads");
            match self.stage.judge("availability", reply, &mut patience).await {
                Verdict::Done(availability) => return Some(availability),
                Verdict::Again => {}
                Verdict::Refused(refused) => {
                    let slug = refused.slug;
                    self.disagrees(format!("availability of {event} was refused: {slug}"));
                    return None;
                }
                Verdict::GaveUp => return None,
            }
        }
    }

    /// What a buyer does next: by lot.
    fn plan(&mut self) -> Plan {
        match self.random.u8(..100) {
            0..35 => Plan::Release,
            35..45 => Plan::LetExpire,
            45..50 => Plan::WalkAwayFromCheckout,
            50..80 => Plan::Pay("prompt"),
            80..90 => Plan::Pay("double"),
            90..95 => Plan::Pay("late"),
            _ => Plan::Pay("silent"),
        }
    }

    async fn rest(&mut self) {
        let mean = self.stage.config.pause.as_micros();
        let mean = u64::try_from(mean).unwrap_or(u64::MAX / 2);
        if mean > 0 {
            let micros = self.random.u64(0..mean * 2);
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
    }

    /// Writes down what the server said.
    fn note(&self, said: Said) {
        if !self.stage.ledger.write(self.number, said) {
            self.disagrees("the ledger is full; run for a shorter time");
        }
    }

    fn acknowledged(&self, what: &'static str) {
        self.stage.numbers.count(what);
        self.stage.numbers.count(ACKNOWLEDGED);
    }

    fn disagrees(&self, what: impl std::fmt::Display) {
        let said = format!("buyer {}: {what}", self.number);
        self.stage.numbers.disagrees(said);
    }
}

/// The tickets that are shown as free.
fn free(availability: &Availability) -> Vec<TicketId> {
    let letters = (0..).zip(availability.states.chars());
    letters
        .filter(|&(_, letter)| letter == TicketState::Free.letter())
        .map(|(at, _)| TicketId(at))
        .collect()
}

/// The tickets in a reservation.
fn ids(reserved: &Reserved) -> Vec<TicketId> {
    let tickets = reserved.reservation.tickets.iter();
    tickets.map(|ticket| ticket.id).collect()
}
