//! The core is gone for a while. The edge goes on showing what it has and says how old
//! that is; it takes no writes; when the core is back, it is fresh again at once, and no
//! client noticed more than that.
//!
//! `PARTERRE_TEST_OUTAGE_SECONDS=30` is the long form; 4 the short one.

use std::time::{Duration, Instant};

use parterre_domain::EventId;
use parterre_loadtest::wire::{Call, Client, Origin};

use crate::story::{Buyer, Cluster, SOON, Watcher, about, hall, setting, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_without_its_core_shows_what_it_has_and_says_how_old_it_is() {
    let outage = Duration::from_secs(setting("PARTERRE_TEST_OUTAGE_SECONDS", 4));
    let mut cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 60).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let before = buyer.reserves(id, &[1, 2]).await;
    let mut screens = Vec::new();
    for _ in 0..20 {
        screens.push(Watcher::of(&edge.origin(), id).await);
    }
    for screen in &screens {
        screen.reaches(before.rev, SOON).await;
    }
    assert_eq!(stale_seconds(&edge.origin(), id).await, None);

    cluster.core.kill();
    let gone = Instant::now();
    until("reads say that they are stale", SOON, async || {
        stale_seconds(&edge.origin(), id).await
    })
    .await;
    assert_eq!(buyer.looks(id).await.rev, before.rev);
    for screen in &screens {
        screen
            .until("a screen is told", SOON, |seen| {
                seen.said.contains(&"stale")
            })
            .await;
    }
    let refused = buyer.tries(id, &[3]).await.expect_err("no core takes it");
    assert_eq!(refused.slug, "core-unavailable");
    assert!(refused.retry_after.is_some(), "{refused:?}");
    while gone.elapsed() < outage {
        assert_eq!(buyer.looks(id).await.rev, before.rev);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    cluster.restart();
    until("the core is ready", SOON, async || {
        cluster.core.is_ready().await.then_some(())
    })
    .await;
    let ready = Instant::now();
    until("the edge is fresh", SOON, async || {
        let stale = stale_seconds(&edge.origin(), id).await;
        stale.is_none().then_some(())
    })
    .await;
    println!(
        "gone for {:?}, fresh {:?} after the core was ready",
        ready - gone,
        ready.elapsed()
    );

    let after = buyer.reserves(id, &[3]).await;
    for screen in &screens {
        let seen = screen.reaches(after.rev, SOON).await;
        assert_eq!(seen.said.last(), Some(&"fresh"), "{:?}", seen.said);
        assert_eq!(seen.ended, None, "a client was disconnected");
        assert_eq!(seen.wrong, []);
        let store = cluster.admin().availability(id).await.expect("an answer");
        assert_eq!(
            seen.fold.expect("a fold").states().to_letters(),
            store.states
        );
    }
}

/// How old the edge says that its copy is.
async fn stale_seconds(edge: &Origin, event: EventId) -> Option<u64> {
    let call = Call::get(format!("/v1/events/{event}/availability"));
    let answer = Client::new(edge.clone()).send(&call).await;
    let answer = answer.expect("reads go on");
    assert!(answer.status.is_success(), "{}", answer.status);
    let stale = answer.header("parterre-stale")?;
    Some(stale.parse().expect("seconds"))
}
