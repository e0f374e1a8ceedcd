//! One core and three, over the embedded store and over FoundationDB, with one hot event
//! and with a hundred; beside them the same reads and writes by FoundationDB's client
//! alone.
//!
//! Buyers go to any core, whatever their event: as bad as routing can be.

use std::path::Path;
use std::time::{Duration, Instant};

use foundationdb::options::MutationType;
use foundationdb::{Database, FdbResult, KeySelector, RangeOption, Transaction as Trx};
use futures_util::future;
use parterre_core::clock::Clock;
use parterre_core::lane::{Lanes, Running};
use parterre_core::layouts::Layouts;
use parterre_core::metrics::Metrics;
use parterre_core::store::any::AnyStore;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::fdb::Faults;
use parterre_core::store::{Commit, Store};
use parterre_domain::command::{Command, Reserve};
use parterre_domain::state::{Want, Write};
use parterre_domain::{EventId, Position, ReservationId, keys, limits};

use crate::cluster::{self, FoundationDb};
use crate::recorder::{Recorder, Shape};
use crate::{directory, world};

/// Reservations of each measurement: each takes two tickets that nobody else wants.
const RESERVATIONS: u32 = 20_000;
/// How many ask at once.
const CALLERS: u32 = 512;
const SEATS: u32 = 50;

#[test]
#[ignore = "a measurement"]
fn cores_over_foundationdb() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for events in [1, 100] {
            let (what, folder) = (format!("embedded, {}", named(1, events)), directory());
            let store = AnyStore::Embedded(EmbeddedStore::open(folder.path()).unwrap());
            measure(&what, vec![store], events).await;
        }
        let Some(cluster) = FoundationDb::start() else {
            return;
        };
        for events in [1, 100] {
            for cores in [1, 3] {
                cluster.clear();
                let opened = (0..cores).map(|_| cluster::store(&cluster, Faults::None));
                let stores = future::join_all(opened).await;
                let what = format!("FoundationDB, {}", named(cores, events));
                measure(&what, stores, events).await;
            }
            for streams in [1, usize::from(limits::FDB_LANES)] {
                cluster.clear();
                bare(&cluster, events, streams).await;
            }
        }
    });
}

fn named(cores: u32, events: u32) -> String {
    format!("cores: {cores}, events: {events}")
}

fn event(number: u32) -> EventId {
    // The last bytes choose the lane.
    EventId::from_number(u128::from(number) + 1)
}

fn rows(events: u32) -> u32 {
    (2 * RESERVATIONS).div_ceil(events * SEATS)
}

/// The reservation of a number: its event, and two tickets of it.
fn reserve(number: u32, events: u32, random: &mut fastrand::Rng) -> Command {
    let within = number / events;
    Command::Reserve(Reserve {
        reservation: ReservationId::new(Clock::Wall.now(), random.u128(..)),
        ..world::reserving(
            event(number % events),
            number,
            &[within * 2, within * 2 + 1],
        )
    })
}

async fn on_sale<S: Store>(store: &S, events: u32) {
    for number in 0..events {
        let commands = world::on_sale(event(number), rows(events), SEATS);
        world::succeed(store, &Clock::Wall, commands).await;
    }
}

/// A core of a measurement.
struct Core {
    lanes: Lanes,
    metrics: Metrics,
    running: Running,
}

impl Core {
    fn over(store: &AnyStore) -> Self {
        let (metrics, layouts) = (Metrics::new().unwrap(), Layouts::new(store.clone()));
        let started = Lanes::start(store.lanes(), store, &layouts, &Clock::Wall, &metrics);
        let (lanes, running) = started.unwrap();
        Self {
            lanes,
            metrics,
            running,
        }
    }
}

async fn measure(what: &str, stores: Vec<AnyStore>, events: u32) {
    on_sale(&stores[0], events).await;
    let cores: Vec<Core> = stores.iter().map(Core::over).collect();
    let began = Instant::now();
    let asking = (0..CALLERS).map(|caller| {
        let lanes = cores[caller as usize % cores.len()].lanes.clone();
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(u64::from(caller));
            let mut took = Vec::new();
            for number in (caller..RESERVATIONS).step_by(CALLERS as usize) {
                let began = Instant::now();
                let reserved = lanes.submit(reserve(number, events, &mut random)).await;
                reserved.unwrap();
                took.push(began.elapsed());
            }
            took
        })
    });
    let mut took = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        took.extend(asked.await.unwrap());
    }
    let lasted = began.elapsed();
    took.sort();
    let at = |per_cent: usize| took[(took.len() - 1) * per_cent / 100];
    let sum = |value: &dyn Fn(&Metrics) -> f64| -> f64 {
        cores.iter().map(|core| value(&core.metrics)).sum()
    };
    let commits = sum(&|metrics| metrics.commit_seconds.get_sample_count() as f64);
    let commit = sum(&|metrics| metrics.commit_seconds.get_sample_sum()) / commits;
    let conflicts = sum(&|metrics| metrics.retries.with_label_values(&["conflict"]).get() as f64);
    println!(
        "{what:<38} {:>7.0}/s, p50 {:>4} ms, p99 {:>4} ms, {:>3.0} a commit of {:>4.1} ms, {conflicts} conflicts",
        f64::from(RESERVATIONS) / lasted.as_secs_f64(),
        at(50).as_millis(),
        at(99).as_millis(),
        f64::from(RESERVATIONS) / commits,
        commit * 1e3,
    );
    for core in cores {
        core.running.finished(Duration::from_secs(60)).await;
    }
}

