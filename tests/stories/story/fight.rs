//! Buyers who fight over a few seats and let go again of what they win, and a ledger of
//! what they were told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use parterre_domain::wire::api::ReserveRequest;
use parterre_domain::{EventId, ReservationId, ReservationState, TicketId, Timestamp};
use parterre_loadtest::wire::{Failure, Origin, Refused, Reserved};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Buyer, SOON, until};

/// How many buyers there are.
const BUYERS: u64 = 300;
/// A winner in so many lets the hold run out instead of releasing it.
const FORGETFUL: u32 = 40;
/// A buyer in so many goes away before the answer comes, and asks again.
const IMPATIENT: u32 = 20;
/// How many read at once what became of their reservations.
const READERS: usize = 8;

/// A fight that goes on.
pub(crate) struct Fight {
    edges: Vec<Origin>,
    ledger: Arc<Mutex<Ledger>>,
    over: watch::Sender<bool>,
    buyers: JoinSet<()>,
}

/// What all buyers were told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Who has a ticket, and until when at most.
    holders: HashMap<u32, (ReservationId, Timestamp)>,
    won: Vec<Won>,
    pub(crate) refused: usize,
    /// Calls whose outcome somebody didn't hear.
    pub(crate) unknown: usize,
    /// Every broken promise.
    pub(crate) wrong: Vec<String>,
}

#[derive(Clone, Debug)]
struct Won {
    reserved: Reserved,
    release: Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    NotAsked,
    Asked,
    Acknowledged,
}

impl Fight {
    /// Begins; each buyer stays at one of the edges.
    pub(crate) fn over(edges: &[Origin], event: EventId, tickets: u32, seed: u64) -> Self {
        let mut fight = Self {
            edges: edges.to_vec(),
            ledger: Arc::default(),
            over: watch::channel(false).0,
            buyers: JoinSet::new(),
        };
        for number in 0..BUYERS {
            let edge = edges[usize::try_from(number).expect("few") % edges.len()].clone();
            let fighter = Fighter {
                buyer: Buyer::at(edge.clone()),
                edge,
                event,
                tickets,
                random: fastrand::Rng::with_seed(seed * BUYERS + number),
                ledger: fight.ledger.clone(),
            };
            let over = fight.over.subscribe();
            fight.buyers.spawn(fighter.fights(number, over));
        }
        fight
    }

    /// Waits until a hundred more reservations have been acknowledged.
    pub(crate) async fn goes_on(&self) {
        let won = || lock(&self.ledger).won.len();
        let enough = won() + 100;
        let more = async || (won() >= enough).then_some(());
        until("a hundred more win", SOON, more).await;
    }

    /// Ends it, and compares what every winner was told with what is stored.
    pub(crate) async fn ends(self) -> Ledger {
        self.over.send_replace(true);
        self.buyers.join_all().await;
        let won = lock(&self.ledger).won.clone();
        let mut readers = JoinSet::new();
        for won in won.chunks(won.len().div_ceil(READERS).max(1)) {
            let (won, ledger) = (won.to_vec(), self.ledger.clone());
            let mut buyer = Buyer::at(self.edges[0].clone());
            readers.spawn(async move {
                for won in won {
                    let state = buyer.reads(&won.reserved).await.state;
                    lock(&ledger).compare(&won, state);
                }
            });
        }
        readers.join_all().await;
        std::mem::take(&mut *lock(&self.ledger))
    }
}

/// One buyer in the fight.
struct Fighter {
    buyer: Buyer,
    edge: Origin,
    event: EventId,
    tickets: u32,
    random: fastrand::Rng,
    ledger: Arc<Mutex<Ledger>>,
}

impl Fighter {
    async fn fights(mut self, number: u64, over: watch::Receiver<bool>) {
        for attempt in 0_u32.. {
            if *over.borrow() {
                return;
            }
            let key = format!("the-fight-{number:03}-{attempt:06}");
            let Some(reserved) = self.asks(&key).await else {
                self.pauses(20..200).await;
                continue;
            };
            let at = lock(&self.ledger).win(&reserved);
            if self.random.u32(..FORGETFUL) > 0 {
                self.pauses(0..300).await;
                self.releases(at, &reserved).await;
            }
        }
    }

