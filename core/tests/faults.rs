//! Buyers at a store that conflicts, forgets and dies, from seeds: nothing acknowledged
//! is lost, nothing refused is held, nothing happens twice.
//!
//! The store is in memory and does wrong by itself, or it is FoundationDB, whose client
//! does.
//!
//! More seeds: `PARTERRE_SEEDS=20000 cargo nextest run -p parterre-core --test faults`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[cfg(feature = "fdb")]
mod cluster;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use parterre_core::clock::Clock;
use parterre_core::driver::{Driver, Outcome};
use parterre_core::lane::{Committed, Rejected};
use parterre_core::metrics::Metrics;
use parterre_core::store::Store;
use parterre_core::store::memory::{Faults, MemoryStore};
use parterre_domain::command::{
    Answer, Command, Expire, ProviderWord, Release, Reserve, SettlePayment,
};
use parterre_domain::keys::{self, Due};
use parterre_domain::state::Rows;
use parterre_domain::wire::feed::decode_record;
use parterre_domain::{
    Money, PaymentId, ReservationRecord, ReservationState, Rev, Timestamp, invariants,
};

use crate::world::{EVENT, PRICE, START};

const TICKETS: u32 = 10;
const LANES: u8 = 3;
const BATCHES: u32 = 10;

#[test]
fn no_fault_makes_the_store_forget_what_was_acknowledged_or_keep_what_was_refused() {
    let mut seen = Seen::default();
    let seeds = world::seeds(400);
    let many = seeds.end - seeds.start > 100;
    for seed in seeds {
        println!("seed {seed}; PARTERRE_SEED={seed} runs it alone");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let store = MemoryStore::with_faults(Faults::default(), seed);
        let story = Story::new(store.clone(), seed);
        runtime.unwrap().block_on(async {
            story.opens().await;
            store.set_faults(story.faults());
            story.buyers_ask().await;
            store.set_faults(Faults::default());
            story.ends_well(&mut seen).await;
        });
    }
    // Else the faults or the buyers have become too tame to prove anything.
    println!("{seen:?}");
    let seen = [
        seen.done,
        seen.replayed,
        seen.refused,
        seen.unknown,
        seen.late,
    ];
    assert!(!many || seen.iter().all(|&times| times > 0));
}

/// FoundationDB's own client conflicts, is too old, and says of commits that went in that
/// it doesn't know; the more often, the more tries each commit needs.
#[cfg(feature = "fdb")]
#[test]
fn foundationdbs_faults_neither() {
    use parterre_core::store::fdb;

    let Some(cluster) = cluster::FoundationDb::start() else {
        return;
    };
    let (mut seen, metrics) = (Seen::default(), Metrics::new().unwrap());
    for seed in world::seeds(10) {
        println!("seed {seed}; PARTERRE_SEED={seed} runs it alone");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(async {
            cluster.clear();
            let store = cluster::store(&cluster, fdb::Faults::Percent(15)).await;
            let mut story = Story::new(store, seed);
            story.metrics = metrics.clone();
            story.opens().await;
            story.buyers_ask().await;
            story.ends_well(&mut seen).await;
        });
    }
    println!("{seen:?}");
    for cause in ["conflict", "too_old", "unknown"] {
        let times = metrics.retries.with_label_values(&[cause]).get();
        println!("retries because of {cause}: {times}");
        assert!(
            times > 0,
            "the client has become too tame to prove anything"
        );
    }
}

/// How often which outcome was seen.
#[derive(Debug, Default)]
struct Seen {
    done: usize,
    replayed: usize,
    refused: usize,
    unknown: usize,
    late: usize,
}

/// A buyer, and what the buyer was told.
struct Buyer {
    reserve: Reserve,
    asked: usize,
    told: Vec<Outcome>,
    /// Told that it is released.
    released: bool,
    /// Payments that were acknowledged.
    payments: Vec<PaymentId>,
}

struct Story<S> {
    store: S,
    clock: Clock,
    metrics: Metrics,
    random: RefCell<fastrand::Rng>,
    buyers: RefCell<Vec<Buyer>>,
}

impl<S: Store> Story<S> {
    fn new(store: S, seed: u64) -> Self {
        Self {
            store,
            clock: Clock::manual(START),
            metrics: Metrics::new().unwrap(),
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
            buyers: RefCell::default(),
        }
    }

    /// An event is put on sale.
    async fn opens(&self) {
        let event = world::on_sale(EVENT, 2, TICKETS / 2);
        world::succeed(&self.store, &self.clock, event).await;
    }

    /// Buyers ask at every lane.
    async fn buyers_ask(&self) {
        let lanes = (0..LANES).map(|lane| self.lane(lane));
        futures_util::future::join_all(lanes).await;
    }

