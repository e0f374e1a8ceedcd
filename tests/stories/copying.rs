//! An installation outgrows its machine: everything is copied to FoundationDB, is sold
//! from there, and moves back again. Nothing changes on the way but the epoch.

use std::time::Duration;

use parterre_domain::ReservationState::{Paid, Pending};
use parterre_loadtest::{Smoke, SmokeConfig};

use crate::story::{Buyer, Cluster, FoundationDb, Plan, about, hall, parterre};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_programme_with_sales_moves_to_foundationdb_and_back() {
    let Some(database) = FoundationDb::start() else {
        return;
    };
    let folder = tempfile::TempDir::new().expect("a folder");
    let named = |name: &str| format!("embedded:{}", folder.path().join(name).display());
    let (first, second, third) = (named("first"), database.store(), named("third"));

    let (mut cluster, edge) = over(&first).await;
    let smoke = Smoke::new(SmokeConfig {
        duration: Duration::from_secs(5),
        ..SmokeConfig::new(vec![edge.origin()], cluster.origin(), cluster.token())
    });
    let report = smoke.run().await.expect("a report");
    assert!(report.agrees(), "{report}");
    let event = hall(&mut cluster.admin(), &about("Before"), 60).await;
    let event = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(event).await;
    let (held, bought) = (
        buyer.reserves(event, &[1]).await,
        buyer.reserves(event, &[2, 3]).await,
    );
    buyer.pays(&bought, "prompt").await;
    buyer.waits_for(&bought, Paid).await;
    stop(&mut cluster).await;

    copy(&first, &second);
    let again = parterre(&["admin", "copy", "--from", &first, "--to", &second]);
    assert!(!again.status.success(), "copied over a store: {again:?}");
    let (mut cluster, edge) = over(&second).await;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(event).await;
    assert_eq!(buyer.reads(&held).await.state, Pending);
    assert_eq!(buyer.reads(&bought).await.state, Paid);
    let there = buyer.reserves(event, &[4]).await;
    assert!(there.rev > bought.rev, "{} after {}", there.rev, bought.rev);
    stop(&mut cluster).await;

    copy(&second, &third);
    let (mut cluster, edge) = over(&third).await;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(event).await;
    assert_eq!(buyer.reads(&there).await.state, Pending);
    assert!(buyer.looks(event).await.states.starts_with("fpsspf"));
    stop(&mut cluster).await;
}

async fn over(store: &str) -> (Cluster, crate::story::Edge) {
    Cluster::with_front(Plan {
        store: Some(store.to_owned()),
        ..Plan::default()
    })
    .await
}

async fn stop(cluster: &mut Cluster) {
    cluster.core.terminate();
    let (status, _) = cluster.core.ended().await;
    assert!(status.success(), "{status}");
}

/// Copies one store into another; both pass the audit and hold as much.
fn copy(from: &str, to: &str) {
    let copied = parterre(&["admin", "copy", "--from", from, "--to", to]);
    let said = String::from_utf8_lossy(&copied.stdout).into_owned();
    println!("{said}");
    assert!(copied.status.success(), "{copied:?}");
    for store in [from, to] {
        let check = parterre(&["check", "--store", store]);
        println!("{}", String::from_utf8_lossy(&check.stdout));
        assert!(check.status.success(), "{store}: {check:?}");
    }
}
