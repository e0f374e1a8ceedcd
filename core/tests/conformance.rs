//! What `parterre_core::store` promises, held against every backend.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[cfg(feature = "fdb")]
mod cluster;

use std::time::Duration;

use bytes::Bytes;
use parterre_core::config::StoreConfig;
use parterre_core::store::any::{AnyStore, AnyTransaction};
use parterre_core::store::{Commit, Loaded, Marker, Retry, Snapshot, Store, Transaction, Value};
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::{Rows, Want, Write, counter};
use parterre_domain::{Position, Rev};

/// How long anything may take that must happen; nothing that passes takes so long.
const SOON: Duration = Duration::from_secs(60);

/// Holds a fresh store of each backend to a promise.
fn every_backend(promise: impl AsyncFn(AnyStore)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    for config in [
        StoreConfig::Memory,
        StoreConfig::Embedded(directory.path().into()),
    ] {
        println!("on {config:?}");
        let store = runtime.block_on(AnyStore::open(&config)).unwrap();
        runtime.block_on(promise(store));
    }
    #[cfg(feature = "fdb")]
    if let Some(cluster) = cluster::FoundationDb::start() {
        runtime.block_on(async {
            let faults = parterre_core::store::fdb::Faults::None;
            promise(cluster::store(&cluster, faults).await).await;
        });
    }
}

fn key(text: &str) -> Key {
    [b"test ", text.as_bytes()].concat()
}

fn all_keys() -> Range {
    Range::prefix(b"test ")
}

fn between(start: &str, end: &str) -> Range {
    let (start, end) = (key(start), key(end));
    Range { start, end }
}

fn set(text: &str, value: &str) -> Write {
    Write::Set(key(text), value.into())
}

fn marker(batch: u8) -> Marker {
    Marker {
        key: keys::marker([7; 16], 0),
        batch: [batch; 16],
    }
}

fn commit_of(writes: Vec<Write>, record: &str) -> Commit {
    Commit {
        writes,
        record: Bytes::copy_from_slice(record.as_bytes()),
        marker: marker(1),
    }
}

async fn loads(transaction: &mut AnyTransaction, texts: &[&str]) {
    let wants = texts.iter().map(|text| Want::Key(key(text))).collect();
    transaction.load(wants).await.unwrap();
}

/// Writes without having read.
async fn put(store: &AnyStore, writes: Vec<Write>) -> Rev {
    let transaction = store.begin().await.unwrap();
    let committed = transaction.commit(commit_of(writes, "a record")).await;
    committed.unwrap_or_else(|(_, why)| panic!("a write without a reader: {why}"))
}

async fn rows(store: &AnyStore, range: &Range) -> Vec<(Key, Value)> {
    let snapshot = store.snapshot().await.unwrap();
    snapshot.range(range, usize::MAX).await.unwrap()
}

/// The texts of the keys in the store, with their values.
async fn texts(store: &AnyStore) -> Vec<String> {
    let rows = rows(store, &all_keys()).await;
    let texts = rows.iter().map(|(key, value)| {
        let key = String::from_utf8_lossy(&key["test ".len()..]);
        format!("{key}={}", String::from_utf8_lossy(value))
    });
    texts.collect()
}

#[test]
fn a_new_store_has_an_epoch_and_an_empty_log() {
    every_backend(async |store| {
        let snapshot = store.snapshot().await.unwrap();
        let epoch = snapshot.get(&keys::EPOCH.to_vec()).await.unwrap();
        assert_eq!(epoch, Some(1_u32.to_be_bytes().to_vec()));
        assert_eq!(snapshot.rev().epoch, 1);
        let page = store.log_after(snapshot.rev(), usize::MAX).await.unwrap();
        assert_eq!((page.records, page.head), (Vec::new(), snapshot.rev()));
        assert_eq!(page.oldest, snapshot.rev());
    });
}

