//! A sold-out stadium is cancelled in few commits.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use std::time::Instant;

use parterre_core::clock::Clock;
use parterre_core::driver::Queued;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_domain::command::{Answer, CancelEvent, CancelStep, Command};
use parterre_domain::limits;

use crate::world::{EVENT, START};

const TICKETS: u32 = 20_000;
/// A stadium of 200,000 takes ten times as many, so that a commit may last a fifth of a
/// second and cancelling still ends within 60 s.
const COMMITS: u64 = 30;

#[tokio::test]
async fn a_sold_out_stadium_is_cancelled_in_few_commits() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let clock = Clock::manual(START);
    world::succeed(&store, &clock, world::on_sale(EVENT, TICKETS / 100, 100)).await;
    let driver = world::driver(&store, &clock, 1);
    let reserve = |ticket: u32| Command::Reserve(world::reserving(EVENT, ticket, &[ticket]));
    let all: Vec<Queued> = (0..TICKETS)
        .map(|ticket| world::queued(reserve(ticket), &clock))
        .collect();
    for batch in all.chunks(limits::COMMANDS_PER_BATCH) {
        let outcomes = driver.run(batch).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
    let cancel = Command::CancelEvent(CancelEvent { event: EVENT });
    world::succeed(&store, &clock, vec![cancel]).await;

    let before = world::everything(&store).await.0.position.sequence();
    let began = Instant::now();
    let step = Command::CancelStep(CancelStep {
        event: EVENT,
        due_at: START,
    });
    loop {
        let outcomes = driver.run(&[world::queued(step.clone(), &clock)]).await;
        match &outcomes[0].as_ref().unwrap().answer {
            Answer::Event(record) if record.cancelling => {}
            _ => break,
        }
    }
    let took = began.elapsed();
    let after = world::everything(&store).await.0.position.sequence();
    let commits = after - before;
    println!("{TICKETS} reservations ended in {commits} commits, {took:.2?}");
    assert!(commits <= COMMITS, "{commits} commits");
    world::assert_log_is_whole(&store, EVENT, TICKETS).await;
}
