//! A thousand people ask for the best two tickets of a bowl at the same moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::story::{Buyer, Standalone, bowl};

const BUYERS: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wishes_for_the_best_two_get_two_thousand_different_tickets() {
    let server = Standalone::start().await;
    let event = bowl(&server.core(), &server.token()).await;
    Buyer::at(server.edge()).finds(event).await;
    let start = Arc::new(Barrier::new(BUYERS));
    let mut buyers = JoinSet::new();
    for _ in 0..BUYERS {
        let (edge, start) = (server.edge(), start.clone());
        buyers.spawn(async move {
            let mut buyer = Buyer::at(edge);
            let event_seen = buyer.shop.event(event).await;
            event_seen.expect("an answer").expect("the event");
            start.wait().await;
            buyer.tries_best(event, 2).await
        });
    }
    let mut got = BTreeSet::new();
    while let Some(reserved) = buyers.join_next().await {
        let reserved = reserved.expect("no panic").expect("a 201");
        for ticket in &reserved.reservation.tickets {
            assert!(got.insert(ticket.id), "{:?} reserved twice", ticket.id);
        }
    }
    assert_eq!(got.len(), 2 * BUYERS);
    let store = server.admin().availability(event).await.expect("an answer");
    assert_eq!(store.counts.pending as usize, 2 * BUYERS);
    let metrics = server.metrics().await;
    println!("replans: {}", metrics.get("parterre_core_replans_total"));
}
