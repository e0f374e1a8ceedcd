//! What every measurement needs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tempfile::TempDir;

use super::program::is_root;
use crate::process::cpu_of_tree;
use crate::wire::Failure;

/// A process that uses less than this of its core in [`GLANCE`] has nothing to do.
const QUIET: Duration = Duration::from_millis(10);
const GLANCE: Duration = Duration::from_millis(200);
/// How long a process gets to come to rest.
const REST: Duration = Duration::from_secs(20);

/// What every measurement needs.
pub(crate) struct Stage {
    /// The binary that is measured.
    pub(crate) parterre: PathBuf,
    /// How long one measurement lasts.
    pub(crate) lasts: Duration,
    /// How often each is measured.
    pub(crate) rounds: usize,
    pub(crate) progress: ProgressBar,
    /// The state of everybody; dropped last.
    folder: TempDir,
}

impl Stage {
    /// A stage for a binary, by default the one that runs.
    ///
    /// # Errors
    ///
    /// When there is no room for anybody's state.
    pub(crate) fn new(
        parterre: Option<PathBuf>,
        seconds: u64,
        rounds: usize,
    ) -> Result<Self, Failure> {
        let own = || std::env::current_exe().map_err(|error| Failure::Odd(error.to_string()));
        let parterre = parterre.map_or_else(own, Ok)?;
        let odd = |error: std::io::Error| Failure::Odd(format!("no temporary folder: {error}"));
        let folder = TempDir::with_prefix("parterre-loadtest-").map_err(odd)?;
        // Peers have accounts of their own, which must get in.
        open_to_all(folder.path()).map_err(odd)?;
        Ok(Self {
            parterre,
            lasts: Duration::from_secs(seconds.max(1)),
            rounds: rounds.max(1),
            progress: ProgressBar::new_spinner(),
            folder,
        })
    }

    /// A new folder for somebody's state.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let odd = |error: std::io::Error| Failure::Odd(format!("{name}: {error}"));
        let folder = TempDir::with_prefix_in(format!("{name}-"), self.folder.path());
        let folder = folder.map_err(odd)?.keep();
        open_to_all(&folder).map_err(odd)?;
        Ok(folder)
    }

    /// A new folder that belongs to an account if ours is root.
    pub(crate) fn folder_of(&self, account: &str, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder(name)?;
        if is_root() {
            let given = Command::new("chown")
                .arg(format!("{account}:"))
                .arg(&folder)
                .status();
            if !given.is_ok_and(|status| status.success()) {
                let what = format!("{name}: no folder can be given to {account}");
                return Err(Failure::Odd(what));
            }
        }
        Ok(folder)
    }

    /// The folder that holds all of theirs.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Says what is being done to whoever waits.
    pub(crate) fn says(&self, what: impl Into<String>) {
        self.progress.set_message(what.into());
        self.progress.tick();
    }
}

/// Lets everybody look into a folder.
fn open_to_all(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

/// Waits until a process and all that it has started have nothing to do: what they still owe
/// to others isn't counted against what comes next.
///
/// # Errors
///
/// When it has ended.
pub(crate) async fn comes_to_rest(pid: u32) -> Result<(), Failure> {
    let began = Instant::now();
    while began.elapsed() < REST {
        let before = cpu_of_tree(pid)?;
        tokio::time::sleep(GLANCE).await;
        if cpu_of_tree(pid)?.saturating_sub(before) < QUIET {
            break;
        }
    }
    Ok(())
}
