//! What the driver makes of a batch.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use std::time::Duration;

use bytes::Bytes;
use parterre_core::clock::Clock;
use parterre_core::driver::{Outcome, Queued};
use parterre_core::lane::Rejected;
use parterre_core::metrics::Metrics;
use parterre_core::store::memory::{Faults, MemoryStore};
use parterre_core::store::{Commit, Marker, Store, Transaction};
use parterre_domain::command::{Answer, Command, ProviderWord, Release, StageChunk};
use parterre_domain::keys;
use parterre_domain::state::Write;
use parterre_domain::{Refusal, Rev, TakenTicket, TicketId, TicketState, UploadId, limits};

use crate::world::{EVENT, START};

async fn on_sale() -> (MemoryStore, Clock) {
    let (store, clock) = (MemoryStore::new(), Clock::manual(START));
    world::succeed(&store, &clock, world::on_sale(EVENT, 2, 5)).await;
    (store, clock)
}

async fn run(store: &MemoryStore, clock: &Clock, commands: Vec<Command>) -> Vec<Outcome> {
    run_counted(store, clock, commands, &Metrics::new().unwrap()).await
}

async fn run_counted(
    store: &MemoryStore,
    clock: &Clock,
    commands: Vec<Command>,
    metrics: &Metrics,
) -> Vec<Outcome> {
    let queued: Vec<_> = commands
        .into_iter()
        .map(|command| world::queued(command, clock))
        .collect();
    world::counted(store, clock, 1, metrics).run(&queued).await
}

fn reserve(buyer: u32, tickets: &[u32]) -> Command {
    Command::Reserve(world::reserving(EVENT, buyer, tickets))
}

async fn head(store: &MemoryStore) -> Rev {
    world::everything(store).await.0
}

/// Whether each command was done.
fn done(outcomes: &[Outcome]) -> Vec<bool> {
    outcomes.iter().map(Result::is_ok).collect()
}

#[tokio::test]
async fn a_batch_is_one_commit_in_which_each_sees_those_before() {
    let (store, clock) = on_sale().await;
    let before = head(&store).await.position.sequence();
    let commands = vec![reserve(1, &[0, 1]), reserve(2, &[1, 2]), reserve(3, &[2])];
    let outcomes = run(&store, &clock, commands).await;
    let taken = TakenTicket {
        id: TicketId(1),
        state: TicketState::Pending,
    };
    let refused = Rejected::Refused(Refusal::TicketsTaken(vec![taken]));
    assert_eq!(outcomes[1], Err(refused));
    let after = head(&store).await;
    assert_eq!(after.position.sequence(), before + 1);
    for at in [0, 2] {
        assert_eq!(outcomes[at].as_ref().unwrap().rev, after);
    }
    world::assert_log_is_whole(&store, EVENT, 10).await;
}

#[tokio::test]
async fn a_batch_that_writes_nothing_commits_nothing() {
    let (store, clock) = on_sale().await;
    run(&store, &clock, vec![reserve(1, &[0])]).await;
    let before = head(&store).await;
    let commands = vec![reserve(2, &[0]), reserve(1, &[0])];
    let outcomes = run(&store, &clock, commands).await;
    assert_eq!(done(&outcomes), [false, true]);
    let replayed = outcomes[1].as_ref().unwrap();
    assert!(matches!(replayed.answer, Answer::Replayed(_)));
    assert_eq!(replayed.rev, before);
    assert_eq!(head(&store).await, before);
}

#[tokio::test]
async fn a_broken_record_breaks_its_own_command_only() {
    let (store, clock) = on_sale().await;
    run(&store, &clock, vec![reserve(2, &[2, 3])]).await;
    let broken = keys::ticket(EVENT, TicketId(3));
    let commit = Commit {
        writes: vec![Write::Set(broken, b"no record".to_vec())],
        record: Bytes::new(),
        marker: Marker {
            key: keys::marker([9; 16], 0),
            batch: [9; 16],
        },
    };
    assert!(store.begin().await.unwrap().commit(commit).await.is_ok());
    let release = Command::Release(Release {
        event: EVENT,
        reservation: world::id(2),
        word: ProviderWord::NotAsked,
    });
    // The release has freed ticket 2 when it comes to ticket 3; that must not last.
    let commands = vec![
        reserve(1, &[0]),
        release,
        reserve(3, &[2]),
        reserve(4, &[1]),
    ];
    let outcomes = run(&store, &clock, commands).await;
    assert!(matches!(outcomes[1], Err(Rejected::Broken(_))));
    assert!(matches!(outcomes[2], Err(Rejected::Refused(_))));
    assert!(outcomes[0].is_ok() && outcomes[3].is_ok());
}

