//! Stores over a cluster of FoundationDB of a test's own.

#![allow(
    dead_code,
    reason = "each test binary uses its own part of the language"
)]

#[path = "../../../tests/foundationdb/mod.rs"]
#[expect(unused_imports, reason = "only the stories make backups")]
mod foundationdb;

use std::sync::OnceLock;

use parterre_core::config::StoreConfig;
use parterre_core::store::any::AnyStore;
use parterre_core::store::fdb::{Faults, FdbStore, Network};

pub(crate) use self::foundationdb::FoundationDb;

/// A store over a cluster. All of a process do the same wrong.
pub(crate) async fn store(cluster: &FoundationDb, faults: Faults) -> AnyStore {
    start_client(faults);
    let store = FdbStore::open(&cluster.file()).await;
    AnyStore::Fdb(store.unwrap_or_else(|failure| panic!("{failure}")))
}

/// With `PARTERRE_TEST_STORE=foundationdb` a new cluster in the place of a store in memory.
pub(crate) fn instead_of_memory(store: &mut StoreConfig) -> Option<FoundationDb> {
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    let asked = std::env::var("PARTERRE_TEST_STORE").is_ok_and(|name| name == "foundationdb");
    if !asked || !matches!(store, StoreConfig::Memory) {
        return None;
    }
    let cluster = FoundationDb::start().expect("FoundationDB is installed");
    start_client(Faults::None);
    *store = StoreConfig::Fdb(cluster.file());
    Some(cluster)
}

/// The client of this process, started once and never stopped: the process ends with it.
pub(crate) fn start_client(faults: Faults) {
    static CLIENT: OnceLock<(Network, Faults)> = OnceLock::new();
    let (_, started) = CLIENT.get_or_init(|| {
        let network = Network::start(faults).unwrap_or_else(|failure| panic!("{failure}"));
        (network, faults)
    });
    assert_eq!(*started, faults, "one client does one kind of wrong");
}
