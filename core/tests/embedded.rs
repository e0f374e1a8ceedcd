//! What only the embedded store does: keep its file, and stop for good when a commit
//! fails.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod disk;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::{Commit, Marker, Retry, Snapshot, Store, Transaction};
use parterre_domain::keys;
use parterre_domain::state::{Want, Write};
use parterre_domain::{Position, Rev};

use crate::disk::Disk;

async fn put(store: &EmbeddedStore, key: &str) -> Result<Rev, Retry> {
    let commit = Commit {
        writes: vec![Write::Set(key.into(), b"value".to_vec())],
        record: Bytes::from_static(b"record"),
        marker: Marker {
            key: keys::marker([1; 16], 0),
            batch: [1; 16],
        },
    };
    let transaction = store.begin().await.unwrap();
    transaction.commit(commit).await.map_err(|(_, why)| why)
}

#[tokio::test]
async fn a_store_opened_anew_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let nested = directory.path().join("made/for/it");
    for number in 0_u32..3 {
        let store = EmbeddedStore::open(&nested).unwrap();
        let rev = put(&store, &format!("key {number}")).await.unwrap();
        let expected = Position::from_sequence(u64::from(number) + 1);
        assert_eq!(
            rev,
            Rev {
                epoch: 1,
                position: expected
            }
        );
        let snapshot = store.snapshot().await.unwrap();
        for earlier in 0..=number {
            let key = format!("key {earlier}").into_bytes();
            assert!(snapshot.get(&key).await.unwrap().is_some());
        }
        let page = store.log_after(Rev::default(), usize::MAX).await.unwrap();
        assert_eq!(page.records.len(), number as usize + 1);
    }
}

#[test]
fn a_store_that_cannot_be_opened_says_in_one_line_why() {
    let directory = tempfile::tempdir().unwrap();
    let _open = EmbeddedStore::open(directory.path()).unwrap();
    let file = directory.path().join("a file");
    std::fs::write(&file, "text").unwrap();
    let broken = directory.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("parterre.redb"), [7; 9_000]).unwrap();
    check_error(directory.path(), "is open in another process");
    check_error(&file, "can't make the directory");
    check_error(&broken, "can't open the store");
}

#[test]
fn asking_about_a_store_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let check = |directory: &Path, expected: &str| {
        let said = match EmbeddedStore::open_existing(directory) {
            Ok(_) => panic!("{} was opened", directory.display()),
            Err(failure) => failure.to_string(),
        };
        assert!(said.contains(expected) && !said.contains('\n'), "{said}");
    };
    check(&data, "name the directory");
    assert!(!data.exists());
    drop(EmbeddedStore::open(&data.join("store")).unwrap());
    check(&data, &data.join("store").display().to_string());
    let kept: Vec<_> = std::fs::read_dir(&data).unwrap().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let open = EmbeddedStore::open_existing(&data.join("store")).unwrap();
    check(&data.join("store"), "is open in another process");
    drop(open);
    std::fs::write(data.join("parterre.redb"), "").unwrap();
    check(&data, "can't open the store");
}

fn check_error(directory: &Path, expected: &str) {
    let said = match EmbeddedStore::open(directory) {
        Ok(_) => panic!("{} was opened", directory.display()),
        Err(failure) => failure.to_string(),
    };
    assert!(said.contains(expected), "{said}");
    assert!(said.contains(&directory.display().to_string()), "{said}");
    assert!(!said.contains('\n'), "{said}");
}

#[tokio::test]
async fn after_a_failed_commit_nothing_works_and_the_process_is_told() {
    let broken = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&broken);
    let store =
        EmbeddedStore::open_backend(Disk::new(move || match told.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(()),
        }))
        .unwrap();
    let rev = put(&store, "before").await.unwrap();
    let mut begun = store.begin().await.unwrap();
    broken.store(true, Ordering::Relaxed);
    assert_eq!(put(&store, "lost").await, Err(Retry::Unknown));
    // The disk's return changes nothing.
    broken.store(false, Ordering::Relaxed);
    let why = store.failed().await;
    assert!(why.0.contains("a commit failed"), "{why}");
    assert_eq!(store.begin().await.err(), Some(why.clone()));
    assert_eq!(store.snapshot().await.err(), Some(why.clone()));
    assert_eq!(store.log_after(rev, 1).await.err(), Some(why.clone()));
    assert_eq!(store.trim_log(rev.position).await.err(), Some(why.clone()));
    let loaded = begun.load(vec![Want::Key(b"before".to_vec())]).await;
    let retry = loaded.err().unwrap_or(Retry::TooOld);
    assert_eq!(begun.again(retry).await.err(), Some(why));
}
