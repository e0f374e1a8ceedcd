//! A store copied into another holds the same, whatever interrupts the copying.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use bytes::Bytes;
use parterre_core::copy::copy;
use parterre_core::store::any::AnyStore;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::memory::MemoryStore;
use parterre_core::store::{Commit, Marker, Snapshot, Store, Transaction};
use parterre_domain::keys;
use parterre_domain::state::Write;
use parterre_domain::{LogRecord, Timestamp, encode, limits};

const NOW: Timestamp = Timestamp::from_millis(1_000);
/// More than one page, and more bytes than one transaction takes.
const ENTRIES: usize = 10 * limits::COPIED_AT_ONCE + 100;

async fn put(store: &AnyStore, writes: Vec<Write>) {
    let record = LogRecord {
        at: NOW,
        events: Vec::new(),
    };
    let commit = Commit {
        writes,
        record: Bytes::from(encode(&record)),
        marker: Marker {
            key: keys::marker([1; 16], 0),
            batch: [1; 16],
        },
    };
    let committed = store.begin().await.unwrap().commit(commit).await;
    assert!(committed.is_ok());
}

fn memory() -> AnyStore {
    AnyStore::Memory(MemoryStore::new())
}

/// A store with entries of every size under several kinds of keys.
async fn filled() -> AnyStore {
    let store = memory();
    let mut random = fastrand::Rng::with_seed(1);
    for kind in [b'a', b'e', b't', b'x'] {
        let writes = (0..ENTRIES / 4).map(|number| {
            let key = [
                &[kind],
                u64::try_from(number).unwrap().to_be_bytes().as_slice(),
            ]
            .concat();
            Write::Set(key, vec![kind; random.usize(..2_000)])
        });
        put(&store, writes.collect()).await;
    }
    let window = Write::Set(keys::CREATION_WINDOW.to_vec(), vec![1]);
    put(&store, vec![window]).await;
    store
}

#[tokio::test]
async fn a_copy_holds_the_same_under_a_new_epoch() {
    let (from, folder) = (filled().await, tempfile::tempdir().unwrap());
    let to = AnyStore::Embedded(EmbeddedStore::open(folder.path()).unwrap());
    let mut heard = 0;
    let copied = copy(&from, &to, NOW, |entries| heard = entries)
        .await
        .unwrap();
    assert_eq!((copied.entries, copied.epoch), (ENTRIES / 4 * 4 + 1, 2));
    assert_eq!(heard, copied.entries);
    drop(to);
    let back = AnyStore::Embedded(EmbeddedStore::open(folder.path()).unwrap());
    assert_eq!(back.snapshot().await.unwrap().rev().epoch, 2);
    let again = memory();
    let copied = copy(&back, &again, NOW, |_| {}).await.unwrap();
    assert_eq!((copied.entries, copied.epoch), (ENTRIES / 4 * 4 + 1, 3));
}

#[tokio::test]
async fn an_interrupted_copy_goes_on_and_no_other_begins_over_it() {
    let (from, to) = (filled().await, memory());
    // The copying is given up after its first page.
    let interrupted = tokio::spawn({
        let (from, to) = (from.clone(), to.clone());
        async move { copy(&from, &to, NOW, |_| panic!("interrupted")).await }
    });
    assert!(interrupted.await.is_err());
    let note = async |store: &AnyStore| {
        let snapshot = store.snapshot().await.unwrap();
        snapshot.get(&keys::COPY.to_vec()).await.unwrap()
    };
    assert!(note(&to).await.is_some());
    let other = memory();
    put(&other, vec![Write::Set(b"e1".to_vec(), vec![1])]).await;
    let refused = copy(&other, &to, NOW, |_| {}).await.unwrap_err();
    assert!(refused.0.contains("copy of something else"), "{refused}");

    let copied = copy(&from, &to, NOW, |_| {}).await.unwrap();
    assert_eq!(copied.entries, ENTRIES / 4 * 4 + 1);
    assert_eq!(note(&to).await, None);
    let refused = copy(&from, &to, NOW, |_| {}).await.unwrap_err();
    assert!(refused.0.contains("holds a store already"), "{refused}");
}