    /// Everybody was told the truth, is told it again, and the store agrees.
    async fn ends_well(&self, seen: &mut Seen) {
        self.check_what_was_told().await;
        self.ask_again().await;
        self.sweep().await;
        self.check_what_was_told().await;
        world::assert_log_is_whole(&self.store, EVENT, TICKETS).await;
        let (_, rows) = world::everything(&self.store).await;
        let breaches = invariants::breaches(&rows, self.clock.now());
        assert!(breaches.is_empty(), "{breaches:#?}");
        self.count(seen);
    }

    fn faults(&self) -> Faults {
        let mut random = self.random.borrow_mut();
        let mut chance = |most: f64| {
            if random.bool() {
                random.f64() * most
            } else {
                0.0
            }
        };
        Faults {
            conflict: chance(0.3),
            too_old: chance(0.2),
            unknown_applied: chance(0.4),
            unknown_not_applied: chance(0.4),
            death: chance(0.1),
            pause: 0.5,
        }
    }

    async fn lane(&self, lane: u8) {
        let mut driver = self.driver(lane);
        for batch in 0..BATCHES {
            let (askers, commands) = self.commands();
            let queued: Vec<_> = commands
                .iter()
                .map(|command| world::queued(command.clone(), &self.clock))
                .collect();
            let outcomes = driver.run(&queued).await;
            assert_eq!(outcomes.len(), commands.len());
            if outcomes
                .iter()
                .any(|o| matches!(o, Err(Rejected::OutcomeUnknown)))
            {
                // The core has died; another begins.
                let core = lane + LANES * (1 + u8::try_from(batch).unwrap());
                driver = self.driver(core);
            }
            for ((asker, command), outcome) in askers.into_iter().zip(commands).zip(outcomes) {
                self.note(asker, &command, outcome);
            }
            let pause = self.random.borrow_mut().u64(0..1_500);
            self.clock.advance(Duration::from_millis(pause));
        }
    }

    fn driver(&self, core: u8) -> Driver<S> {
        world::counted(&self.store, &self.clock, core, &self.metrics)
    }

    /// What a lane finds in its queue.
    fn commands(&self) -> (Vec<usize>, Vec<Command>) {
        let size = self.random.borrow_mut().usize(1..6);
        (0..size).map(|_| self.command()).unzip()
    }

    fn command(&self) -> (usize, Command) {
        let (mut random, mut buyers) = (self.random.borrow_mut(), self.buyers.borrow_mut());
        let choice = random.u8(0..10);
        if buyers.is_empty() || choice < 5 {
            let number = u32::try_from(buyers.len()).unwrap();
            let tickets = random.choose_multiple(0..TICKETS, 1 + number as usize % 3);
            let mut reserve = world::reserving(EVENT, number, &tickets);
            reserve.idempotency = random.bool().then(|| world::idempotency(number));
            buyers.push(Buyer {
                reserve: reserve.clone(),
                asked: 1,
                told: Vec::new(),
                released: false,
                payments: Vec::new(),
            });
            return (buyers.len() - 1, Command::Reserve(reserve));
        }
        let at = random.usize(0..buyers.len());
        let buyer = &mut buyers[at];
        let command = match choice {
            5 | 6 => {
                buyer.asked += 1;
                Command::Reserve(buyer.reserve.clone())
            }
            7 => release(&buyer.reserve),
            8 => settle(&buyer.reserve, random.u8(0..2)),
            _ => expire(&buyer.reserve, buyer.expires_at().unwrap_or(START)),
        };
        (at, command)
    }

    fn note(&self, asker: usize, command: &Command, outcome: Outcome) {
        let buyer = &mut self.buyers.borrow_mut()[asker];
        match command {
            Command::Reserve(_) => buyer.told.push(outcome),
            Command::Release(_) => buyer.released |= outcome.is_ok(),
            Command::SettlePayment(settle) if outcome.is_ok() => {
                buyer.payments.push(settle.payment.clone());
            }
            _ => {}
        }
    }

    async fn check_what_was_told(&self) {
        let (head, rows) = world::everything(&self.store).await;
        let page = self.store.log_after(Rev::default(), usize::MAX).await;
        let log: BTreeMap<Rev, _> = page.unwrap().records.into_iter().collect();
        for buyer in self.buyers.borrow().iter() {
            let record = record(&rows, &buyer.reserve);
            assert_eq!(buyer.told.len(), buyer.asked, "somebody got no answer");
            buyer.check_record(record.as_ref());
            for committed in buyer.told.iter().flatten() {
                assert!(committed.rev <= head);
                if let Answer::Reservation(record) = &committed.answer {
                    let logged = decode_record(&log[&committed.rev]).unwrap();
                    let changes = logged.events.iter().flat_map(|change| &change.tickets);
                    let changed: Vec<_> = changes.map(|(ticket, _)| *ticket).collect();
                    let own = record.tickets.iter().map(|ticket| ticket.id);
                    let there = own.clone().all(|ticket| changed.contains(&ticket));
                    assert!(there, "the log at {} lacks {:?}", committed.rev, record.id);
                }
            }
            for payment in &buyer.payments {
                let key = keys::payment("sandbox", payment);
                assert!(rows.0.contains_key(&key), "{payment:?} is lost");
            }
        }
    }

