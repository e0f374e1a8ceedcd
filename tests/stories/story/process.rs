//! A process of the real binary.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use parterre_loadtest::wire::{Call, Client, Origin};

use super::{SOON, until};

/// A running server; killed when dropped.
pub(crate) struct Process {
    child: Child,
    ops: Origin,
    ops_address: SocketAddr,
    log: PathBuf,
}

/// Runs the binary to its end.
pub(crate) fn parterre(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary can be run")
}

/// Runs the binary to its end with some settings in its environment.
pub(crate) fn parterre_with(settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    command.envs(settings.iter().copied());
    command.output().expect("the binary can be run")
}

/// An address of this machine that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

impl Process {
    /// Starts a server that says on `ops` how it is, with its log in a file; `Err` when
    /// it ended at once.
    pub(crate) fn start(
        arguments: &[&str],
        ops: SocketAddr,
        log: &Path,
    ) -> Result<Self, ExitStatus> {
        Self::start_in(&[], arguments, ops, log)
    }

    /// The same with variables of its environment.
    pub(crate) fn start_in(
        environment: &[(String, String)],
        arguments: &[&str],
        ops: SocketAddr,
        log: &Path,
    ) -> Result<Self, ExitStatus> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.expect("a log that can be written");
        let mut child = command(arguments)
            .envs(environment.iter().cloned())
            .stdout(file.try_clone().expect("a second handle of the log"))
            .stderr(file)
            .stdin(Stdio::null())
            .spawn()
            .expect("the binary can be run");
        // A port that is taken shows at once.
        std::thread::sleep(Duration::from_millis(50));
        match child.try_wait().expect("a child of ours") {
            Some(status) => Err(status),
            None => Ok(Self {
                child,
                ops: ops.into(),
                ops_address: ops,
                log: log.to_owned(),
            }),
        }
    }

    /// Waits until it is ready to serve.
    pub(crate) async fn ready(&mut self) {
        let began = Instant::now();
        while !self.is_ready().await {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                panic!("it ended with {status}:\n{}", self.log());
            }
            assert!(began.elapsed() < SOON, "not ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether it says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let mut client = Client::new(self.ops.clone());
        let answer = client.send(&Call::get("/readyz")).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    /// Where operators ask.
    pub(crate) fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// What it tells Prometheus.
    pub(crate) async fn metrics_text(&self) -> String {
        let call = Call::get("/metrics");
        let answer = Client::new(self.ops.clone()).send(&call).await;
        String::from_utf8_lossy(&answer.expect("metrics").body).into_owned()
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without warning, as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks it to stop as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Tells it that its terminal is gone, which servers under TLS take as a hint.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Takes the processor from it.
    #[cfg(feature = "fdb")]
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Gives it back.
    #[cfg(feature = "fdb")]
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill can be run").success());
    }

    /// How it ended, and how long that took.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = until("the process ends", SOON, async || {
            self.child.try_wait().expect("a child of ours")
        });
        let status = status.await;
        (status, began.elapsed())
    }

    /// Everything that it said.
    pub(crate) fn whole_log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of what it said.
    pub(crate) fn log(&self) -> String {
        let text = self.whole_log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            println!("--- {}\n{}", self.log.display(), self.log());
        }
    }
}

/// The binary, deaf to the settings of whoever runs the tests.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parterre"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PARTERRE_") {
            command.env_remove(name);
        }
    }
    command
}
