//! What the edge does with the feed: resumes, never guesses over a gap, says when it is
//! late.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use parterre_domain::TicketState::{Pending, Sold};
use parterre_edge::cell::CatchUp;
use tokio_tungstenite::tungstenite::Message;

use crate::core::{Core, id};
use crate::stage::{Client, Edge, config, until};

const RESYNCS: &str = "parterre_edge_feed_resyncs_total";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_reaches_the_edge_and_a_publication_is_whole_at_once() {
    let core = Core::start().await;
    core.publish(1, 1, 100);
    let edge = Edge::behind(&core).await;
    for ticket in 0..20 {
        core.commit(1, &[(ticket, Pending)]);
    }
    core.commit(1, &[(0, Sold), (1, Sold)]);
    edge.agrees(&core, 1).await;
    core.publish(2, 1, 100);
    until("the new event is listed", async || {
        edge.json("/v1/events").await["events"]
            .as_array()
            .unwrap()
            .len()
            == 2
    })
    .await;
    edge.agrees(&core, 2).await;
    until("the new event is loaded ahead", async || {
        edge.shared.cells.peek(id(2)).is_some()
    })
    .await;
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_broken_connection_the_edge_resumes_where_it_stood() {
    let mut core = Core::start().await;
    core.publish(1, 1, 100);
    let edge = Edge::behind(&core).await;
    core.commit(1, &[(0, Pending)]);
    edge.agrees(&core, 1).await;
    for round in 1..4 {
        core.kill().await;
        core.commit(1, &[(round, Pending)]);
        assert_eq!(edge.availability(1).await["counts"]["pending"], round);
        core.revive().await;
        edge.agrees(&core, 1).await;
    }
    assert_eq!(core.state().resumes, 3);
    assert_eq!(edge.metric(RESYNCS), 1.0, "the first one");
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_closed_by_snapshots() {
    let core = Core::start().await;
    for number in 1..20 {
        core.publish(number, 1, 100);
    }
    let edge = Edge::behind(&core).await;
    let start = core.commit(1, &[(0, Pending)]);
    edge.agrees(&core, 1).await;
    let watched = edge.shared.cells.watch(id(1)).await.unwrap().unwrap();
    let untouched = core.state().snapshots_fetched.get(&id(5)).copied();

    core.lose(1);
    core.commit(1, &[(1, Pending)]);
    core.commit(1, &[(2, Pending)]);
    edge.agrees(&core, 1).await;
    assert_eq!(edge.metric("parterre_edge_feed_gaps_total"), 1.0);
    assert_eq!(edge.metric(RESYNCS), 2.0);
    assert_eq!(
        watched.rev(),
        core.letters(1).0,
        "the cell that was held goes on"
    );
    assert_eq!(
        watched.catch_up(start),
        CatchUp::Snapshot,
        "the hole isn't papered over"
    );
    let fetched = core.state().snapshots_fetched.get(&id(5)).copied();
    assert_eq!(
        fetched, untouched,
        "what nothing touched isn't fetched again"
    );
    let listed = edge.json("/v1/events?limit=1").await;
    assert_eq!(listed["events"][0]["counts"]["pending"], 3);

    core.commit(1, &[(3, Sold)]);
    edge.agrees(&core, 1).await;
    assert!(matches!(
        watched.catch_up(core.letters(1).0),
        CatchUp::UpToDate
    ));
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_from_a_backup_the_edge_has_what_the_core_has() {
    let mut core = Core::start().await;
    let published = core.publish(1, 1, 100);
    core.publish(2, 1, 100);
    let edge = Edge::behind(&core).await;
    let lost = core.commit(1, &[(0, Sold)]);
    edge.agrees(&core, 1).await;
    let watched = edge.shared.cells.watch(id(1)).await.unwrap().unwrap();

    core.restore(|state| state.take_back(1, 0, published));
    core.cut_off().await;
    edge.agrees(&core, 1).await;
    assert_eq!(
        watched.catch_up(lost),
        CatchUp::Snapshot,
        "that commit never was"
    );
    core.commit(1, &[(5, Sold)]);
    edge.agrees(&core, 1).await;
    assert_eq!(watched.catch_up(lost), CatchUp::Snapshot);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_restore_has_lost_is_gone_also_for_who_watches_it() {
    let mut core = Core::start().await;
    core.publish(1, 1, 100);
    core.publish(2, 1, 100);
    let edge = Edge::behind(&core).await;
    edge.agrees(&core, 1).await;
    let mut client = edge.live().await;
    let subscribe = format!(r#"{{"op": "subscribe", "event": "{}"}}"#, id(1));
    client.send(Message::text(subscribe)).await.unwrap();
    told(&mut client, "snapshot").await;
    core.restore(|state| drop(state.events.remove(&id(1))));
    core.cut_off().await;
    let error = told(&mut client, "error").await;
    assert_eq!(error["code"], "not-found");
    let path = format!("/v1/events/{}/availability", id(1));
    assert_eq!(edge.get(&path).await.status(), 404);
    // The last watcher has left, and that brings nothing back.
    drop(client);
    until("the client is noticed to be gone", async || {
        edge.metric("parterre_edge_live_connections") == 0.0
    })
    .await;
    assert_eq!(edge.get(&path).await.status(), 404);
    edge.agrees(&core, 2).await;
    edge.stop().await;
}

/// Waits until a live client is told something, and gives it.
async fn told(client: &mut Client, op: &str) -> serde_json::Value {
    let telling = async {
        loop {
            let message = client.next().await.unwrap().unwrap().into_text().unwrap();
            let message: serde_json::Value = serde_json::from_str(&message).unwrap();
            if message["op"] == op {
                return message;
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), telling).await;
    told.unwrap_or_else(|_| panic!("the client was never told {op}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_core_reads_go_on_and_say_how_late_they_are() {
    let mut core = Core::start().await;
    core.publish(1, 1, 100);
    core.publish(2, -1_000_000, 100);
    let edge = Edge::behind(&core).await;
    until("the event is loaded ahead", async || {
        edge.shared.cells.peek(id(1)).is_some()
    })
    .await;
    let mut client = edge.live().await;
    core.kill().await;
    let path = format!("/v1/events/{}", id(1));
    until("reads say that they are stale", async || {
        let response = edge.get(&path).await;
        assert_eq!(response.status(), 200);
        let stale = response.headers().get("parterre-stale");
        stale.is_some_and(|seconds| seconds.to_str().unwrap().parse::<u64>().unwrap() >= 2)
    })
    .await;
    told(&mut client, "stale").await;
    let cold = edge.get(&format!("/v1/events/{}", id(2))).await;
    assert_eq!(cold.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(cold.headers().contains_key("retry-after"));
    let problem: serde_json::Value = serde_json::from_slice(cold.body()).unwrap();
    assert_eq!(problem["type"], "/problems/core-unavailable");
    assert_eq!(edge.get("/v1/events").await.status(), 200);

    core.revive().await;
    until("reads are fresh again", async || {
        !edge
            .get(&path)
            .await
            .headers()
            .contains_key("parterre-stale")
    })
    .await;
    told(&mut client, "fresh").await;
    assert_eq!(
        edge.get(&format!("/v1/events/{}", id(2))).await.status(),
        200
    );
    drop(client);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_doesnt_know_the_logs_end_makes_its_edges_stale() {
    let core = Core::start().await;
    core.publish(1, 1, 100);
    let edge = Edge::behind(&core).await;
    core.state().is_mute = true;
    until("the edge is stale", async || {
        edge.get("/v1/events")
            .await
            .headers()
            .contains_key("parterre-stale")
    })
    .await;
    core.state().is_mute = false;
    until("the edge is fresh", async || {
        !edge
            .get("/v1/events")
            .await
            .headers()
            .contains_key("parterre-stale")
    })
    .await;
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_held_back_is_behind_and_right() {
    let core = Core::start().await;
    core.publish(1, 1, 100);
    let delay = Duration::from_millis(300);
    let edge = Edge::start(parterre_edge::config::Config {
        feed_delay: delay,
        ..config(&[&core])
    })
    .await;
    edge.ready().await;
    let path = format!("/v1/events/{}/availability", id(1));
    edge.get(&path).await;
    let began = std::time::Instant::now();
    core.commit(1, &[(0, Sold)]);
    edge.agrees(&core, 1).await;
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
    assert!(
        !edge
            .get(&path)
            .await
            .headers()
            .contains_key("parterre-stale")
    );
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_core_is_followed_when_one_is_gone() {
    let mut gone = Core::start().await;
    let there = Core::start().await;
    there.publish(1, 1, 100);
    gone.kill().await;
    let edge = Edge::start(config(&[&gone, &there])).await;
    edge.ready().await;
    edge.agrees(&there, 1).await;
    edge.stop().await;
}
