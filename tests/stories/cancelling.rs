//! An event is cancelled that many have tickets of.

use parterre_domain::EventId;
use parterre_domain::ReservationState::{Paid, Refunded, Released};
use parterre_domain::TicketState::Sold;
use parterre_domain::wire::api::EventStatus;
use parterre_loadtest::wire::{Refused, Reserved};
use tokio::time::timeout;

use crate::story::{Administrator, Buyer, Cluster, Plan, SOON, Watcher, about, hall};

/// Enough that ending them takes several commits.
const RESERVATIONS: u32 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_event_ends_every_reservation_and_everybody_is_told() {
    let (cluster, edge) = Cluster::with_front(Plan::default()).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), RESERVATIONS + 1).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let screens = [
        Watcher::of(&edge.origin(), id).await,
        Watcher::of(&edge.origin(), id).await,
    ];
    let mut reserved = Vec::new();
    for ticket in 0..RESERVATIONS {
        reserved.push(buyer.reserves(id, &[ticket]).await);
    }
    let (paid, pending) = reserved.split_at(10);
    for reserved in paid {
        buyer.pays(reserved, "prompt").await;
        buyer.waits_for(reserved, Paid).await;
    }
    for screen in &screens {
        screen.sees(9, Sold).await;
    }

    let mut administrator = Administrator::at(cluster.admin());
    let counting = tokio::spawn(counted_down(Administrator::at(cluster.admin()), id));
    administrator.cancels(id).await;
    // At once: the core knows, whatever the edge still shows.
    nothing_is_sold(&mut buyer, id, &pending[0]).await;
    let seen = timeout(SOON, counting)
        .await
        .expect("an end")
        .expect("no panic");
    println!("cancelling: {seen:?}");
    for reserved in paid {
        buyer.waits_for(reserved, Refunded).await;
    }
    for reserved in [&pending[0], &pending[pending.len() - 1]] {
        buyer.waits_for(reserved, Released).await;
    }
    for screen in &screens {
        let told = screen.until("a screen is told", SOON, |seen| {
            let last = seen.details.last().map(|(_, detail)| detail.summary.status);
            last == Some(EventStatus::Cancelled)
        });
        told.await;
        let store = administrator.store(id).await;
        let seen = screen.reaches(store.rev, SOON).await;
        assert_eq!(
            seen.fold.expect("a fold").states().to_letters(),
            store.states
        );
        assert_eq!(store.states, "w".repeat(10) + &"f".repeat(391));
        assert_eq!(seen.wrong, []);
    }
    nothing_is_sold(&mut buyer, id, &pending[1]).await;
    let shown = buyer.reads_about(id).await;
    assert_eq!(shown.summary.status, EventStatus::Cancelled);
}

/// Neither a new reservation nor a checkout of an old one.
async fn nothing_is_sold(buyer: &mut Buyer, event: EventId, pending: &Reserved) {
    let refused = buyer.tries(event, &[RESERVATIONS]).await;
    is_not_on_sale(&refused.expect_err("it is cancelled"));
    let refused = buyer.tries_to_check_out(pending).await;
    let refused = refused.expect_err("it is cancelled");
    // Once its reservation has been released, that says more.
    match refused.slug.as_str() {
        "reservation-ended" => assert_eq!(refused.problem.status, 410),
        _ => is_not_on_sale(&refused),
    }
}

fn is_not_on_sale(refused: &Refused) {
    assert_eq!(refused.slug, "not-on-sale", "{refused:?}");
    assert_eq!(refused.problem.status, 425);
    assert_eq!(refused.retry_after, None, "it never opens again");
}

/// How many reservations were still to be ended, each time that somebody asked who asked
/// without a pause, until the event was cancelled and none was left.
async fn counted_down(mut administrator: Administrator, event: EventId) -> Vec<u64> {
    let path = format!("/admin/v1/events/{event}");
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let shown = administrator.reads(&path).await;
        if shown["status"] != "cancelled" {
            continue;
        }
        let Some(left) = shown["cancelling"].as_u64().filter(|left| *left > 0) else {
            assert!(!seen.is_empty(), "nobody saw `cancelling`");
            return seen;
        };
        let fewer = seen.last().is_none_or(|last| left <= *last);
        assert!(fewer, "{seen:?}, then {left}");
        seen.push(left);
    }
}
