//! A cluster of FoundationDB of a test's own: one server on loopback, in a folder that
//! goes when the test ends. Included by the tests of every crate that needs one.

#![allow(
    dead_code,
    reason = "each test binary uses its own part of the language"
)]

mod backup;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) use self::backup::BackedUp;

/// How long a server may take to answer on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server, killed when dropped.
pub(crate) struct FoundationDb {
    folder: tempfile::TempDir,
    address: String,
    server: Child,
}

impl FoundationDb {
    /// A new cluster; none where FoundationDB isn't installed, which is said.
    pub(crate) fn start() -> Option<Self> {
        let Some(version) = version() else {
            println!("skipped: fdbserver and fdbcli aren't installed");
            return None;
        };
        println!("on {version}");
        let folder = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a free port").to_string();
        let file = folder.path().join("fdb.cluster");
        std::fs::write(file, format!("test:test@{address}\n")).expect("a cluster file");
        let server = serve(&folder, &address);
        let cluster = Self {
            folder,
            address,
            server,
        };
        cluster.configure();
        Some(cluster)
    }

    /// The cluster file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("fdb.cluster")
    }

    /// What `--store` takes.
    pub(crate) fn store(&self) -> String {
        format!("fdb:{}", self.file().display())
    }

    /// A folder beside its own, for a backup.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.server.kill().expect("a server to kill");
        self.server.wait().expect("its end");
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.server = serve(&self.folder, &self.address);
    }

    /// Takes the processor from it.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Gives it back.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Drops everything that the cluster holds.
    pub(crate) fn clear(&self) {
        let said = self.cli(r"writemode on; clearrange '' \xff");
        assert!(said.contains("Committed"), "not cleared: {said}");
    }

    /// What fdbcli says to commands.
    pub(crate) fn cli(&self, commands: &str) -> String {
        let file = self.file();
        let mut cli = Command::new("fdbcli");
        cli.arg("-C").arg(file);
        cli.args(["--timeout", "20", "--exec", commands]);
        said(&cli.output().expect("fdbcli"))
    }

    fn configure(&self) {
        let began = Instant::now();
        loop {
            let said = self.cli("configure new single ssd");
            if said.contains("Database created") || said.contains("already exists") {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no cluster: {said}");
        }
    }

    fn signal(&self, name: &str) {
        let id = self.server.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill can be run").success());
    }
}

impl Drop for FoundationDb {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// The first line of what the server says of its version; none if it or its command line
/// isn't on the path.
fn version() -> Option<String> {
    let asked = |program| {
        let asked = Command::new(program).arg("--version").output().ok()?;
        asked.status.success().then(|| said(&asked))
    };
    asked("fdbcli")?;
    Some(asked("fdbserver")?.lines().next()?.to_owned())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn serve(folder: &tempfile::TempDir, address: &str) -> Child {
    let path = folder.path();
    let mut server = Command::new("fdbserver");
    server.args(["--public-address", address, "--listen-address", "public"]);
    server.arg("--cluster-file").arg(path.join("fdb.cluster"));
    server.arg("--datadir").arg(path.join("data"));
    server.arg("--logdir").arg(path.join("log"));
    server.args(["--memory", "2GiB", "--cache-memory", "128MiB"]);
    server.stdout(Stdio::null()).stderr(Stdio::null());
    server.spawn().expect("fdbserver")
}
