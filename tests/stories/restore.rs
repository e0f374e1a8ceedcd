//! The store is lost and a backup takes its place. What was sold since the backup is gone
//! with it, and nobody goes on showing it: under a new epoch every edge and every screen
//! begins anew.

use std::fs;
use std::path::Path;

use crate::story::{Buyer, Cluster, SOON, Watcher, about, hall, parterre, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_every_screen_shows_what_the_backup_holds() {
    let mut cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 60).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    buyer.reserves(id, &[1]).await;
    let screen = Watcher::of(&edge.origin(), id).await;

    cluster.core.kill();
    let (store, backup) = (cluster.store(), cluster.store().with_extension("backup"));
    copy(&store, &backup);
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
    copy(&backup, &store);
    let named = format!("embedded:{}", store.display());
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
