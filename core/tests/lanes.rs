//! Lanes: queues, batches, plans, and the end.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod disk;
mod world;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use parterre_core::clock::Clock;
use parterre_core::driver::Outcome;
use parterre_core::lane::{Lanes, Rejected, Running};
use parterre_core::layouts::Layouts;
use parterre_core::metrics::Metrics;
use parterre_core::planning::BestRequest;
use parterre_core::store::any::AnyStore;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::memory::MemoryStore;
use parterre_core::store::{Commit, Marker, Store, Transaction};
use parterre_domain::command::{
    Answer, BeginCheckout, ChangeEvent, Command, EventPatch, ProviderWord, Refund, Release,
    SettlePayment, StageChunk,
};
use parterre_domain::keys;
use parterre_domain::state::{TicketRecord, Write};
use parterre_domain::wire::api::BestWish;
use parterre_domain::{
    Buyer, Money, PaymentId, Refusal, ReservationRecord, TicketId, Token, UploadId, limits,
};
use tokio::task::JoinHandle;

use crate::disk::Disk;
use crate::world::{EVENT, PRICE, START};

/// How long anything may take that must happen; nothing that passes takes so long.
const SOON: Duration = Duration::from_secs(60);

/// A core's lanes over a store.
struct Core {
    lanes: Lanes,
    running: Running,
    metrics: Metrics,
}

fn core(store: &AnyStore, lanes: u8) -> Core {
    let (metrics, layouts) = (Metrics::new().unwrap(), Layouts::new(store.clone()));
    let clock = Clock::manual(START);
    let (lanes, running) = Lanes::start(lanes, store, &layouts, &clock, &metrics).unwrap();
    Core {
        lanes,
        running,
        metrics,
    }
}

async fn on_sale(store: AnyStore, rows: u32, seats: u32) -> AnyStore {
    let event = world::on_sale(EVENT, rows, seats);
    world::succeed(&store, &Clock::manual(START), event).await;
    store
}

fn reserve(buyer: u32, tickets: &[u32]) -> Command {
    Command::Reserve(world::reserving(EVENT, buyer, tickets))
}

fn best(buyer: u32, count: u16) -> BestRequest {
    BestRequest {
        event: EVENT,
        reservation: world::id(buyer),
        token: Token::new([1; 32]),
        wish: wish(count),
        idempotency: None,
    }
}

fn wish(count: u16) -> BestWish {
    BestWish {
        count,
        tier: None,
        section: None,
        together: true,
    }
}

fn record(outcome: &Outcome) -> &ReservationRecord {
    match &outcome.as_ref().unwrap().answer {
        Answer::Reservation(record) | Answer::Replayed(record) => record,
        other => panic!("{other:?}"),
    }
}

fn tickets(outcome: &Outcome) -> Vec<u32> {
    let tickets = &record(outcome).tickets;
    tickets.iter().map(|ticket| ticket.id.0).collect()
}

/// Has a request wait in its lane while the gate is shut.
fn ask(lanes: &Lanes, request: BestRequest) -> JoinHandle<Outcome> {
    let lanes = lanes.clone();
    tokio::spawn(async move { lanes.reserve_best(request).await })
}

fn submit(lanes: &Lanes, command: Command) -> JoinHandle<Outcome> {
    let lanes = lanes.clone();
    tokio::spawn(async move { lanes.submit(command).await })
}

/// Lets the others run until something is so.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.unwrap();
}

async fn answers(asked: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for answer in asked {
        let answer = tokio::time::timeout(SOON, answer).await;
        outcomes.push(answer.unwrap().unwrap());
    }
    outcomes
}

/// A disk syncs only while its gate is open, so that a lane stands in its commit and others
/// queue.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set(&self, shut: bool) {
        *self.0.0.lock().unwrap() = shut;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let shut = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(shut, |shut| *shut).unwrap());
    }
}

async fn gated(rows: u32, seats: u32) -> (AnyStore, Gate) {
    let gate = Gate::default();
    let passing = gate.clone();
    let disk = Disk::new(move || {
        passing.pass();
        Ok(())
    });
    let store = AnyStore::Embedded(EmbeddedStore::open_backend(disk).unwrap());
    (on_sale(store, rows, seats).await, gate)
}

