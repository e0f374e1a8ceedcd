//! What a payment provider says reaches the core by an edge, byte for byte. What somebody
//! else says in its name is refused and changes nothing.

use std::time::Duration;

use parterre_domain::ReservationState::{Paid, Pending};
use parterre_domain::Timestamp;
use parterre_loadtest::now;
use parterre_loadtest::wire::Call;

use crate::story::{Administrator, Buyer, Cluster, Notice, Plan, SOON, about, hall, until};

/// What the core counts of webhooks that it believed.
const TAKEN: &str = r#"parterre_core_webhooks_total{outcome="taken"}"#;
/// And of those that it didn't.
const REFUSED: &str = r#"parterre_core_webhooks_total{outcome="refused"}"#;
/// A signature may be so old.
const TOLERANCE: Duration = Duration::from_secs(300);

#[tokio::test]
async fn a_notice_that_isnt_the_providers_is_refused_and_changes_nothing() {
    let cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 40).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let reserved = buyer.reserves(id, &[7]).await;
    buyer.checks_out(&reserved).await;
    let before = Administrator::at(cluster.admin()).store(id).await;

    let notice = Notice::paid(&reserved.reservation);
    let (secret, minute) = (cluster.secret(), Duration::from_secs(60));
    let (old, new) = (now() - TOLERANCE - minute, now() + TOLERANCE + minute);
    let rows: [(&str, Call, u16, &str); 5] = [
        (
            "wrong",
            notice.signed("sandbox", "another cluster's secret", now()),
            400,
            "malformed",
        ),
        (
            "old",
            notice.signed("sandbox", secret, old),
            400,
            "malformed",
        ),
        (
            "of tomorrow",
            notice.signed("sandbox", secret, new),
            400,
            "malformed",
        ),
        ("missing", notice.unsigned("sandbox"), 400, "malformed"),
        (
            "a stranger's",
            notice.signed("nobody", secret, now()),
            404,
            "not-found",
        ),
    ];
    for (what, call, status, slug) in &rows {
        let answer = buyer.calls(call).await;
        assert_eq!(answer.status, *status, "{what}: {:?}", answer.body);
        let refused = answer.refusal().expect("a problem").expect("a refusal");
        assert_eq!(refused.slug, *slug, "{what}");
        assert_eq!(buyer.reads(&reserved).await.state, Pending, "{what}");
    }
    let after = Administrator::at(cluster.admin()).store(id).await;
    assert_eq!(after, before, "nothing was committed");
    let metrics = cluster.metrics().await;
    assert_eq!((metrics.get(REFUSED), metrics.get(TAKEN)), (5.0, 0.0));

    // The same notice in the provider's own hand.
    let believed = buyer.calls(&notice.signed("sandbox", secret, now())).await;
    assert!(believed.status.is_success(), "{:?}", believed.body);
    buyer.waits_for(&reserved, Paid).await;
}

#[tokio::test]
async fn a_payment_told_twice_or_late_sells_once() {
    let (cluster, edge) = Cluster::with_front(Plan::default()).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 40).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;

    let twice = buyer.reserves(id, &[1]).await;
    // The provider knows the edge's address and no other.
    buyer.pays(&twice, "double").await;
    until("both webhooks are taken", SOON, async || {
        (cluster.metrics().await.get(TAKEN) == 2.0).then_some(())
    })
    .await;
    buyer.waits_for(&twice, Paid).await;
    let sold = Administrator::at(cluster.admin()).store(id).await;

    // And a third time, much later than the first.
    let again = Notice::paid(&twice.reservation).signed("sandbox", cluster.secret(), now());
    assert!(buyer.calls(&again).await.status.is_success());
    let after = Administrator::at(cluster.admin()).store(id).await;
    assert_eq!(after, sold, "a payment sells once");

    let late = buyer.reserves(id, &[2]).await;
    buyer.pays(&late, "late").await;
    let paid_at: Timestamp = now();
    buyer.waits_for(&late, Paid).await;
    let took = now().since(paid_at);
    assert!(took > Duration::from_secs(2), "told only {took:?} after it");
    let store = Administrator::at(cluster.admin()).store(id).await;
    assert!(store.states.starts_with("fssf"), "{}", store.states);
}
