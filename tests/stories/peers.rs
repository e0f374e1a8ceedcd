//! Measuring Parterre beside others: what was started for that is gone when it ends, in
//! whatever way.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use parterre_loadtest::process::{descendants, started};
use tempfile::TempDir;

use crate::story::{SOON, until};

/// Programs that are started here where they are installed, and how many processes they are.
const STARTED: [(&str, &str, usize); 4] = [
    ("parterre", env!("CARGO_BIN_EXE_parterre"), 1),
    ("nginx", "/usr/sbin/nginx", 2),
    ("varnishd", "/usr/sbin/varnishd", 1),
    ("cache-main", "/usr/sbin/varnishd", 1),
];

#[tokio::test]
async fn nobody_is_left_when_it_is_interrupted() {
    for signal in ["INT", "TERM"] {
        let Some(mut run) = Run::start().await else {
            return;
        };
        let below = run.is_measuring().await;
        run.is_told(signal);
        let status = run.ends().await;
        assert_eq!(status.code(), Some(2), "after {signal}");
        are_gone(&below).await;
        let left = std::fs::read_dir(run.folder.path()).expect("a folder");
        assert_eq!(left.count(), 0, "files are left after {signal}");
    }
}

#[tokio::test]
async fn nobody_is_left_when_it_is_killed() {
    let Some(mut run) = Run::start().await else {
        return;
    };
    let below = run.is_measuring().await;
    run.is_told("KILL");
    run.ends().await;
    are_gone(&below).await;
}

/// Screens that are told of changes, and reads that go on meanwhile.
#[test]
fn reads_are_measured_beside_screens_that_are_told() {
    let tools = ["taskset", "setpriv", "renice"];
    if !has_two_cores() || !tools.iter().all(|tool| crate::story::tool(tool).is_some()) {
        return;
    }
    let run = Command::new(env!("CARGO_BIN_EXE_parterre"))
        .args(["loadtest", "peers", "--only", "crowd", "--seconds", "2"])
        .args(["--rounds", "2", "--watchers", "20"])
        .output()
        .expect("the binary can be run");
    let text = String::from_utf8_lossy(&run.stdout);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{text}{said}");
    for row in ["p99 of reads at 60 %", "the same, but", "a fan-out beside"] {
        assert!(text.contains(&format!("| {row}")), "{row} isn't in {text}");
    }
}

fn has_two_cores() -> bool {
    let cores = std::thread::available_parallelism();
    let has = cores.is_ok_and(|cores| cores.get() > 1);
    if !has {
        println!("skipped: it takes two cores");
    }
    has
}

/// A process: its number, and when it was started, as numbers are given again.
type Id = (u32, String);

/// The tool at work.
struct Run {
    child: Child,
    folder: TempDir,
}

impl Run {
    /// Measures reads for a long time; none where that can't be done.
    async fn start() -> Option<Self> {
        if !has_two_cores() {
            return None;
        }
        for tool in ["taskset", "setpriv"] {
            crate::story::tool(tool)?;
        }
        let folder = TempDir::new().expect("a folder");
        let child = Command::new(env!("CARGO_BIN_EXE_parterre"))
            .args(["loadtest", "peers", "--only", "reads", "--seconds", "600"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary can be run");
        Some(Self { child, folder })
    }

    /// Waits until everybody is there, and says who.
    async fn is_measuring(&mut self) -> Vec<Id> {
        until("everybody is started", SOON, async || {
            let ended = self.child.try_wait().expect("a child of ours");
            assert_eq!(ended, None, "it ended by itself");
            let below = below(self.child.id());
            let mut names: BTreeMap<String, usize> = BTreeMap::new();
            for (pid, _) in &below {
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
                *names
                    .entry(name.unwrap_or_default().trim().to_owned())
                    .or_default() += 1;
            }
            let are_there = STARTED.iter().all(|(name, file, count)| {
                !Path::new(file).exists() || names.get(*name).is_some_and(|there| there >= count)
            });
            are_there.then_some(below)
        })
        .await
    }

    fn is_told(&self, signal: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(told.expect("kill can be run").success());
    }

    async fn ends(&mut self) -> std::process::ExitStatus {
        until("it ends", SOON, async || {
            self.child.try_wait().expect("a child of ours")
        })
        .await
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn are_gone(processes: &[Id]) {
    assert!(!processes.is_empty(), "nobody was started");
    let all_gone = async || {
        let mut all = processes.iter();
        all.all(|(pid, since)| started(*pid).as_ref() != Some(since))
            .then_some(())
    };
    until("everybody is gone", SOON, all_gone).await;
}

/// The processes below another.
fn below(pid: u32) -> Vec<Id> {
    let below = descendants(pid).into_iter();
    below.filter_map(|pid| Some((pid, started(pid)?))).collect()
}