#[tokio::test]
async fn an_upload_is_written_in_small_pieces_behind_waiting_sales() {
    let (store, gate) = gated(1, 40).await;
    let core = core(&store, 1);
    gate.set(true);
    let first = submit(&core.lanes, reserve(99, &[39]));
    until(|| core.metrics.batch_commands.get_sample_count() == 1).await;
    let pieces = (0..20).map(|number| {
        let chunk = StageChunk {
            event: EVENT,
            upload: UploadId([7; 16]),
            number,
            bytes: vec![1; limits::CHUNK_BYTES],
        };
        submit(&core.lanes, Command::StageChunk(chunk))
    });
    let pieces: Vec<_> = pieces.collect();
    until(|| core.metrics.lane_depth.get() == 20).await;
    let sales = (0..30).map(|buyer| submit(&core.lanes, reserve(buyer, &[buyer])));
    let sales: Vec<_> = sales.collect();
    until(|| core.metrics.lane_depth.get() == 50).await;
    gate.set(false);
    assert!(first.await.unwrap().is_ok());
    let revs = |outcomes: Vec<Outcome>| outcomes.into_iter().map(|o| o.unwrap().rev);
    let sold: BTreeSet<_> = revs(answers(sales).await).collect();
    let pieces: BTreeSet<_> = revs(answers(pieces).await).collect();
    assert_eq!(sold.len(), 1, "sales that wait go together");
    assert_eq!(pieces.len(), 20, "a commit has one piece");
    // One piece goes along with the sales, and no sale waits for another.
    assert_eq!(pieces.first(), sold.first());
}

#[tokio::test]
async fn a_full_lane_answers_busy_and_does_all_that_it_took() {
    let (store, gate) = gated(1, 4).await;
    let core = core(&store, 1);
    gate.set(true);
    let more = 50;
    let most = limits::LANE_QUEUE + limits::COMMANDS_PER_BATCH + 1;
    let asked = (0..most + more)
        .map(|buyer| submit(&core.lanes, reserve(u32::try_from(buyer).unwrap(), &[0])));
    let asked: Vec<_> = asked.collect();
    // Behind a shut gate nobody gets another answer than that the lane is full.
    until(|| asked.iter().filter(|asked| asked.is_finished()).count() >= more).await;
    gate.set(false);
    let outcomes = answers(asked).await;
    let busy = |outcome: &&Outcome| matches!(outcome, Err(Rejected::Busy));
    assert!(outcomes.iter().filter(busy).count() >= more);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = outcomes.iter().filter(|outcome| !busy(outcome)).skip(1);
    for outcome in refused {
        assert!(matches!(outcome, Err(Rejected::Refused(_))), "{outcome:?}");
    }
    assert_eq!(core.metrics.lane_depth.get(), 0);
}

#[tokio::test]
async fn lanes_that_stop_do_what_is_queued_and_refuse_the_rest() {
    let (store, gate) = gated(1, 8).await;
    let core = core(&store, 1);
    gate.set(true);
    let asked = (0..8).map(|buyer| submit(&core.lanes, reserve(buyer, &[buyer])));
    let asked: Vec<_> = asked.collect();
    tokio::task::yield_now().await;
    let stopped = tokio::spawn(core.running.finished(SOON));
    tokio::task::yield_now().await;
    gate.set(false);
    assert!(answers(asked).await.iter().all(Result::is_ok));
    stopped.await.unwrap();
    let outcome = core.lanes.submit(reserve(9, &[0])).await;
    assert_eq!(outcome, Err(Rejected::Unavailable));
}

