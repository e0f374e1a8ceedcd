//! An administrator works on the programme: what is public reaches every screen, what
//! isn't is nowhere to be seen.

use parterre_domain::EventId;
use parterre_domain::TicketState::{Free, Withdrawn};
use parterre_domain::wire::api::{EventDetail, EventList};
use parterre_loadtest::wire::Call;
use serde_json::json;

use crate::story::{
    Administrator, Buyer, Cluster, Edge, SOON, Watcher, about, hall, rows_of_twenty, until,
};

/// An event of twenty tickets, and at each of two edges somebody who sees it.
async fn two_edges_with_a_screen_each() -> (Cluster, [Edge; 2], EventDetail, [Watcher; 2]) {
    let cluster = Cluster::start().await;
    let edges = [cluster.edge(&[]).await, cluster.edge(&[]).await];
    let event = hall(&mut cluster.admin(), &about("An Evening"), 20).await;
    let seen = async |edge: &Edge| {
        Buyer::at(edge.origin()).finds(event.summary.id).await;
        let screen = Watcher::of(&edge.origin(), event.summary.id).await;
        screen.sees(0, Free).await;
        screen
    };
    let screens = [seen(&edges[0]).await, seen(&edges[1]).await];
    (cluster, edges, event, screens)
}

#[tokio::test]
async fn a_change_of_a_published_event_reaches_every_screen() {
    let (cluster, edges, event, screens) = two_edges_with_a_screen_each().await;
    let id = event.summary.id;
    let mut administrator = Administrator::at(cluster.admin());
    let patch = json!({"title": "A Later Evening", "max_tickets": 2, "description": "New."});
    let changed = administrator.changes(id, &patch).await;
    assert!(changed.rev > event.rev);
    for (screen, edge) in screens.iter().zip(&edges) {
        let told = screen.until("a screen is told", SOON, |seen| !seen.details.is_empty());
        let (_, detail) = told.await.details.remove(0);
        assert_eq!(detail, changed);
        screen.reaches(changed.rev, SOON).await;
        let mut buyer = Buyer::at(edge.origin());
        assert_eq!(buyer.reads_about(id).await, changed);
        let refused = buyer.tries(id, &[1, 2, 3]).await.expect_err("two at most");
        assert_eq!(refused.slug, "invalid", "{refused:?}");
        assert_eq!(screen.seen().wrong, []);
    }
}

#[tokio::test]
async fn withdrawn_and_restored_tickets_reach_every_screen() {
    let (cluster, edges, event, screens) = two_edges_with_a_screen_each().await;
    let id = event.summary.id;
    let mut administrator = Administrator::at(cluster.admin());
    let mut buyer = Buyer::at(edges[0].origin());
    administrator.withdraws(id, &[4, 5]).await;
    for screen in &screens {
        screen.sees(4, Withdrawn).await;
        screen.sees(5, Withdrawn).await;
    }
    let shown = buyer.looks(id).await;
    assert_eq!((shown.counts.free, shown.counts.total), (18, 20));
    let refused = buyer.tries(id, &[5]).await.expect_err("it isn't for sale");
    assert_eq!(refused.slug, "tickets-taken");

    administrator.restores(id, &[5]).await;
    for screen in &screens {
        screen.sees(5, Free).await;
        assert_eq!(screen.state(4), Some(Withdrawn));
        assert_eq!(screen.seen().wrong, []);
    }
    buyer.reserves(id, &[5]).await;
}

#[tokio::test]
async fn a_draft_is_nowhere_to_be_seen_at_an_edge() {
    let cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let mut administrator = Administrator::at(cluster.admin());
    let draft = administrator
        .drafts(&about("A Secret"), &rows_of_twenty(20))
        .await;
    // What is published later is there: the edge has heard of all that came before.
    let event = hall(&mut cluster.admin(), &about("No Secret"), 20).await;
    let public = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(public).await;

    for part in [
        "",
        "/layout",
        "/availability",
        "/tickets",
        "/similar",
        "/live",
    ] {
        let answer = buyer
            .calls(&Call::get(format!("/v1/events/{draft}{part}")))
            .await;
        let refused = answer.refusal().expect("a problem").expect("a refusal");
        assert_eq!(
            (refused.problem.status, refused.slug.as_str()),
            (404, "not-found"),
            "{part}"
        );
    }
    let refused = buyer.tries(draft, &[1]).await.expect_err("it isn't public");
    assert_eq!(refused.slug, "not-found");
    for query in ["?", "?q=secret", "?city=Linz", "?category=concert"] {
        assert_eq!(listed(&mut buyer, query).await, [public], "{query}");
    }

    let published = administrator.publishes(draft).await;
    assert_eq!(published.status, 200, "{:?}", published.body);
    buyer.finds(draft).await;
    let shown = buyer.looks(draft).await;
    assert_eq!(shown.states, "f".repeat(20), "complete at one instant");
    until("it is listed", SOON, async || {
        (listed(&mut buyer, "?").await.len() == 2).then_some(())
    })
    .await;
}

async fn listed(buyer: &mut Buyer, query: &str) -> Vec<EventId> {
    let answer = buyer.calls(&Call::get(format!("/v1/events{query}"))).await;
    let list = answer.read(200).expect("an answer");
    let list: EventList = list.expect("a list");
    list.events.iter().map(|event| event.id).collect()
}
