//! Cuts the power of the embedded store at random points, from seeds: of the writes since
//! the last sync some reach the disk, some don't, some do in part and in any order. What
//! was acknowledged is there afterwards, and the log has no hole.
//!
//! More seeds: `PARTERRE_SEEDS=20000 cargo nextest run -p parterre-core --test power_cuts`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use parterre_core::store::embedded::EmbeddedStore;
use parterre_core::store::{Commit, Marker, Store, Transaction};
use parterre_domain::keys;
use parterre_domain::state::{Rows, Write};
use parterre_domain::{Position, Rev};
use redb::StorageBackend;

/// Pieces in which a disk writes; a torn write ends between two of them.
const SECTOR: usize = 512;
/// How often the power of one store is cut.
const CUTS: u32 = 3;
/// Commits between two cuts, at most.
const COMMITS: u32 = 12;

#[test]
fn every_acknowledged_commit_survives_a_power_cut() {
    let mut cut_short = 0;
    let seeds = world::seeds(200);
    for seed in seeds.clone() {
        println!("seed {seed}; PARTERRE_SEED={seed} runs it alone");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        cut_short += runtime.unwrap().block_on(story(seed));
    }
    // Else the cuts come at moments when nothing is under way.
    assert!(cut_short > 0 || seeds.end - seeds.start < 100);
}

/// A disk that remembers what wasn't synced, and forgets some of it when told.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// What a power cut leaves untouched.
    synced: Vec<u8>,
    /// What a reader sees.
    seen: Vec<u8>,
    pending: Vec<Change>,
    /// After so many more changes or syncs the power fails.
    fuse: Option<u32>,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(len) => bytes.resize(*len, 0),
            Self::Write(at, data) => {
                // A later change of length may have reached the disk without an earlier.
                if bytes.len() < at + data.len() {
                    bytes.resize(at + data.len(), 0);
                }
                bytes[*at..at + data.len()].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// What is on the disk after the power has failed, as a new disk.
    fn after_cut(&self, random: &mut fastrand::Rng) -> Self {
        let mut platter = self.lock();
        let mut bytes = std::mem::take(&mut platter.synced);
        let mut pending = std::mem::take(&mut platter.pending);
        // A disk keeps no order between two syncs, but lengths are the file system's,
        // whose journal does.
        if random.bool() {
            shuffle_writes(&mut pending, random);
        }
        let kept = random.f64();
        for change in pending {
            if random.f64() < kept {
                torn(change, random).apply(&mut bytes);
            }
        }
        let platter = Platter {
            seen: bytes.clone(),
            synced: bytes,
            ..Platter::default()
        };
        Self(Arc::new(Mutex::new(platter)))
    }
}

fn shuffle_writes(pending: &mut [Change], random: &mut fastrand::Rng) {
    for part in pending.split_mut(|change| matches!(change, Change::Length(_))) {
        random.shuffle(part);
    }
}

/// A write of which, now and then, only some sectors arrive.
fn torn(change: Change, random: &mut fastrand::Rng) -> Change {
    match change {
        Change::Write(at, data) if data.len() > SECTOR && random.u8(0..4) == 0 => {
            let sectors = random.usize(0..data.len().div_ceil(SECTOR));
            let from = if random.bool() { sectors * SECTOR } else { 0 };
            let upto = if from == 0 {
                sectors * SECTOR
            } else {
                data.len()
            };
            Change::Write(at + from, data[from..upto].to_vec())
        }
        change => change,
    }
}