#[tokio::test]
async fn who_has_waited_long_enough_is_told_whether_it_may_have_been_done() {
    let (store, gate) = gated(1, 4).await;
    let core = core(&store, 1);
    gate.set(true);
    let held = submit(&core.lanes, reserve(1, &[0]));
    until(|| core.metrics.batch_commands.get_sample_count() == 1).await;
    let queued = submit(&core.lanes, reserve(2, &[1]));
    until(|| core.metrics.lane_depth.get() == 1).await;
    assert_eq!(held.await.unwrap(), Err(Rejected::OutcomeUnknown));
    assert_eq!(queued.await.unwrap(), Err(Rejected::Unavailable));
    gate.set(false);
    let after = |buyer, ticket| submit(&core.lanes, reserve(buyer, &[ticket]));
    assert!(after(3, 1).await.unwrap().is_ok(), "it was surely not done");
    let taken = after(4, 0).await.unwrap();
    assert!(matches!(taken, Err(Rejected::Refused(_))), "{taken:?}");
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nothing_back() {
    let (store, gate) = gated(1, 4).await;
    let core = core(&store, 1);
    gate.set(true);
    let asked = submit(&core.lanes, reserve(1, &[0]));
    tokio::task::yield_now().await;
    asked.abort();
    gate.set(false);
    let outcome = core.lanes.submit(reserve(1, &[0])).await.unwrap();
    assert!(matches!(outcome.answer, Answer::Replayed(_)));
}

#[tokio::test]
async fn plans_of_one_batch_never_collide_and_take_all_that_fits() {
    let (store, gate) = gated(2, 6).await;
    let core = core(&store, 1);
    gate.set(true);
    let first = submit(&core.lanes, reserve(99, &[0]));
    tokio::task::yield_now().await;
    until(|| core.metrics.lane_depth.get() == 0).await;
    let asked = (0..7).map(|buyer| ask(&core.lanes, best(buyer, 2)));
    let asked: Vec<_> = asked.collect();
    tokio::task::yield_now().await;
    gate.set(false);
    assert!(first.await.unwrap().is_ok());
    let outcomes = answers(asked).await;
    let mut taken = BTreeSet::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.is_ok()) {
        let pair = tickets(outcome);
        assert_eq!((pair.len(), pair[0] + 1), (2, pair[1]), "not side by side");
        assert!(pair.iter().all(|ticket| taken.insert(*ticket)), "twice");
    }
    assert_eq!(taken.len(), 10, "{outcomes:?}");
    let nothing = Err(Rejected::Refused(Refusal::TicketsTaken(Vec::new())));
    assert_eq!(outcomes.iter().filter(|o| **o == nothing).count(), 2);
    assert_eq!(core.metrics.replans.get(), 0);
}

#[tokio::test]
async fn a_repeated_wish_gets_its_tickets_again_and_takes_no_others() {
    let core = core(
        &on_sale(AnyStore::Memory(MemoryStore::new()), 1, 4).await,
        1,
    );
    let first = core.lanes.reserve_best(best(1, 2)).await;
    for _ in 0..3 {
        let again = core.lanes.reserve_best(best(1, 2)).await;
        assert_eq!(record(&again), record(&first));
    }
    let second = core.lanes.reserve_best(best(2, 2)).await;
    let all: BTreeSet<_> = [tickets(&first), tickets(&second)]
        .concat()
        .into_iter()
        .collect();
    assert_eq!(all, (0..4).collect());
    // Now that nothing is free.
    let again = core.lanes.reserve_best(best(1, 2)).await;
    assert_eq!(record(&again), record(&first));
}

