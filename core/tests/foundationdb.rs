//! What a cluster of FoundationDB must be before a store is made of it.

#![cfg(feature = "fdb")]

mod cluster;

use parterre_core::store::fdb::{Faults, FdbStore};

#[tokio::test]
async fn a_cluster_of_somebody_elses_stays_as_it_is() {
    let Some(cluster) = cluster::FoundationDb::start() else {
        return;
    };
    cluster::start_client(Faults::None);
    let file = cluster.file();
    let existing = async || FdbStore::open_existing(&file).await.err();
    cluster.cli("writemode on; set theirs something");
    let why = existing().await.unwrap().0;
    assert!(why.contains("there is no store"), "{why}");
    let why = FdbStore::open(&file).await.err().unwrap().0;
    assert!(why.contains("a cluster of its own"), "{why}");
    assert!(cluster.cli("get theirs").contains("something"));

    cluster.clear();
    let why = existing().await.unwrap().0;
    assert!(
        why.contains("there is no store"),
        "asking makes none: {why}"
    );
    assert!(FdbStore::open(&file).await.is_ok());
    assert_eq!(existing().await, None);
}