    /// Asks for one or two tickets until it knows whether it has them.
    async fn asks(&mut self, key: &str) -> Option<Reserved> {
        let count = self.random.usize(1..3);
        let tickets = self.random.choose_multiple(0..self.tickets, count);
        let wish = ReserveRequest {
            tickets: Some(tickets.into_iter().map(TicketId).collect()),
            best: None,
        };
        let mut patience = match self.random.u32(..IMPATIENT) {
            0 => Duration::from_millis(self.random.u64(0..20)),
            _ => Duration::MAX,
        };
        loop {
            let call = self.buyer.shop.reserve(self.event, &wish, Some(key));
            match tokio::time::timeout(patience, call).await {
                Ok(Ok(Ok(reserved))) => return Some(reserved),
                Ok(Ok(Err(refused))) if passes(&refused) => {
                    lock(&self.ledger).unknown += usize::from(refused.leaves_unknown());
                }
                Ok(Ok(Err(refused))) => {
                    lock(&self.ledger).refuse(&refused);
                    return None;
                }
                Ok(Err(Failure::Odd(what))) => {
                    lock(&self.ledger).wrong.push(what);
                    return None;
                }
                Ok(Err(Failure::Broken(_))) | Err(_) => {
                    lock(&self.ledger).unknown += 1;
                    self.buyer = Buyer::at(self.edge.clone());
                }
            }
            patience = Duration::MAX;
            self.pauses(20..200).await;
        }
    }

    /// Lets go of what it has, until it knows that it has.
    async fn releases(&mut self, at: usize, reserved: &Reserved) {
        lock(&self.ledger).let_go(at);
        let id = reserved.reservation.id;
        loop {
            let released = self.buyer.shop.release(id, &reserved.token).await;
            match released {
                Ok(Ok(())) => {
                    lock(&self.ledger).won[at].release = Release::Acknowledged;
                    return;
                }
                // It ran out meanwhile, or an earlier try went in.
                Ok(Err(refused)) if !passes(&refused) => return,
                Err(Failure::Odd(what)) => {
                    lock(&self.ledger).wrong.push(what);
                    return;
                }
                Ok(Err(_)) | Err(Failure::Broken(_)) => self.pauses(20..200).await,
            }
        }
    }

    async fn pauses(&mut self, millis: std::ops::Range<u64>) {
        let pause = self.random.u64(millis);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

impl Ledger {
    /// How many reservations were acknowledged.
    pub(crate) fn won(&self) -> usize {
        self.won.len()
    }

    /// Enters what somebody won; gives its place.
    fn win(&mut self, reserved: &Reserved) -> usize {
        let (now, own) = (parterre_loadtest::now(), reserved.reservation.id);
        let until = reserved.reservation.expires_at;
        for ticket in &reserved.reservation.tickets {
            if let Some((other, held)) = self.holders.get(&ticket.id.0)
                && *held > now
                && *other != own
            {
                let what = format!("{:?} is {own}'s and until {held} {other}'s", ticket.id);
                self.wrong.push(what);
            }
            self.holders.insert(ticket.id.0, (own, until));
        }
        self.won.push(Won {
            reserved: reserved.clone(),
            release: Release::NotAsked,
        });
        self.won.len() - 1
    }

    /// From now on others may have it.
    fn let_go(&mut self, at: usize) {
        let won = &mut self.won[at];
        won.release = Release::Asked;
        let own = won.reserved.reservation.id;
        self.holders.retain(|_, (holder, _)| *holder != own);
    }

    fn refuse(&mut self, refused: &Refused) {
        self.refused += 1;
        if refused.slug != "tickets-taken" {
            self.wrong.push(format!("{refused:?}"));
        }
    }

    fn compare(&mut self, won: &Won, state: ReservationState) {
        use ReservationState::{Expired, Pending, Released};

        let right = match won.release {
            Release::NotAsked => matches!(state, Pending | Expired),
            Release::Asked => matches!(state, Pending | Expired | Released),
            Release::Acknowledged => state == Released,
        };
        if !right {
            self.wrong.push(format!("{state:?}: {won:?}"));
        }
    }
}

/// Whether asking again is the thing to do.
fn passes(refused: &Refused) -> bool {
    refused.is_passing() || refused.leaves_unknown()
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().expect("no buyer panics")
}