#[tokio::test]
async fn a_wish_against_the_rules_says_which_field() {
    let core = core(
        &on_sale(AnyStore::Memory(MemoryStore::new()), 1, 4).await,
        1,
    );
    let rows: [(fn(&mut BestWish), &str); 4] = [
        (|wish| wish.count = 0, "best.count"),
        (|wish| wish.count = 5, "best.count"),
        (|wish| wish.tier = Some("b".into()), "best.tier"),
        (|wish| wish.section = Some("Nowhere".into()), "best.section"),
    ];
    for (spoil, field) in rows {
        let mut request = best(1, 1);
        spoil(&mut request.wish);
        match core.lanes.reserve_best(request).await {
            Err(Rejected::Refused(Refusal::Invalid(errors))) => assert_eq!(errors[0].field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let elsewhere = BestRequest {
        event: parterre_domain::EventId::from_number(77),
        ..best(1, 1)
    };
    let outcome = core.lanes.reserve_best(elsewhere).await;
    assert_eq!(outcome, Err(Rejected::Refused(Refusal::NotFound("event"))));
}

#[tokio::test]
async fn plans_follow_what_others_did() {
    let store = on_sale(AnyStore::Memory(MemoryStore::new()), 1, 4).await;
    let (ours, theirs) = (core(&store, 1), core(&store, 1));
    let first = ours.lanes.reserve_best(best(1, 2)).await;
    let other = theirs.lanes.reserve_best(best(2, 2)).await;
    assert!(other.is_ok());
    let release = Command::Release(Release {
        event: EVENT,
        reservation: world::id(1),
        word: ProviderWord::NotAsked,
    });
    theirs.lanes.submit(release).await.unwrap();
    let patch = EventPatch {
        max_tickets: Some(1),
        ..EventPatch::default()
    };
    let change = Command::ChangeEvent(ChangeEvent {
        event: EVENT,
        patch,
    });
    let again = ours.lanes.reserve_best(best(3, 2)).await;
    assert_eq!(tickets(&again), tickets(&first));
    theirs.lanes.submit(change).await.unwrap();
    let outcome = ours.lanes.reserve_best(best(4, 2)).await;
    let refused = matches!(outcome, Err(Rejected::Refused(Refusal::Invalid(_))));
    assert!(refused, "{outcome:?}");
    assert_eq!(ours.metrics.replans.get() + theirs.metrics.replans.get(), 0);
}

#[tokio::test]
async fn two_cores_sell_an_event_out_and_no_ticket_twice() {
    let (rows, seats) = (10, 20);
    let store = on_sale(AnyStore::Memory(MemoryStore::new()), rows, seats).await;
    let cores = [core(&store, 2), core(&store, 2)];
    let asked = (0..200).map(|buyer: u32| {
        let lanes = &cores[buyer as usize % 2].lanes;
        match buyer % 4 {
            0 => submit(lanes, reserve(buyer, &[buyer, (buyer + 7) % 200])),
            _ => ask(lanes, best(buyer, 2)),
        }
    });
    let outcomes = answers(asked.collect()).await;
    let mut sold = BTreeSet::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.is_ok()) {
        let all = tickets(outcome);
        assert!(
            all.iter().all(|ticket| sold.insert(*ticket)),
            "twice: {all:?}"
        );
    }
    // What a lost race left over can be had now, one by one.
    for buyer in 1_000..1_200 {
        match cores[0].lanes.reserve_best(best(buyer, 1)).await {
            Ok(committed) => {
                let all = tickets(&Ok(committed));
                assert!(
                    all.iter().all(|ticket| sold.insert(*ticket)),
                    "twice: {all:?}"
                );
            }
            Err(why) => assert!(matches!(why, Rejected::Refused(_)), "{why}"),
        }
    }
    assert_eq!(sold.len(), (rows * seats) as usize);
    world::assert_log_is_whole(&store, EVENT, rows * seats).await;
}

fn settle() -> Command {
    Command::SettlePayment(SettlePayment {
        event: EVENT,
        reservation: world::id(1),
        provider: "sandbox".into(),
        payment: PaymentId("p".into()),
        amount: Money(PRICE),
        currency: "EUR".parse().unwrap(),
    })
}

#[tokio::test]
async fn a_lane_that_a_bug_ends_is_noticed() {
    let store = on_sale(AnyStore::Memory(MemoryStore::new()), 1, 4).await;
    let core = core(&store, 1);
    core.lanes.submit(reserve(1, &[0])).await.unwrap();
    let begin = Command::BeginCheckout(BeginCheckout {
        event: EVENT,
        reservation: world::id(1),
        provider: "sandbox".into(),
        buyer: Buyer {
            name: "Ada".into(),
            email: "ada@example.org".into(),
        },
        success_url: "https://shop.example/yes".into(),
        cancel_url: "https://shop.example/no".into(),
    });
    core.lanes.submit(begin).await.unwrap();
    core.lanes.submit(settle()).await.unwrap();
    // A state that no rule leads to: the lifecycle knows no step from here to withdrawn.
    let pending = parterre_domain::encode(&TicketRecord::Pending {
        reservation: world::id(1),
        expires_at: START,
    });
    let commit = Commit {
        writes: vec![Write::Set(keys::ticket(EVENT, TicketId(0)), pending)],
        record: Bytes::from(parterre_domain::encode(&parterre_domain::LogRecord {
            at: START,
            events: Vec::new(),
        })),
        marker: Marker {
            key: keys::marker([9; 16], 0),
            batch: [9; 16],
        },
    };
    assert!(store.begin().await.unwrap().commit(commit).await.is_ok());
    let refund = Command::Refund(Refund {
        event: EVENT,
        reservation: world::id(1),
        return_to_sale: false,
    });
    let outcome = core.lanes.submit(refund).await;
    assert_eq!(outcome, Err(Rejected::OutcomeUnknown));
    tokio::time::timeout(SOON, core.running.ended())
        .await
        .unwrap();
    let outcome = core.lanes.submit(reserve(2, &[1])).await;
    assert_eq!(outcome, Err(Rejected::Unavailable));
}
