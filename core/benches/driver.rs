//! What a batch costs. Over the store in memory that is the driver and the rules; what the
//! embedded store takes longer is redb and the disk.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

#[path = "../tests/world/mod.rs"]
mod world;

use divan::Bencher;
use parterre_core::clock::Clock;
use parterre_core::driver::Queued;
use parterre_core::store::Store;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::memory::MemoryStore;
use parterre_domain::command::Command;
use tokio::runtime::Builder;

use crate::world::{EVENT, START};

fn main() {
    divan::main();
}

/// How many reservations a batch has.
const BATCHES: [u32; 3] = [1, 32, 128];
const ROWS: u32 = 1_200;
const SEATS: u32 = 50;

#[divan::bench(args = BATCHES)]
fn memory(bencher: Bencher, reservations: u32) {
    batches(bencher, &MemoryStore::new(), reservations);
}

#[divan::bench(args = BATCHES)]
fn embedded(bencher: Bencher, reservations: u32) {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    batches(bencher, &store, reservations);
}

/// Runs batches of reservations, each of two tickets that nobody else wants.
fn batches<S: Store>(bencher: Bencher, store: &S, reservations: u32) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let clock = Clock::manual(START);
    runtime.block_on(world::succeed(
        store,
        &clock,
        world::on_sale(EVENT, ROWS, SEATS),
    ));
    let driver = world::driver(store, &clock, 1);
    let mut buyers = 0..ROWS * SEATS / 2;
    let batch = || -> Vec<Queued> {
        let buyers = buyers.by_ref().take(reservations as usize);
        let commands =
            buyers.map(|buyer| world::reserving(EVENT, buyer, &[2 * buyer, 2 * buyer + 1]));
        commands
            .map(|command| world::queued(Command::Reserve(command), &clock))
            .collect()
    };
    bencher.with_inputs(batch).bench_local_refs(|batch| {
        let outcomes = runtime.block_on(driver.run(batch));
        let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(done, reservations as usize, "sold out: take fewer samples");
        outcomes
    });
}
