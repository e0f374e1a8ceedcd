//! A buyer whose answers get lost repeats the call with its `Idempotency-Key`.

use http::HeaderName;
use parterre_domain::EventId;
use parterre_domain::wire::api::Reservation;
use parterre_loadtest::wire::{Answer, Call};
use serde_json::json;

use crate::story::{Administrator, Buyer, Cluster, about, hall};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

async fn asks(buyer: &mut Buyer, event: EventId, tickets: &[u32], key: &str) -> Answer {
    let path = format!("/v1/events/{event}/reservations");
    let call = Call::post(path, &json!({ "tickets": tickets })).with(KEY, key);
    buyer.calls(&call).await
}

fn reserved(answer: &Answer) -> (Reservation, Option<String>) {
    let reservation = answer.read(201).expect("an answer");
    let location = answer.header("location").map(str::to_owned);
    (reservation.expect("a reservation"), location)
}

fn slug(answer: &Answer) -> (u16, String) {
    let refused = answer.refusal().expect("a problem").expect("a refusal");
    (refused.problem.status, refused.slug)
}

#[tokio::test]
async fn a_repeated_call_reserves_once_through_whichever_edge() {
    let cluster = Cluster::start().await;
    let edges = [cluster.edge(&[]).await, cluster.edge(&[]).await];
    let mut buyers = edges.each_ref().map(|edge| Buyer::at(edge.origin()));
    let mut events = Vec::new();
    for title in ["One", "Two"] {
        let event = hall(&mut cluster.admin(), &about(title), 20)
            .await
            .summary
            .id;
        for buyer in &mut buyers {
            buyer.finds(event).await;
        }
        events.push(event);
    }
    let [first, second] = &mut buyers;
    let key = "a-key-of-the-first-buyer";
    let (once, location) = reserved(&asks(first, events[0], &[3, 4], key).await);
    assert!(once.token.is_some());
    for buyer in [first, second] {
        let again = reserved(&asks(buyer, events[0], &[3, 4], key).await);
        assert_eq!((again.0.id, &again.0.token), (once.id, &once.token));
        assert_eq!(again.1, location);
        let other = asks(buyer, events[0], &[3, 5], key).await;
        assert_eq!(slug(&other), (409, "idempotency-mismatch".to_owned()));
    }
    // A key is the event's own.
    let [first, _] = &mut buyers;
    let (other, _) = reserved(&asks(first, events[1], &[3, 4], key).await);
    assert_ne!(other.id, once.id);
    let mut administrator = Administrator::at(cluster.admin());
    for event in events {
        assert_eq!(administrator.store(event).await.counts.pending, 2);
    }
}

#[tokio::test]
async fn only_a_success_is_remembered() {
    let cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let others = buyer.reserves(id, &[7]).await;
    let key = "a-key-that-comes-too-early";
    let refused = asks(&mut buyer, id, &[7], key).await;
    assert_eq!(slug(&refused), (409, "tickets-taken".to_owned()));
    buyer.releases(&others).await;
    let (mine, _) = reserved(&asks(&mut buyer, id, &[7], key).await);
    assert_ne!(mine.id, others.reservation.id);

    let long = "k".repeat(256);
    for bad in ["too-short", &long, "with a space in it"] {
        let refused = asks(&mut buyer, id, &[9], bad).await;
        assert_eq!(slug(&refused), (422, "invalid".to_owned()), "{bad}");
    }
    let store = Administrator::at(cluster.admin()).store(id).await;
    assert_eq!(store.counts.pending, 1);
}
