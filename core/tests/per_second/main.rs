//! How many durable reservations of two tickets the stores take per second. Prints figures
//! and fails on none:
//!
//! `cargo test --release -p parterre-core --test per_second -- --ignored --nocapture --test-threads=1`
//!
//! With `--features fdb` it measures FoundationDB too, on a cluster of its own.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[cfg(feature = "fdb")]
#[path = "../cluster/mod.rs"]
mod cluster;
#[cfg(feature = "fdb")]
mod cores;
mod recorder;
#[path = "../world/mod.rs"]
mod world;

use std::time::{Duration, Instant};

use parterre_core::clock::Clock;
use parterre_core::driver::Queued;
use parterre_core::lane::Lanes;
use parterre_core::layouts::Layouts;
use parterre_core::metrics::Metrics;
use parterre_core::store::any::AnyStore;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::{Store, Transaction};
use parterre_domain::command::{Command, Reserve};
use parterre_domain::{EventId, ReservationId};

use crate::recorder::Recorder;

const EVENT: EventId = EventId::from_number(1);
const ROWS: u32 = 4_000;
const SEATS: u32 = 50;
/// Reservations of each measurement: each takes two tickets that nobody else wants.
const RESERVATIONS: u32 = 30_000;

fn reserve(number: u32, random: &mut fastrand::Rng) -> Command {
    let now = Clock::Wall.now();
    Command::Reserve(Reserve {
        reservation: ReservationId::new(now, random.u128(..)),
        ..world::reserving(EVENT, number, &[number * 2, number * 2 + 1])
    })
}

fn batches(size: usize) -> Vec<Vec<Queued>> {
    let mut random = fastrand::Rng::with_seed(1);
    let all: Vec<_> = (0..RESERVATIONS)
        .map(|number| Queued {
            command: reserve(number, &mut random),
            deadline: Clock::Wall.now() + Duration::from_secs(3_600),
            note: None,
        })
        .collect();
    all.chunks(size).map(<[_]>::to_vec).collect()
}

/// On the disk that the build is on: the system's folder for such things may be memory.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

async fn on_sale<S: Store>(store: &S) {
    world::succeed(store, &Clock::Wall, world::on_sale(EVENT, ROWS, SEATS)).await;
}

fn print(what: &str, began: Instant, commits: usize) {
    let seconds = began.elapsed().as_secs_f64();
    let per_second = f64::from(RESERVATIONS) / seconds;
    let commit = seconds * 1e3 / f64::from(u32::try_from(commits).unwrap());
    println!("{what:<34} {per_second:>9.0} reservations/s {commit:>8.2} ms a commit");
}

#[test]
#[ignore = "a measurement"]
fn reservations_per_second() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for size in [32, 128, 512] {
        runtime.block_on(driver(size));
    }
    for callers in [64, 512] {
        runtime.block_on(lanes(callers));
    }
}

async fn driver(size: usize) {
    let batches = batches(size);
    let recorder = Recorder::default();
    on_sale(&recorder).await;
    recorder.take();
    let began = Instant::now();
    run(&recorder, &batches).await;
    print(
        &format!("rules alone, {size} a commit"),
        began,
        batches.len(),
    );

    let directory = directory();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    on_sale(&store).await;
    let began = Instant::now();
    run(&store, &batches).await;
    print(
        &format!("driver on redb, {size} a commit"),
        began,
        batches.len(),
    );

    let directory = self::directory();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    on_sale(&store).await;
    let shapes = recorder.take();
    let began = Instant::now();
    for (_, commit) in shapes {
        let transaction = store.begin().await.unwrap();
        assert!(transaction.commit(commit).await.is_ok());
    }
    print(
        &format!("redb alone, {size} a commit"),
        began,
        batches.len(),
    );
}

async fn run<S: Store>(store: &S, batches: &[Vec<Queued>]) {
    let driver = world::driver(store, &Clock::Wall, 1);
    for batch in batches {
        let outcomes = driver.run(batch).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
}

async fn lanes(callers: u32) {
    let directory = directory();
    let store = AnyStore::Embedded(EmbeddedStore::open(directory.path()).unwrap());
    on_sale(&store).await;
    let (metrics, layouts) = (Metrics::new().unwrap(), Layouts::new(store.clone()));
    let (lanes, running) = Lanes::start(1, &store, &layouts, &Clock::Wall, &metrics).unwrap();
    let began = Instant::now();
    let asking = (0..callers).map(|caller| {
        let lanes = lanes.clone();
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(u64::from(caller));
            for number in (caller..RESERVATIONS).step_by(callers as usize) {
                lanes.submit(reserve(number, &mut random)).await.unwrap();
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    let batches = usize::try_from(metrics.batch_commands.get_sample_count()).unwrap();
    print(&format!("lane on redb, {callers} callers"), began, batches);
    running.finished(Duration::from_secs(60)).await;
}
