//! Logs tell which call it was, at the edge and at the core, and never a secret, however
//! much they are asked to tell.

use http::HeaderName;
use parterre_domain::ReservationState::Paid;
use parterre_loadtest::wire::Call;
use serde_json::json;

use crate::story::{Buyer, Client, Cluster, Edge, Plan, SOON, about, hall, until};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SECRET_KEY: &str = "a-key-that-only-its-buyer-knows";

/// A cluster that logs everything.
async fn talkative() -> (Cluster, Edge) {
    let plan = Plan {
        environment: vec![("RUST_LOG".to_owned(), "trace".to_owned())],
        ..Plan::default()
    };
    Cluster::with_front(plan).await
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let (cluster, edge) = talkative().await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 40).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let mut client = Client::at(&edge.origin()).await;
    client.subscribes(id, None).await;
    client.hears().await;

    let path = format!("/v1/events/{id}/reservations");
    let call = Call::post(path, &json!({"tickets": [7]})).with(KEY, SECRET_KEY);
    let answer = buyer.calls(&call).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let reserved = buyer.reserves(id, &[8]).await;
    buyer.pays(&reserved, "prompt").await;
    buyer.waits_for(&reserved, Paid).await;
    let pass = buyer.reads(&reserved).await.tickets[0].pass.clone();
    let released = buyer.reserves(id, &[9]).await;
    buyer.releases(&released).await;

    let secrets = [
        ("a reservation's token", reserved.token.as_str()),
        ("a released reservation's token", released.token.as_str()),
        ("an administrator's token", cluster.token()),
        ("the cluster's secret", cluster.secret()),
        ("a pass", pass.as_deref().expect("it is paid for")),
        ("an idempotency key", SECRET_KEY),
        ("a buyer's address", "load@example.org"),
    ];
    let processes = [("the edge", edge.process), ("the core", cluster.core)];
    for (whose, mut process) in processes {
        // Nothing more comes from a process that has ended.
        process.terminate();
        process.ended().await;
        let log = process.whole_log();
        assert!(
            log.contains(r#""level":"TRACE""#),
            "{whose} doesn't tell all"
        );
        for (what, secret) in secrets {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{whose} logs {what}");
        }
    }
}

#[tokio::test]
async fn a_call_has_one_id_in_both_logs() {
    let (cluster, edge) = talkative().await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 40).await;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(event.summary.id).await;
    let path = format!("/v1/events/{}/reservations", event.summary.id);
    let answer = buyer
        .calls(&Call::post(path, &json!({"tickets": [7]})))
        .await;
    let id = answer.header("request-id").expect("every answer has one");
    for (whose, process) in [("the edge", &edge.process), ("the core", &cluster.core)] {
        until(&format!("{whose} tells of {id}"), SOON, async || {
            process.whole_log().contains(id).then_some(())
        })
        .await;
    }
}