#[test]
fn a_transaction_loads_what_is_there_and_what_is_not() {
    every_backend(async |store| {
        put(&store, vec![set("a", "1"), set("b", "2"), set("c", "3")]).await;
        let mut transaction = store.begin().await.unwrap();
        let rows = |texts: &[(&str, &str)]| -> Vec<(Key, Value)> {
            let owned = texts
                .iter()
                .map(|(text, value)| (key(text), (*value).into()));
            owned.collect()
        };
        let checks = [
            (
                Want::Key(key("b")),
                Loaded::Key(key("b"), Some(b"2".to_vec())),
            ),
            (Want::Key(key("")), Loaded::Key(key(""), None)),
            (
                Want::Range(between("a", "c"), 9),
                Loaded::Range(between("a", "c"), 9, rows(&[("a", "1"), ("b", "2")])),
            ),
            (
                Want::Range(all_keys(), 1),
                Loaded::Range(all_keys(), 1, rows(&[("a", "1")])),
            ),
            (
                Want::Range(all_keys().after(&key("b")), 9),
                Loaded::Range(all_keys().after(&key("b")), 9, rows(&[("c", "3")])),
            ),
            (
                Want::Range(between("x", "y"), 9),
                Loaded::Range(between("x", "y"), 9, Vec::new()),
            ),
        ];
        let wants = checks.iter().map(|(want, _)| want.clone()).collect();
        let loaded = transaction.load(wants).await.unwrap();
        assert!(
            loaded
                .iter()
                .eq(checks.iter().map(|(_, expected)| expected))
        );
        let snapshot = store.snapshot().await.unwrap();
        assert_eq!(snapshot.get(&key("b")).await.unwrap(), Some(b"2".to_vec()));
        assert_eq!(snapshot.get(&key("")).await.unwrap(), None);
        let first = snapshot.range(&all_keys(), 2).await.unwrap();
        assert_eq!(first, rows(&[("a", "1"), ("b", "2")]));
    });
}

#[test]
fn writes_take_effect_in_their_order() {
    let b_to_d = || Write::ClearRange(between("b", "d"));
    let checks: Vec<(Vec<Write>, &[&str])> = vec![
        (vec![set("a", "1"), set("a", "2")], &["a=2"]),
        (vec![Write::Clear(key("a")), set("a", "3")], &["a=3"]),
        (vec![set("a", "4"), Write::Clear(key("a"))], &[]),
        (vec![Write::Clear(key("absent"))], &[]),
        (
            vec![set("b", "1"), set("c", "1"), set("d", "1")],
            &["b=1", "c=1", "d=1"],
        ),
        (vec![b_to_d(), set("c", "2")], &["c=2", "d=1"]),
        (vec![set("b", "2"), b_to_d()], &["d=1"]),
    ];
    every_backend(async |store| {
        for (writes, expected) in &checks {
            put(&store, writes.clone()).await;
            assert_eq!(texts(&store).await, *expected, "{writes:?}");
        }
    });
}

#[test]
fn add_counts_from_nothing_up_and_down() {
    every_backend(async |store| {
        let add = |by| Write::Add(key("n"), by);
        for (writes, expected) in [
            (vec![add(3)], 3),
            (vec![add(-5), add(1)], -1),
            (vec![add(i64::MAX), add(1)], i64::MAX),
        ] {
            put(&store, writes).await;
            let rows = rows(&store, &all_keys()).await;
            assert_eq!(rows[0].1.len(), 8);
            assert_eq!(counter(&rows[0].1), expected);
        }
    });
}

#[test]
fn set_rev_puts_the_rev_of_its_commit() {
    every_backend(async |store| {
        let writes = || vec![Write::SetRev(key("rev")), Write::SetRev(key("same"))];
        for _ in 0..2 {
            let rev = put(&store, writes()).await;
            let values = rows(&store, &all_keys()).await;
            let expected = rev.to_bytes().to_vec();
            assert_eq!(values[0].1, expected);
            assert_eq!(values[1].1, expected);
        }
    });
}

#[test]
fn the_marker_tells_which_batch_is_in_and_at_which_rev() {
    every_backend(async |store| {
        let rev = put(&store, Vec::new()).await;
        let snapshot = store.snapshot().await.unwrap();
        let value = snapshot.get(&marker(1).key).await.unwrap();
        assert_eq!(marker(1).committed(value.as_ref()), Some(rev));
        assert_eq!(marker(2).committed(value.as_ref()), None);
        assert_eq!(marker(1).committed(None), None);
    });
}

#[test]
fn a_transaction_reads_one_version_and_none_of_what_comes_later() {
    every_backend(async |store| {
        let before = put(&store, vec![set("a", "1")]).await;
        let mut transaction = store.begin().await.unwrap();
        let snapshot = store.snapshot().await.unwrap();
        put(&store, vec![set("a", "2"), set("b", "2")]).await;
        assert_eq!((transaction.rev(), snapshot.rev()), (before, before));
        let loaded = transaction.load(vec![Want::Key(key("a"))]).await.unwrap();
        assert_eq!(loaded, [Loaded::Key(key("a"), Some(b"1".to_vec()))]);
        let seen = snapshot.range(&all_keys(), 9).await.unwrap();
        assert_eq!(seen, [(key("a"), b"1".to_vec())]);
    });
}

