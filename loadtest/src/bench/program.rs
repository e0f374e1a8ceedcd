//! A server of ours: started on some cores, ready when it says so, and gone with all that
//! it started when dropped, or when this process dies in whatever way.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::process::{descendants, started};
use crate::wire::Failure;

/// How long a server may take until it is ready.
const READY: Duration = Duration::from_secs(30);
/// How long a server may take to stop when told to.
const STOP: Duration = Duration::from_secs(10);
/// How long what it started may go on after it.
const AFTER: Duration = Duration::from_secs(1);
/// Between two looks at something that takes its time.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// How a server is started.
pub(crate) struct Launch<'a> {
    /// What it is called here.
    pub(crate) name: &'static str,
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<String>,
    /// The cores that it and its children run on.
    pub(crate) cores: &'a str,
    /// The account it runs under if ours is root.
    pub(crate) account: Option<&'static str>,
    /// The signal that ends it at once, with all that it started.
    pub(crate) stop: &'static str,
    /// Where its log goes.
    pub(crate) folder: &'a Path,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    stop: &'static str,
    log: PathBuf,
}

impl Launch<'_> {
    /// Starts it. The thread that does must live as long as the server shall.
    ///
    /// # Errors
    ///
    /// When it can't be run.
    pub(crate) fn start(self) -> Result<Program, Failure> {
        let odd = |error: std::io::Error| Failure::Odd(format!("{}: {error}", self.name));
        let log = self.folder.join(format!("{}.log", self.name));
        let file = File::create(&log).map_err(odd)?;
        let mut command = Command::new("taskset");
        command
            .args(["-c", self.cores])
            .args(under(self.account, Some(self.stop)))
            .arg(self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(odd)?)
            .stderr(file)
            // Ctrl-C is for this process, which ends the others in its own order.
            .process_group(0);
        // Settings of whoever measures are none of the server's.
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("PARTERRE_")) {
            command.env_remove(name);
        }
        Ok(Program {
            name: self.name,
            child: command.spawn().map_err(odd)?,
            stop: self.stop,
            log,
        })
    }
}

/// What runs a program under an account if ours is root, and with a signal that it gets
/// when the thread that started it is no more. The signal is forgotten by whoever changes
/// the account by itself.
pub(crate) fn under(account: Option<&str>, signal: Option<&str>) -> Vec<String> {
    let mut words = vec!["setpriv".to_owned()];
    words.extend(signal.map(|signal| format!("--pdeathsig={signal}")));
    if let (Some(account), true) = (account, is_root()) {
        words.push(format!("--reuid={account}"));
        words.push(format!("--regid={account}"));
        words.push("--init-groups".to_owned());
    }
    words
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// An address of this machine that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.map_err(|error| Failure::Odd(format!("no free port: {error}")))
}

impl Program {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something is so.
    ///
    /// # Errors
    ///
    /// When it ends before, or takes too long; with the end of its log.
    pub(crate) async fn until(
        &mut self,
        mut is_so: impl AsyncFnMut() -> bool,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        while !is_so().await {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || began.elapsed() > READY {
                let how = ended.map_or("isn't ready".to_owned(), |status| {
                    format!("ended, {status}")
                });
                let (name, log) = (self.name, self.log());
                return Err(Failure::Odd(format!("{name} {how}: {log}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until it listens.
    ///
    /// # Errors
    ///
    /// As for [`Self::until`].
    pub(crate) async fn listens(&mut self, address: SocketAddr) -> Result<(), Failure> {
        self.until(async || TcpStream::connect(address).await.is_ok())
            .await
    }

    /// The end of what it said, in one line.
    fn log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < limit {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(LOOK);
        }
        false
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let below = descendants(self.id()).into_iter();
        // A number may be given again: with the time of its start it names one process.
        let mut below: Vec<_> = below.map(|pid| (pid, started(pid))).collect();
        signal(self.stop, self.id());
        if !self.ends_within(STOP) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
        let began = Instant::now();
        loop {
            below.retain(|(pid, since)| since.is_some() && started(*pid) == *since);
            if below.is_empty() || began.elapsed() > AFTER {
                break;
            }
            std::thread::sleep(LOOK);
        }
        for (pid, _) in below {
            signal("KILL", pid);
        }
    }
}

fn signal(name: &str, pid: u32) {
    // One that has ended meanwhile can't be told, and needn't.
    let mut kill = Command::new("kill");
    kill.args(["-s", name, &pid.to_string()]);
    drop(kill.stderr(Stdio::null()).status());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_started_survives_it() {
        let folder = tempfile::tempdir().unwrap();
        // One that leaves children behind when it is told to stop.
        let script = "trap 'exit 0' TERM; sleep 300 & sleep 301 & wait";
        let launch = Launch {
            name: "shell",
            program: Path::new("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            cores: &crate::process::all_cores(),
            account: None,
            stop: "TERM",
            folder: folder.path(),
        };
        let program = launch.start().unwrap();
        let began = Instant::now();
        while descendants(program.id()).len() < 2 {
            assert!(began.elapsed() < READY, "{}", program.log());
            std::thread::sleep(LOOK);
        }
        let below = descendants(program.id());
        drop(program);
        // Killed, they are ended a moment later.
        while below.iter().any(|pid| started(*pid).is_some()) {
            assert!(began.elapsed() < READY + STOP, "{below:?}");
            std::thread::sleep(LOOK);
        }
    }

    #[tokio::test]
    async fn one_that_ends_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch {
            name: "shell",
            program: Path::new("/bin/sh"),
            arguments: vec!["-c".to_owned(), "echo no such port; exit 3".to_owned()],
            cores: &crate::process::all_cores(),
            account: None,
            stop: "TERM",
            folder: folder.path(),
        };
        let mut program = launch.start().unwrap();
        let failure = program.until(async || false).await.unwrap_err();
        let said = failure.to_string();
        assert_eq!(said, "shell ended, exit status: 3: no such port");
    }
}
