//! Several cores over one cluster of FoundationDB, none special, and edges that know them
//! all. Cores die, freeze and come back, and so does the database, while three hundred
//! buyers fight over sixty seats: no ticket is in two hands, nothing that was acknowledged
//! is lost, and every screen shows what is stored.
//!
//! `PARTERRE_TEST_KILLS=12` is the long form of the stories with kills; 3 the short one.

use std::time::{Duration, Instant};

use parterre_domain::EventId;
use parterre_loadtest::wire::Origin;

use crate::story::{
    Buyer, Cluster, Edge, Fight, FoundationDb, Metrics, Plan, SOON, Watcher, about, hall, parterre,
    seed, setting, until,
};

const CORES: usize = 3;
const EDGES: usize = 2;
/// Screens at each edge.
const SCREENS: usize = 5;
const TICKETS: u32 = 60;
/// From one kill to the next.
const BETWEEN_KILLS: Duration = Duration::from_secs(5);

/// Everything that runs.
struct Scene {
    edges: Vec<Edge>,
    cores: Vec<Cluster>,
    event: EventId,
    screens: Vec<Watcher>,
    random: fastrand::Rng,
    // Dropped last.
    database: FoundationDb,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cores_that_are_killed_lose_nothing() {
    let Some(mut scene) = Scene::open().await else {
        return;
    };
    let fight = scene.fight();
    for kill in 0..kills() {
        tokio::time::sleep(BETWEEN_KILLS).await;
        let away = scene.random.u64(0..1_000);
        let core = &mut scene.cores[kill % CORES];
        core.core.kill();
        tokio::time::sleep(Duration::from_millis(away)).await;
        core.restart();
    }
    scene.ends(fight).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_loses_nothing() {
    let Some(mut scene) = Scene::open().await else {
        return;
    };
    let fight = scene.fight();
    for _ in 0..kills() {
        fight.goes_on().await;
        let (at, away) = (scene.random.u64(0..1_000), scene.random.u64(0..1_000));
        tokio::time::sleep(Duration::from_millis(at)).await;
        scene.database.kill();
        tokio::time::sleep(Duration::from_millis(away)).await;
        scene.database.restart();
    }
    scene.ends(fight).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_freezes_with_a_batch_in_hand_does_no_harm() {
    let Some(scene) = Scene::open().await else {
        return;
    };
    let fight = scene.fight();
    for core in &scene.cores[..2] {
        fight.goes_on().await;
        core.core.freeze();
        // Longer than FoundationDB keeps a version.
        tokio::time::sleep(Duration::from_secs(7)).await;
        core.core.thaw();
    }
    scene.ends(fight).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edges_say_that_they_are_stale_while_the_database_stands_still() {
    let Some(scene) = Scene::open().await else {
        return;
    };
    let mut buyer = Buyer::at(scene.edges[0].origin());
    let before = buyer.reserves(scene.event, &[1]).await;
    for screen in &scene.screens {
        screen.reaches(before.rev, SOON).await;
    }
    scene.database.freeze();
    let frozen = Instant::now();
    let mut latest = Duration::ZERO;
    for screen in &scene.screens {
        screen
            .until("a screen is told that it is stale", SOON, |seen| {
                seen.said.contains(&"stale")
            })
            .await;
        latest = latest.max(frozen.elapsed());
    }
    println!("every screen knew after {latest:?}; 3 s is the promise");
    assert_eq!(buyer.looks(scene.event).await.rev, before.rev);
    let refused = buyer.tries(scene.event, &[2]).await;
    let refused = refused.expect_err("nothing is committed");
    println!(
        "a buyer is told {} after {:?}",
        refused.slug,
        frozen.elapsed()
    );
    assert!(
        refused.leaves_unknown() || refused.is_passing(),
        "{refused:?}"
    );
    tokio::time::sleep(Duration::from_secs(10).saturating_sub(frozen.elapsed())).await;
    scene.database.thaw();
    let thawed = Instant::now();
    for screen in &scene.screens {
        screen
            .until("a screen is told that it is fresh", SOON, |seen| {
                seen.said.last() == Some(&"fresh")
            })
            .await;
    }
    println!("every screen was fresh after {:?}", thawed.elapsed());
    let after = buyer.reserves(scene.event, &[3]).await;
    for screen in &scene.screens {
        let seen = screen.reaches(after.rev, SOON).await;
        assert_eq!((seen.wrong, seen.ended), (vec![], None));
    }
}

fn kills() -> usize {
    usize::try_from(setting("PARTERRE_TEST_KILLS", 3)).expect("not so many")
}

impl Scene {
    /// None where FoundationDB isn't installed.
    async fn open() -> Option<Self> {
        let database = FoundationDb::start()?;
        let mut cores = Vec::new();
        for _ in 0..CORES {
            let plan = Plan {
                store: Some(database.store()),
                ..Plan::default()
            };
            cores.push(Cluster::planned(plan).await);
        }
        let mut about = about("A Fight");
        about.hold_seconds = 10;
        let event = hall(&mut cores[0].admin(), &about, TICKETS).await;
        let event = event.summary.id;
        let mut edges = Vec::new();
        for first in 0..EDGES {
            let others: Vec<String> = (1..CORES)
                .map(|by| cores[(first + by) % CORES].origin().to_string())
                .collect();
            let others = others.join(",");
            let flags = ["--core", &others, "--rate-limit", "off"];
            edges.push(cores[first].edge(&flags).await);
        }
        let mut screens = Vec::new();
        for edge in &edges {
            Buyer::at(edge.origin()).finds(event).await;
            for _ in 0..SCREENS {
                screens.push(Watcher::of(&edge.origin(), event).await);
            }
        }
        Some(Self {
            edges,
            cores,
            event,
            screens,
            random: fastrand::Rng::with_seed(seed()),
            database,
        })
    }

    fn fight(&self) -> Fight {
        let edges: Vec<Origin> = self.edges.iter().map(Edge::origin).collect();
        Fight::over(&edges, self.event, TICKETS, seed())
    }

    /// Ends the fight, and holds everybody to what is stored.
    async fn ends(mut self, fight: Fight) {
        for core in &self.cores {
            until("every core is ready", SOON, async || {
                core.core.is_ready().await.then_some(())
            })
            .await;
        }
        let ledger = fight.ends().await;
        let (won, refused, unknown) = (ledger.won(), ledger.refused, ledger.unknown);
        println!("{won} reservations, {refused} refusals, {unknown} unknown results");
        assert_eq!(ledger.wrong, [] as [String; 0], "seed {}", seed());
        assert!(won > 0 && unknown > 0, "a fight that proves nothing");

        let store = until("every hold has run out", SOON, async || {
            let store = self.cores[0].admin().availability(self.event).await.ok()?;
            (store.counts.free == TICKETS).then_some(store)
        })
        .await;
        for screen in &self.screens {
            let seen = screen.reaches(store.rev, SOON).await;
            let fold = seen.fold.expect("a fold");
            assert_eq!(fold.rev(), store.rev);
            assert_eq!(fold.states().to_letters(), store.states);
            assert_eq!(seen.wrong, []);
            assert_eq!(seen.ended, None, "a client was disconnected");
        }
        for core in &mut self.cores {
            say_retries(&core.metrics().await);
            core.core.terminate();
            let (status, _) = core.core.ended().await;
            assert!(status.success(), "{status}");
        }
        let check = parterre(&["check", "--store", &self.database.store()]);
        let said = String::from_utf8_lossy(&check.stdout);
        println!("parterre check: {said}");
        assert!(check.status.success(), "{said}");
    }
}

fn say_retries(metrics: &Metrics) {
    let retries = ["conflict", "too_old", "unknown"].map(|cause| {
        let name = format!(r#"parterre_core_retries_total{{cause="{cause}"}}"#);
        (cause, metrics.get(&name))
    });
    println!("since its last start a core retried because of {retries:?}");
}