/// What two transactions load and set at once, of which only one may commit.
#[test]
fn of_two_that_read_what_the_other_writes_only_one_commits() {
    let everything = || vec![Want::Range(all_keys(), 100)];
    let each = |texts: &[&str]| texts.iter().map(|text| Want::Key(key(text))).collect();
    let checks: [(&str, Vec<Want>, Write, Write); 5] = [
        (
            "one key",
            each(&["a"]),
            set("a", "first"),
            set("a", "second"),
        ),
        (
            "an absent key",
            each(&["new"]),
            set("new", "1"),
            set("new", "2"),
        ),
        (
            "write skew",
            each(&["a", "b"]),
            set("a", "0"),
            set("b", "0"),
        ),
        ("phantoms", everything(), set("x", "1"), set("y", "1")),
        (
            "a cleared key",
            each(&["a", "b"]),
            Write::Clear(key("a")),
            Write::ClearRange(between("b", "c")),
        ),
    ];
    every_backend(async |store| {
        for (what, wants, one, other) in &checks {
            put(&store, vec![set("a", "1"), set("b", "1")]).await;
            let (mut first, mut second) =
                (store.begin().await.unwrap(), store.begin().await.unwrap());
            first.load(wants.clone()).await.unwrap();
            second.load(wants.clone()).await.unwrap();
            let committed = first.commit(commit_of(vec![one.clone()], "first")).await;
            assert!(committed.is_ok(), "{what}");
            let committed = second
                .commit(commit_of(vec![other.clone()], "second"))
                .await;
            let (back, why) = committed.err().unwrap_or_else(|| panic!("{what}"));
            assert_eq!(why, Retry::Conflict, "{what}");
            let again = back.again(why).await.unwrap();
            let committed = again.commit(commit_of(vec![other.clone()], "again")).await;
            assert!(committed.is_ok(), "{what}");
            put(&store, vec![Write::ClearRange(all_keys())]).await;
        }
    });
}

#[test]
fn a_retry_reads_what_it_conflicted_with_and_leaves_no_trace_of_the_first_try() {
    every_backend(async |store| {
        let mut transaction = store.begin().await.unwrap();
        loads(&mut transaction, &["a"]).await;
        let other = put(&store, vec![set("a", "1")]).await;
        let lost = commit_of(vec![set("lost", "1")], "lost");
        let (back, why) = transaction.commit(lost).await.err().unwrap();
        let mut again = back.again(why).await.unwrap();
        assert_eq!(again.rev(), other);
        let loaded = again.load(vec![Want::Key(key("a"))]).await.unwrap();
        assert_eq!(loaded, [Loaded::Key(key("a"), Some(b"1".to_vec()))]);
        assert_eq!(texts(&store).await, ["a=1"]);
        let page = store.log_after(other, usize::MAX).await.unwrap();
        assert_eq!((page.records, page.head), (Vec::new(), other));
    });
}

#[test]
fn the_log_resumes_from_every_position_and_keeps_to_its_bytes() {
    every_backend(async |store| {
        let mut written = Vec::new();
        for number in 0..20 {
            let record = format!("record {number:02}");
            let transaction = store.begin().await.unwrap();
            let committed = transaction.commit(commit_of(Vec::new(), &record)).await;
            written.push((committed.ok().unwrap(), Bytes::from(record)));
        }
        assert!(written.is_sorted_by(|one, next| one.0 < next.0));
        let head = written[19].0;
        for from in 0..20 {
            let after = written[from].0;
            for (max_bytes, records) in [(0, 1), (9, 1), (18, 2), (26, 2), (27, 3), (9_000, 20)] {
                let page = store.log_after(after, max_bytes).await.unwrap();
                let upto = (from + 1 + records).min(20);
                assert_eq!(page.records, written[from + 1..upto], "{from}, {max_bytes}");
                assert_eq!(page.head, head);
            }
        }
        let ask = async |epoch| {
            let after = Rev { epoch, ..head };
            let page = store.log_after(after, usize::MAX).await.unwrap();
            page.records
        };
        assert_eq!(ask(0).await, written);
        assert_eq!(ask(2).await, []);
    });
}

#[test]
fn what_is_read_at_once_may_be_long() {
    every_backend(async |store| {
        let long = "a long text ".repeat(400);
        for number in 0..60 {
            let writes = vec![set(&format!("{number:02}"), &long)];
            let transaction = store.begin().await.unwrap();
            let committed = transaction.commit(commit_of(writes, &long)).await;
            assert!(committed.is_ok());
        }
        let page = store.log_after(Rev::default(), 50 * long.len()).await;
        assert_eq!(page.unwrap().records.len(), 50);
        let snapshot = store.snapshot().await.unwrap();
        for limit in [40, 60, usize::MAX] {
            let rows = snapshot.range(&all_keys(), limit).await.unwrap();
            assert_eq!(rows.len(), limit.min(60));
            assert!(rows.is_sorted());
        }
        let mut transaction = store.begin().await.unwrap();
        for limit in [0, 40, 60] {
            let loaded = transaction.load(vec![Want::Range(all_keys(), limit)]).await;
            let [Loaded::Range(_, _, rows)] = &loaded.unwrap()[..] else {
                panic!("one range was wanted");
            };
            assert_eq!(rows.len(), limit);
        }
    });
}

