//! What the edge holds: one fetch a cold event however many ask, as many events as fit,
//! and every one that is watched.

use std::sync::Arc;

use parterre_domain::TicketState::Sold;

use crate::core::{Core, id};
use crate::stage::{Edge, config, until};

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_readers_of_a_cold_event_cost_the_core_one_fetch() {
    let core = Core::start().await;
    // Long over, so that it isn't loaded ahead.
    core.publish(1, -1_000_000, 5_000);
    let edge = Arc::new(Edge::behind(&core).await);
    let path = format!("/v1/events/{}/availability", id(1));
    let readers = (0..500).map(|_| {
        let (edge, path) = (Arc::clone(&edge), path.clone());
        tokio::spawn(async move { edge.get(&path).await.status() })
    });
    let readers: Vec<_> = readers.collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 200);
    }
    assert_eq!(core.state().snapshots_fetched[&id(1)], 1);
    assert_eq!(edge.metric("parterre_edge_cache_loads_total"), 1.0);
    Arc::into_inner(edge).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_with_little_memory_answers_everything_right() {
    let core = Core::start().await;
    for number in 0..40 {
        core.publish(number, 1, 1_000);
    }
    let small = parterre_edge::config::Config {
        cache_bytes: 400 << 10,
        ..config(&[&core])
    };
    let edge = Edge::start(small).await;
    edge.ready().await;
    let watched = edge.shared.cells.watch(id(0)).await.unwrap().unwrap();
    for round in 0..3 {
        for number in 0..40 {
            core.commit(number, &[(round * 100 + number, Sold)]);
        }
        for number in 0..40 {
            edge.agrees(&core, number).await;
        }
    }
    until("lists have every event's counts", async || {
        let page = edge.json("/v1/events?limit=100").await;
        let events = page["events"].as_array().unwrap();
        events.len() == 40 && events.iter().all(|event| event["counts"]["sold"] == 3)
    })
    .await;
    assert_eq!(
        watched.rev(),
        core.letters(0).0,
        "a watched event stays and is fed"
    );
    let held = edge.shared.cells.peek(id(0)).unwrap();
    assert!(
        Arc::ptr_eq(&held, &watched),
        "there is one cell of an event"
    );
    let loads = edge.metric("parterre_edge_cache_loads_total");
    assert!(loads > 40.0, "everything can't have fitted: {loads} loads");
    let bytes = edge.metric("parterre_edge_cache_bytes");
    assert!(bytes <= f64::from(400 << 10), "{bytes}");
    drop((watched, held));
    edge.agrees(&core, 0).await;
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_come_while_an_event_is_loaded_are_not_lost() {
    let core = Core::start().await;
    for number in 0..30 {
        core.publish(number, -1_000_000, 1_000);
    }
    let edge = Edge::behind(&core).await;
    for number in 0..30 {
        let path = format!("/v1/events/{}", id(number));
        let reading = edge.get(&path);
        let committing = async {
            for ticket in 0..20 {
                core.commit(number, &[(ticket, Sold)]);
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(reading, committing);
        edge.agrees(&core, number).await;
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_name_nothing_cost_the_core_nothing() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    for number in 100..150 {
        let path = format!("/v1/events/{}", id(number));
        assert_eq!(edge.get(&path).await.status(), 404);
    }
    let fetched = core.state().snapshots_fetched.clone();
    assert!(fetched.keys().all(|&event| event == id(1)), "{fetched:?}");
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_event_that_fits_no_cache_is_kept_and_fed() {
    let core = Core::start().await;
    core.publish(1, 1, 10_000);
    let tiny = parterre_edge::config::Config {
        cache_bytes: 1 << 10,
        ..config(&[&core])
    };
    let edge = Edge::start(tiny).await;
    edge.ready().await;
    edge.agrees(&core, 1).await;
    let watched = edge.shared.cells.watch(id(1)).await.unwrap().unwrap();
    let fetched = core.state().snapshots_fetched[&id(1)];
    core.commit(1, &[(0, Sold)]);
    edge.agrees(&core, 1).await;
    assert_eq!(watched.rev(), core.letters(1).0);
    assert_eq!(core.state().snapshots_fetched[&id(1)], fetched);
    let missing = edge.shared.cells.watch(id(9)).await.unwrap();
    assert!(missing.is_none());
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_an_event_loads_those_near_it_and_looking_for_nothing_does_not() {
    let core = Core::start().await;
    for number in 0..40 {
        core.publish(number, number.into(), 1_000);
    }
    // There is room for three: the others aren't loaded ahead.
    let small = parterre_edge::config::Config {
        cache_bytes: 400 << 10,
        ..config(&[&core])
    };
    let edge = Edge::start(small).await;
    edge.ready().await;
    for number in 100..200 {
        let path = format!("/v1/events/{}", id(number));
        assert_eq!(edge.get(&path).await.status(), 404);
    }
    let loaded = || edge.metric("parterre_edge_neighbours_loaded_total");
    assert_eq!(loaded(), 0.0);
    for _ in 0..50 {
        edge.json(&format!("/v1/events/{}", id(30))).await;
    }
    until("the neighbours are loaded", async || loaded() > 0.0).await;
    let fetched = |number| core.state().snapshots_fetched.contains_key(&id(number));
    until("the nearest is loaded", async || fetched(29)).await;
    assert!(loaded() <= 8.0, "{}", loaded());
    edge.stop().await;
}