    /// Everybody who doesn't know asks once more, now that all works.
    async fn ask_again(&self) {
        let driver = self.driver(200);
        let (_, rows) = world::everything(&self.store).await;
        let mut buyers = self.buyers.take();
        for buyer in &mut buyers {
            let before = record(&rows, &buyer.reserve);
            let command = Command::Reserve(buyer.reserve.clone());
            let mut outcomes = driver.run(&[world::queued(command, &self.clock)]).await;
            let outcome = outcomes.remove(0);
            if let Some(before) = before {
                match &outcome.as_ref().unwrap().answer {
                    Answer::Replayed(record) => assert_eq!(**record, before),
                    other => panic!("{other:?} instead of {before:?}"),
                }
            }
            buyer.asked += 1;
            buyer.told.push(outcome);
        }
        self.buyers.replace(buyers);
    }

    /// Ends everything whose time has come, as a core would.
    async fn sweep(&self) {
        self.clock.advance(Duration::from_secs(60));
        let (_, rows) = world::everything(&self.store).await;
        let due: Vec<_> = rows
            .range(&keys::all_due())
            .filter_map(|(key, _)| keys::due_of(key))
            .collect();
        for (due_at, due) in due {
            if let Due::Expire(reservation) = due {
                let command = Command::Expire(Expire {
                    event: EVENT,
                    reservation,
                    word: ProviderWord::Closed,
                    due_at,
                });
                world::succeed(&self.store, &self.clock, vec![command]).await;
            }
        }
    }

    fn count(&self, seen: &mut Seen) {
        for outcome in self.buyers.borrow().iter().flat_map(|buyer| &buyer.told) {
            match outcome {
                Ok(Committed {
                    answer: Answer::Replayed(_),
                    ..
                }) => seen.replayed += 1,
                Ok(_) => seen.done += 1,
                Err(Rejected::Refused(_)) => seen.refused += 1,
                Err(Rejected::OutcomeUnknown) => seen.unknown += 1,
                Err(Rejected::Unavailable) => seen.late += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
}

impl Buyer {
    fn expires_at(&self) -> Option<Timestamp> {
        let first = self.told.iter().flatten().next()?;
        Some(answered(first).expires_at)
    }

    /// That what is stored is what the buyer was told.
    fn check_record(&self, record: Option<&ReservationRecord>) {
        let (reserve, told) = (&self.reserve, &self.told);
        let made = told
            .iter()
            .flatten()
            .filter(|committed| matches!(committed.answer, Answer::Reservation(_)));
        assert!(made.count() <= 1, "made twice: {told:?}");
        for answer in told.iter().flatten().map(answered) {
            let record = record.unwrap_or_else(|| panic!("lost: {answer:?}"));
            assert_eq!(record.tickets, reserve.tickets);
            assert_eq!(record.token, reserve.token);
            assert_eq!(
                (answer.id, answer.token, &answer.tickets, answer.created_at),
                (record.id, record.token, &record.tickets, record.created_at)
            );
        }
        let refused = |outcome: &Outcome| {
            matches!(outcome, Err(Rejected::Refused(_) | Rejected::Unavailable))
        };
        if told.iter().all(refused) {
            assert!(record.is_none(), "refused, and yet {record:?}");
        }
        if self.released {
            let state = record.map(|record| record.state);
            let right = state.is_some_and(|state| state != ReservationState::Pending);
            assert!(right, "released, and yet {record:?}");
        }
    }
}

fn answered(committed: &Committed) -> &ReservationRecord {
    match &committed.answer {
        Answer::Reservation(record) | Answer::Replayed(record) => record,
        other => panic!("{other:?}"),
    }
}

fn record(rows: &Rows, reserve: &Reserve) -> Option<ReservationRecord> {
    let value = rows.0.get(&keys::reservation(reserve.reservation))?;
    Some(parterre_domain::decode(value).unwrap())
}

fn release(reserve: &Reserve) -> Command {
    Command::Release(Release {
        event: EVENT,
        reservation: reserve.reservation,
        word: ProviderWord::NotAsked,
    })
}

fn settle(reserve: &Reserve, payment: u8) -> Command {
    let tickets = i64::try_from(reserve.tickets.len()).unwrap();
    Command::SettlePayment(SettlePayment {
        event: EVENT,
        reservation: reserve.reservation,
        provider: "sandbox".into(),
        payment: PaymentId(format!("{} {payment}", reserve.reservation)),
        amount: Money(PRICE * tickets),
        currency: "EUR".parse().unwrap(),
    })
}

fn expire(reserve: &Reserve, due_at: Timestamp) -> Command {
    Command::Expire(Expire {
        event: EVENT,
        reservation: reserve.reservation,
        word: ProviderWord::NotAsked,
        due_at,
    })
}
