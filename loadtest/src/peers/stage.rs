//! What every measurement needs, and Parterre as it is measured.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use parterre_domain::EventId;
use tempfile::TempDir;

use super::program::{LOOK, Launch, Program, free_address, is_root};
use crate::PeersArgs;
use crate::args::read_token;
use crate::process::cpu_of_tree;
use crate::smoke::{about, upload};
use crate::wire::{Admin, Call, Client, Failure, Origin, Shop};

/// How long reservations hold: longer than anything here lasts, so that nothing expires
/// while something else is measured.
const HOLD_SECONDS: u32 = 86_400;
/// How long the edge may take to show what was published.
const SHOWN: Duration = Duration::from_secs(60);
/// A process that uses less than this of its core in [`GLANCE`] has nothing to do.
const QUIET: Duration = Duration::from_millis(10);
const GLANCE: Duration = Duration::from_millis(200);
/// How long a process gets to come to rest.
const REST: Duration = Duration::from_secs(20);

/// What every measurement needs.
pub(super) struct Stage {
    /// The binary that is measured.
    pub(super) parterre: PathBuf,
    /// How long one measurement lasts.
    pub(super) lasts: Duration,
    /// How often each is measured.
    pub(super) rounds: usize,
    /// How many watch one event.
    pub(super) watchers: usize,
    pub(super) progress: ProgressBar,
    /// The state of everybody; dropped last.
    folder: TempDir,
}

/// A running `parterre standalone`.
pub(super) struct Parterre {
    program: Program,
    pub(super) edge: SocketAddr,
    core: Origin,
    ops: Origin,
    token: String,
    events: usize,
}

impl Stage {
    pub(super) fn new(parterre: PathBuf, args: &PeersArgs) -> Result<Self, Failure> {
        let odd = |error: std::io::Error| Failure::Odd(format!("no temporary folder: {error}"));
        let folder = TempDir::with_prefix("parterre-peers-").map_err(odd)?;
        // Peers have accounts of their own, which must get in.
        open_to_all(folder.path()).map_err(odd)?;
        Ok(Self {
            parterre,
            lasts: Duration::from_secs(args.seconds.max(1)),
            rounds: args.rounds.max(1),
            watchers: args.watchers.max(1),
            progress: ProgressBar::new_spinner(),
            folder,
        })
    }

    /// A new folder for somebody's state.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let odd = |error: std::io::Error| Failure::Odd(format!("{name}: {error}"));
        let folder = TempDir::with_prefix_in(format!("{name}-"), self.folder.path());
        let folder = folder.map_err(odd)?.keep();
        open_to_all(&folder).map_err(odd)?;
        Ok(folder)
    }

    /// A new folder that belongs to an account if ours is root.
    pub(super) fn folder_of(&self, account: &str, name: &str) -> Result<PathBuf, Failure> {
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
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Says what is being done to whoever waits.
    pub(super) fn says(&self, what: impl Into<String>) {
        self.progress.set_message(what.into());
        self.progress.tick();
    }
}

/// Lets everybody look into a folder.
fn open_to_all(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

impl Parterre {
    /// Starts it over a new store, on some cores; it has as many shards as they are.
    ///
    /// # Errors
    ///
    /// When it doesn't become ready.
    pub(super) async fn start(stage: &Stage, cores: &str) -> Result<Self, Failure> {
        let folder = stage.folder("parterre")?;
        let data = folder.join("data");
        let (edge, core, ops) = (free_address()?, free_address()?, free_address()?);
        let arguments =
            format!("standalone --listen {edge} --core-listen {core} --ops-listen {ops} --data");
        let mut arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        arguments.push(data.display().to_string());
        let launch = Launch {
            name: "parterre",
            program: &stage.parterre,
            arguments,
            cores,
            account: None,
            // What it sold isn't kept.
            stop: "KILL",
            folder: &folder,
        };
        let mut program = launch.start()?;
        let ops = Origin::from(ops);
        program.until(async || is_ready(&ops).await).await?;
        Ok(Self {
            program,
            edge,
            core: core.into(),
            ops,
            token: read_token(&data.join("admin-token")).map_err(Failure::Odd)?,
            events: 0,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Puts an event on sale and waits until the edge shows it.
    ///
    /// # Errors
    ///
    /// When a call fails, or the edge doesn't show it.
    pub(super) async fn publish(&mut self, tickets: u32) -> Result<EventId, Failure> {
        self.events += 1;
        let mut admin = Admin::new(self.core.clone(), self.token.clone());
        let about = about(self.events, 0, HOLD_SECONDS)?;
        let event = admin.publish(&about, &upload(tickets)).await?.summary.id;
        let mut shop = Shop::new(self.edge.into());
        let began = Instant::now();
        while shop.availability(event).await?.is_err() {
            if began.elapsed() > SHOWN {
                let what = format!("the edge doesn't show {event}, which is published");
                return Err(Failure::Odd(what));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(event)
    }

    /// How many commands its core has taken.
    ///
    /// # Errors
    ///
    /// When it doesn't say.
    pub(super) async fn commands(&self) -> Result<f64, Failure> {
        let call = Call::get("/metrics");
        let answer = Client::new(self.ops.clone()).send(&call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let own = text
            .lines()
            .filter_map(|line| line.strip_prefix("parterre_"));
        let counted = own.filter(|line| line.starts_with("core_commands_total"));
        let values = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }
}

async fn is_ready(ops: &Origin) -> bool {
    let answer = Client::new(ops.clone()).send(&Call::get("/readyz")).await;
    answer.is_ok_and(|answer| answer.status.is_success())
}

/// Waits until a process and all that it has started have nothing to do: what they still owe
/// to others isn't counted against what comes next.
///
/// # Errors
///
/// When it has ended.
pub(super) async fn comes_to_rest(pid: u32) -> Result<(), Failure> {
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
