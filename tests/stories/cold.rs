//! An edge whose memory holds a tenth of the programme answers everything right, and
//! five hundred readers of one cold event cost its core one fetch.

use std::sync::Arc;

use parterre_domain::EventId;
use parterre_loadtest::wire::Admin;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::story::{Buyer, Cluster, Edge, SOON, about, hall, seed, until};

const EVENTS: usize = 30;
const TICKETS: u32 = 4_000;
const READERS: usize = 500;
/// What the core counts when an edge fetches an event.
const FETCHES: &str =
    r#"parterre_core_requests_total{route="/internal/v1/events/{id}",status="200"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_with_a_tenth_of_the_memory_answers_everything_right() {
    let cluster = Cluster::start().await;
    let events = programme(&mut cluster.admin()).await;
    let bytes = whole_programme(&cluster, &events).await;
    let small = (bytes / 10).to_string();
    let edge = cluster.edge(&["--cache-bytes", &small]).await;
    println!("the whole programme takes {bytes} bytes, the edge has {small}");

    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut buyer, mut admin) = (Buyer::at(edge.origin()), cluster.admin());
    for read in 0..300 {
        let event = events[random.usize(..events.len())];
        let shown = buyer.looks(event).await;
        let store = admin.availability(event).await.expect("an answer");
        assert_eq!(shown, store, "read {read}, seed {seed}");
    }
    one_fetch_for_a_crowd(&cluster, &edge, &events).await;
    say_what_the_cache_did(&edge).await;
}

/// Events of which each has one reserved ticket of its own.
async fn programme(admin: &mut Admin) -> Vec<EventId> {
    let mut events = Vec::new();
    for at in 0..EVENTS {
        let mut about = about(&format!("Evening {at}"));
        let days = u64::try_from(at).expect("a small number");
        about.starts_at = about.starts_at + std::time::Duration::from_secs(days * 86_400);
        events.push(hall(admin, &about, TICKETS).await.summary.id);
    }
    events
}

/// How many bytes an edge takes that holds every event.
async fn whole_programme(cluster: &Cluster, events: &[EventId]) -> u64 {
    let edge = cluster.edge(&[]).await;
    let mut buyer = Buyer::at(edge.origin());
    for (ticket, &event) in (0..).zip(events) {
        buyer.finds(event).await;
        buyer.reserves(event, &[ticket]).await;
        buyer.looks(event).await;
    }
    let bytes = edge.metrics().await.get("parterre_edge_cache_bytes");
    format!("{bytes:.0}").parse().expect("a number of bytes")
}

/// Five hundred ask for the same event that the edge doesn't hold.
async fn one_fetch_for_a_crowd(cluster: &Cluster, edge: &Edge, events: &[EventId]) {
    let loads = "parterre_edge_cache_loads_total";
    // What was read longest ago is surely gone: a tenth of the programme fits.
    let cold = events[events.len() - 1];
    let mut buyer = Buyer::at(edge.origin());
    for &other in &events[..events.len() - 1] {
        buyer.looks(other).await;
    }
    let quiet = edge.metrics().await.get(loads);
    until("nothing loads ahead any more", SOON, async || {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        (edge.metrics().await.get(loads) == quiet).then_some(())
    })
    .await;
    let before = (
        edge.metrics().await.get(loads),
        cluster.metrics().await.get(FETCHES),
    );
    let start = Arc::new(Barrier::new(READERS));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (origin, start) = (edge.origin(), start.clone());
        readers.spawn(async move {
            let mut reader = Buyer::at(origin);
            start.wait().await;
            reader.looks(cold).await.states
        });
    }
    let store = cluster.admin().availability(cold).await.expect("an answer");
    for states in readers.join_all().await {
        assert_eq!(states, store.states);
    }
    let after = (
        edge.metrics().await.get(loads),
        cluster.metrics().await.get(FETCHES),
    );
    println!(
        "{READERS} readers of a cold event: {} loads, {} fetches at the core",
        after.0 - before.0,
        after.1 - before.1
    );
    assert_eq!(after.0 - before.0, 1.0, "one load for all readers");
    assert_eq!(after.1 - before.1, 1.0, "one fetch for all readers");
}

async fn say_what_the_cache_did(edge: &Edge) {
    let metrics = edge.metrics().await;
    let [hits, loads, evictions] = ["hits", "loads", "evictions"]
        .map(|what| metrics.get(&format!("parterre_edge_cache_{what}_total")));
    println!("cache: {hits} hits, {loads} loads, {evictions} evictions");
    assert!(hits > 0.0 && loads > 0.0 && evictions > 0.0);
}
