//! FoundationDB's own backup of a cluster, in a folder.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{FoundationDb, said};

/// A cluster, and the agent that copies what it holds.
pub(crate) struct BackedUp {
    pub(crate) database: FoundationDb,
    agent: Child,
    backups: PathBuf,
}

impl BackedUp {
    /// None where the programs for it aren't installed, which is said.
    pub(crate) fn of(database: FoundationDb) -> Option<Self> {
        let there = ["fdbbackup", "fdbrestore", "backup_agent"]
            .iter()
            .all(|program| {
                let asked = Command::new(program).arg("--version").output();
                asked.is_ok_and(|asked| asked.status.success())
            });
        if !there {
            println!("skipped: fdbbackup, fdbrestore and backup_agent aren't installed");
            return None;
        }
        let mut agent = Command::new("backup_agent");
        agent.arg("-C").arg(database.file());
        agent.arg("--logdir").arg(database.folder());
        agent.stdout(Stdio::null()).stderr(Stdio::null());
        let agent = agent.spawn().expect("backup_agent");
        let backups = database.folder().join("backups");
        std::fs::create_dir(&backups).expect("a folder");
        Some(Self {
            database,
            agent,
            backups,
        })
    }

    /// Makes a backup and waits for its end.
    pub(crate) fn begin(&self) {
        let url = format!("file://{}", self.backups.display());
        let file = self.database.file();
        let mut backup = Command::new("fdbbackup");
        backup.args(["start", "-w", "-d", &url, "-C"]).arg(file);
        succeed(&mut backup);
    }

    /// Empties the cluster and brings the backup back.
    pub(crate) fn bring_back(&self) {
        self.database.clear();
        let mut backups = std::fs::read_dir(&self.backups).expect("a folder");
        let backup = backups.next().expect("a backup").expect("a backup").path();
        let url = format!("file://{}", backup.display());
        let file = self.database.file();
        let mut restore = Command::new("fdbrestore");
        restore.args(["start", "-w", "-r", &url, "--dest-cluster-file"]);
        succeed(restore.arg(file));
    }
}

impl Drop for BackedUp {
    fn drop(&mut self) {
        drop(self.agent.kill());
        drop(self.agent.wait());
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("it can be run");
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}{wrong}",
        said(&output)
    );
}