impl Platter {
    fn burn(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is cut")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        self.burn()?;
        change.apply(&mut self.seen);
        self.pending.push(change);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.lock().seen.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (platter, at) = (self.lock(), usize::try_from(offset).unwrap());
        let bytes = platter.seen.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap();
        self.lock().change(Change::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.lock();
        platter.burn()?;
        platter.pending.clear();
        platter.synced = platter.seen.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        self.lock().change(Change::Write(at, data.to_vec()))
    }
}

/// What a store must hold.
#[derive(Clone, Default)]
struct Expected {
    rows: Rows,
    /// The records of the log, the first one's position being 1.
    log: Vec<Bytes>,
}

/// Whether a cut hit a commit under way, of which either outcome is right.
async fn story(seed: u64) -> u32 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut disk = Disk::default();
    let mut expected = Expected::default();
    let mut cut_short = 0;
    for _ in 0..CUTS {
        let store = EmbeddedStore::open_backend(disk.clone()).unwrap();
        expected.check(&store).await;
        disk.lock().fuse = Some(random.u32(0..150));
        let mut under_way = None;
        for _ in 0..COMMITS {
            let mut next = expected.clone();
            let commit = next.change(&mut random);
            let transaction = match store.begin().await {
                Ok(transaction) => transaction,
                Err(_) => break,
            };
            if let Err((_, why)) = transaction.commit(commit).await {
                assert_eq!(why, parterre_core::store::Retry::Unknown);
                under_way = Some(next);
                break;
            }
            expected = next;
        }
        drop(store);
        disk = disk.after_cut(&mut random);
        let store = EmbeddedStore::open_backend(disk.clone()).unwrap();
        if let Some(next) = under_way {
            cut_short += 1;
            let (head, _) = world::everything(&store).await;
            let sequence = usize::try_from(head.position.sequence()).unwrap();
            if sequence == next.log.len() {
                expected = next;
            }
        }
        expected.check(&store).await;
        drop(store);
    }
    cut_short
}

impl Expected {
    /// A commit of random changes, which are applied here too.
    fn change(&mut self, random: &mut fastrand::Rng) -> Commit {
        let sequence = u64::try_from(self.log.len()).unwrap() + 1;
        let writes: Vec<Write> = (0..random.u8(1..20)).map(|_| write(random)).collect();
        let record = Bytes::from(format!("record {sequence}").repeat(random.usize(1..50)));
        self.rows.apply(&writes);
        self.log.push(record.clone());
        let marker = Marker {
            key: keys::marker([1; 16], 0),
            batch: [u8::try_from(sequence % 256).unwrap(); 16],
        };
        let rev = Rev {
            epoch: 1,
            position: Position::from_sequence(sequence),
        };
        self.rows.0.insert(marker.key.clone(), marker.value(rev));
        Commit {
            writes,
            record,
            marker,
        }
    }

    async fn check(&self, store: &EmbeddedStore) {
        let (head, rows) = world::everything(store).await;
        let sequence = u64::try_from(self.log.len()).unwrap();
        let position = Position::from_sequence(sequence);
        assert_eq!(head, Rev { epoch: 1, position });
        let page = store.log_after(Rev::default(), usize::MAX).await.unwrap();
        let records = page.records.iter().map(|(_, record)| record);
        assert!(records.eq(self.log.iter()), "the log isn't whole");
        for (number, (rev, _)) in (1..).zip(&page.records) {
            assert_eq!(rev.position.sequence(), number, "the log has a hole");
        }
        let own = |key: &[u8]| key.starts_with(b"t") || key.starts_with(b"mlane");
        let stored = rows.0.iter().filter(|(key, _)| own(key));
        assert!(stored.eq(self.rows.0.iter()), "something else is stored");
        let epoch = rows.0.get(keys::EPOCH).map(Vec::as_slice);
        assert_eq!(epoch, Some(1_u32.to_be_bytes().as_slice()));
    }
}

fn write(random: &mut fastrand::Rng) -> Write {
    let key = format!("t{:03}", random.u16(0..400)).into_bytes();
    match random.u8(0..10) {
        0 => Write::Clear(key),
        1 => Write::Add(b"tcounter".to_vec(), random.i64(-9..9)),
        _ => {
            let most = if random.u8(0..8) == 0 { 9_000 } else { 90 };
            let len = random.usize(0..most);
            Write::Set(key, (0..len).map(|_| random.u8(..)).collect())
        }
    }
}