/// What FoundationDB does with the same transactions when nobody decides anything.
async fn bare(cluster: &FoundationDb, events: u32, streams: usize) {
    let shapes = shapes(events).await;
    let commits = shapes.len();
    let database = open(&cluster.file());
    let mut parts: Vec<Vec<Shape>> = (0..streams).map(|_| Vec::new()).collect();
    for (number, shape) in shapes.into_iter().enumerate() {
        parts[number % streams].push(shape);
    }
    let began = Instant::now();
    let replays = parts.iter().map(|part| replay(&database, part));
    future::join_all(replays).await;
    let lasted = began.elapsed().as_secs_f64();
    println!(
        "{:<38} {:>7.0}/s, {:>3.0} a commit, {:.1} ms of each stream",
        format!("bare, streams: {streams}, events: {events}"),
        f64::from(RESERVATIONS) / lasted,
        f64::from(RESERVATIONS) / commits as f64,
        lasted * 1e3 * streams as f64 / commits as f64,
    );
}

/// The transactions that a driver makes of all reservations.
async fn shapes(events: u32) -> Vec<Shape> {
    let recorder = Recorder::default();
    on_sale(&recorder, events).await;
    recorder.take();
    let driver = world::driver(&recorder, &Clock::Wall, 1);
    let mut random = fastrand::Rng::with_seed(1);
    let numbers: Vec<u32> = (0..RESERVATIONS).collect();
    for numbers in numbers.chunks(limits::COMMANDS_PER_BATCH) {
        let commands = numbers.iter().map(|&number| {
            let command = reserve(number, events, &mut random);
            world::queued(command, &Clock::Wall)
        });
        let outcomes = driver.run(&commands.collect::<Vec<_>>()).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
    recorder.take()
}

fn open(cluster_file: &Path) -> Database {
    cluster::start_client(Faults::None);
    Database::from_path(cluster_file.to_str().unwrap()).unwrap()
}

async fn replay(database: &Database, shapes: &[Shape]) {
    for (wants, commit) in shapes {
        let mut trx = database.create_trx().unwrap();
        loop {
            let loads = wants.iter().map(|want| load(&trx, want));
            if let Err(error) = future::try_join_all(loads).await {
                trx = trx.on_error(error).await.unwrap();
                continue;
            }
            write(&trx, commit);
            trx = match trx.commit().await {
                Ok(_) => break,
                Err(refused) => refused.on_error().await.unwrap(),
            };
        }
    }
}

async fn load(trx: &Trx, want: &Want) -> FdbResult<()> {
    match want {
        Want::Key(key) => trx.get(key, false).await.map(drop),
        Want::Range(range, limit) => {
            let option = RangeOption {
                limit: Some(*limit),
                ..RangeOption::from((
                    KeySelector::first_greater_or_equal(range.start.as_slice()),
                    KeySelector::first_greater_or_equal(range.end.as_slice()),
                ))
            };
            trx.get_range(&option, 1, false).await.map(drop)
        }
    }
}

fn write(trx: &Trx, commit: &Commit) {
    for write in &commit.writes {
        match write {
            Write::Set(key, value) => trx.set(key, value),
            Write::Clear(key) => trx.clear(key),
            Write::ClearRange(range) => trx.clear_range(&range.start, &range.end),
            Write::Add(key, by) => trx.atomic_op(key, &by.to_le_bytes(), MutationType::Add),
            Write::SetRev(key) => trx.set(key, &[0; 14]),
        }
    }
    trx.set(&commit.marker.key, &[0; 30]);
    let log = [
        &[keys::LOG],
        Position::default().0.as_slice(),
        &1_u32.to_le_bytes(),
    ]
    .concat();
    trx.atomic_op(&log, &commit.record, MutationType::SetVersionstampedKey);
}