#[tokio::test]
async fn what_is_too_large_for_one_transaction_is_split_or_broken() {
    let (store, clock) = on_sale().await;
    let stage = |number, len| {
        Command::StageChunk(StageChunk {
            event: EVENT,
            upload: UploadId([8; 16]),
            number,
            bytes: vec![7; len],
        })
    };
    let chunks = limits::TRANSACTION_BYTES / limits::VALUE_BYTES + 2;
    let mut commands: Vec<_> = (0..u32::try_from(chunks).unwrap())
        .map(|number| stage(number, limits::VALUE_BYTES))
        .collect();
    commands.push(stage(999, limits::VALUE_BYTES + 1));
    let before = head(&store).await.position.sequence();
    let metrics = Metrics::new().unwrap();
    let outcomes = run_counted(&store, &clock, commands, &metrics).await;
    assert!(matches!(outcomes[chunks], Err(Rejected::Broken(_))));
    assert_eq!(done(&outcomes[..chunks]), vec![true; chunks]);
    let commits = head(&store).await.position.sequence() - before;
    assert!((2..=8).contains(&commits), "{commits}");
    let splits = metrics.retries.with_label_values(&["too_large"]).get();
    assert_eq!(
        splits, commits,
        "each split makes one part more, and one was broken"
    );
    let (_, rows) = world::everything(&store).await;
    let stored = rows.range(&keys::chunks(UploadId([8; 16]))).count();
    assert_eq!(stored, chunks);
}

#[tokio::test]
async fn who_waited_too_long_is_surely_not_served() {
    let (store, clock) = on_sale().await;
    let late = world::queued(reserve(1, &[0]), &clock);
    clock.advance(limits::COMMAND_DEADLINE + Duration::from_millis(1));
    let batch = [late, world::queued(reserve(2, &[0]), &clock)];
    let outcomes = world::driver(&store, &clock, 1).run(&batch).await;
    assert_eq!(outcomes[0], Err(Rejected::Unavailable));
    assert!(outcomes[1].is_ok());
}

#[tokio::test]
async fn a_commit_that_is_in_though_nobody_said_so_is_answered_as_such() {
    let (store, clock) = on_sale().await;
    let before = head(&store).await.position.sequence();
    store.set_faults(Faults {
        unknown_applied: 1.0,
        ..Faults::default()
    });
    let commands = vec![reserve(1, &[0]), reserve(2, &[0])];
    let outcomes = run(&store, &clock, commands).await;
    let after = head(&store).await;
    assert_eq!(after.position.sequence(), before + 1);
    let committed = outcomes[0].as_ref().unwrap();
    assert!(matches!(committed.answer, Answer::Reservation(_)));
    assert_eq!(committed.rev, after);
    assert!(matches!(outcomes[1], Err(Rejected::Refused(_))));
}

#[tokio::test]
async fn a_store_that_dies_at_a_commit_leaves_the_outcome_unknown() {
    let (store, clock) = on_sale().await;
    store.set_faults(Faults {
        death: 1.0,
        ..Faults::default()
    });
    let outcomes = run(&store, &clock, vec![reserve(1, &[0])]).await;
    assert_eq!(outcomes, [Err(Rejected::OutcomeUnknown)]);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_given_up_at_the_deadline() {
    let (store, _) = on_sale().await;
    store.set_faults(Faults {
        too_old: 1.0,
        ..Faults::default()
    });
    let clock = Clock::Wall;
    let queued = Queued {
        command: reserve(1, &[0]),
        deadline: clock.now() + Duration::from_millis(20),
        note: None,
    };
    let outcomes = world::driver(&store, &clock, 1).run(&[queued]).await;
    assert_eq!(outcomes, [Err(Rejected::Unavailable)]);
}