#[test]
fn a_trimmed_log_says_where_it_begins() {
    every_backend(async |store| {
        let mut revs = Vec::new();
        for _ in 0..5 {
            revs.push(put(&store, Vec::new()).await);
        }
        // Trimmed up to; then the oldest is.
        for (up_to, oldest) in [(1, 1), (0, 1), (2, 2)] {
            store.trim_log(revs[up_to].position).await.unwrap();
            let start = Rev::default();
            let page = store.log_after(start, usize::MAX).await.unwrap();
            let left: Vec<Rev> = page.records.iter().map(|(rev, _)| *rev).collect();
            assert_eq!(left, revs[oldest + 1..]);
            assert_eq!((page.oldest, page.head), (revs[oldest], revs[4]));
        }
        let beyond = Position::from_sequence(u64::MAX);
        store.trim_log(beyond).await.unwrap();
        let next = put(&store, Vec::new()).await;
        let page = store.log_after(revs[4], usize::MAX).await.unwrap();
        assert_eq!((page.oldest, page.head), (revs[4], next));
        assert_eq!(page.records.len(), 1);
    });
}

#[test]
fn a_long_log_is_trimmed_whole() {
    every_backend(async |store| {
        let mut last = Rev::default();
        for _ in 0..parterre_domain::limits::TRIMMED_RECORDS + 5 {
            last = put(&store, Vec::new()).await;
        }
        store.trim_log(last.position).await.unwrap();
        let page = store.log_after(Rev::default(), usize::MAX).await.unwrap();
        assert_eq!((page.records, page.oldest), (Vec::new(), last));
    });
}

#[test]
fn a_snapshot_and_the_log_behind_it_give_every_later_snapshot() {
    every_backend(async |store| {
        let mut random = fastrand::Rng::with_seed(1);
        let mut snapshots = Vec::new();
        for _ in 0..120 {
            let (text, value) = (random.u8(b'a'..b'k'), random.u8(b'0'..=b'9'));
            let record = format!("{}{}", char::from(text), char::from(value));
            let write = decoded(record.as_bytes());
            let transaction = store.begin().await.unwrap();
            let committed = transaction.commit(commit_of(vec![write], &record)).await;
            assert!(committed.is_ok());
            if random.u8(..) < 40 {
                let snapshot = store.snapshot().await.unwrap();
                let rows = snapshot.range(&all_keys(), usize::MAX).await.unwrap();
                snapshots.push((snapshot.rev(), rows));
            }
        }
        for (from, rows) in &snapshots {
            let mut folded = Rows(rows.iter().cloned().collect());
            let page = store.log_after(*from, usize::MAX).await.unwrap();
            let mut later = snapshots.iter().filter(|(rev, _)| rev > from).peekable();
            for (rev, record) in &page.records {
                folded.apply(&[decoded(record)]);
                while let Some((_, rows)) = later.next_if(|(at, _)| at == rev) {
                    assert!(
                        folded
                            .0
                            .iter()
                            .eq(rows.iter().map(|(key, value)| (key, value)))
                    );
                }
            }
            assert!(later.next().is_none(), "a snapshot lies behind the log");
        }
    });
}

/// The write that a record of two letters stands for: a key, and its value or, for an
/// odd digit, that it is gone.
fn decoded(record: &[u8]) -> Write {
    let text = char::from(record[0]).to_string();
    if record[1].is_multiple_of(2) {
        set(&text, &char::from(record[1]).to_string())
    } else {
        Write::Clear(key(&text))
    }
}

#[test]
fn waiting_ends_with_a_commit_or_with_the_time() {
    every_backend(async |store| {
        let head = put(&store, Vec::new()).await;
        store.wait(head, Duration::from_millis(1)).await;
        let waiting = {
            let store = store.clone();
            async move { store.wait(head, 10 * SOON).await }
        };
        let both = async { tokio::join!(waiting, put(&store, Vec::new())) };
        let ((), next) = tokio::time::timeout(SOON, both).await.unwrap();
        assert!(next > head);
        // What is behind already needs no waiting.
        let passed = store.wait(head, 10 * SOON);
        tokio::time::timeout(SOON, passed).await.unwrap();
    });
}
