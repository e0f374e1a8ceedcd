//! The store is lost and a backup takes its place. What was sold since the backup is gone
//! with it, and nobody goes on showing it: under a new epoch every edge and every screen
//! begins anew.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::story::{Buyer, Cluster, Plan, SOON, Watcher, about, hall, parterre, until};

/// A store that can be backed up.
trait Kept {
    /// What `--store` takes.
    fn store(&self) -> String;
    /// Makes a backup.
    fn back_up(&mut self);
    /// Puts the backup in the place of what there is.
    fn restore(&mut self);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_every_screen_shows_what_the_backup_holds() {
    let folder = TempDir::new().expect("a folder");
    after_a_restore(Folders {
        store: folder.path().join("store"),
        backup: folder.path().join("backup"),
    })
    .await;
}

#[cfg(feature = "fdb")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_does_over_foundationdb() {
    use crate::story::{BackedUp, FoundationDb};

    let database = FoundationDb::start();
    if let Some(backed_up) = database.and_then(BackedUp::of) {
        after_a_restore(backed_up).await;
    }
}

async fn after_a_restore(mut kept: impl Kept) {
    let named = kept.store();
    let mut cluster = Cluster::planned(Plan {
        store: Some(named.clone()),
        ..Plan::default()
    })
    .await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 60).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    buyer.reserves(id, &[1]).await;
    let screen = Watcher::of(&edge.origin(), id).await;

    cluster.core.kill();
    kept.back_up();
    cluster.restart();
    until("the core is ready", SOON, async || {
        cluster.core.is_ready().await.then_some(())
    })
    .await;
    // Three commits that the backup doesn't have, the last of another ticket than the
    // first commit after the restore.
    for ticket in [2, 3, 4] {
        let lost = buyer.reserves(id, &[ticket]).await;
        screen.reaches(lost.rev, SOON).await;
    }

    cluster.core.kill();
    kept.restore();
    let renewed = parterre(&["admin", "epoch", "--new", "--store", &named]);
    assert!(renewed.status.success(), "{renewed:?}");
    let check = parterre(&["check", "--store", &named]);
    assert!(check.status.success(), "{check:?}");
    cluster.restart();
    until("the core is ready", SOON, async || {
        cluster.core.is_ready().await.then_some(())
    })
    .await;
    until("the edge shows what the backup holds", SOON, async || {
        let shown = buyer.looks(id).await;
        shown.states.starts_with("fpfff").then_some(())
    })
    .await;
    let after = buyer.reserves(id, &[5]).await;
    let seen = screen.reaches(after.rev, SOON).await;
    let states = seen.fold.expect("a fold").states().to_letters();
    assert_eq!(&states[..7], "fpfffpf");
    assert_eq!(seen.ended, None, "a client was disconnected");
    assert_eq!(seen.wrong, []);
}

/// The folder of an embedded store, and a copy of it.
struct Folders {
    store: PathBuf,
    backup: PathBuf,
}

impl Kept for Folders {
    fn store(&self) -> String {
        format!("embedded:{}", self.store.display())
    }

    fn back_up(&mut self) {
        copy(&self.store, &self.backup);
    }

    fn restore(&mut self) {
        copy(&self.backup, &self.store);
    }
}

#[cfg(feature = "fdb")]
impl Kept for crate::story::BackedUp {
    fn store(&self) -> String {
        self.database.store()
    }

    fn back_up(&mut self) {
        self.begin();
    }

    fn restore(&mut self) {
        self.bring_back();
    }
}

/// Puts one folder in the place of another.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).expect("it can be removed");
    }
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let file = entry.expect("a file").path();
        let name = file.file_name().expect("a name");
        fs::copy(&file, to.join(name)).expect("a copy");
    }
}
