//! A crowd in one or several processes, as its parent sees it: a process may have only so
//! many sockets. A crowd of one process lives in this one, and speaks the same lines over
//! a pipe in memory.

mod lines;
mod part;
mod worker;

use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

pub(crate) use lines::{FromWorker, Known, Lines, Mouth, ToWorker};
pub(crate) use part::{Browsing, Change, Part, Rush, Watching};
pub(crate) use worker::serve;

use super::progress::Progress;
use super::recorder::Recorded;
use crate::clock;
use crate::smoke::{Entry, Stage};
use crate::wire::Failure;

/// How long a process may be silent until everybody of it is there.
const GATHERED: Duration = Duration::from_secs(150);
/// How long it may be silent later: it says how far it is several times a second.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes under way between a parent and a crowd in the same process.
const PIPE_BYTES: usize = 64 << 10;

/// All processes of a crowd.
pub(crate) struct Crowd {
    workers: Vec<Worker>,
}

/// One process of it.
pub(crate) struct Worker {
    number: usize,
    lines: Lines,
    mouth: Mouth,
    /// What runs it, and ends it when dropped.
    _runs: Runs,
}

/// Ends a worker when the parent is through with it.
#[expect(dead_code, reason = "held to be dropped")]
pub(crate) enum Runs {
    Apart(Child),
    Here(Aborted),
}

pub(crate) struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Crowd {
    /// Starts all processes and waits until everybody is there.
    pub(crate) async fn gather(parts: Vec<Part>) -> Result<Self, Failure> {
        let alone = parts.len() == 1;
        let mut workers = Vec::with_capacity(parts.len());
        for number in 0..parts.len() {
            workers.push(if alone {
                Worker::here()
            } else {
                Worker::apart(number)?
            });
        }
        Self::of(workers, parts).await
    }

    /// Gives every worker its part and waits until it is ready.
    pub(crate) async fn of(mut workers: Vec<Worker>, parts: Vec<Part>) -> Result<Self, Failure> {
        let ready = workers.iter_mut().zip(parts).map(|(worker, part)| async {
            let number = worker.number;
            let ready = worker.prepare(part).await;
            ready.map_err(|error| Failure::Odd(format!("process {number} of the crowd: {error}")))
        });
        for ready in join_all(ready).await {
            ready?;
        }
        Ok(Self { workers })
    }

    /// Lets everybody begin at one instant, and waits until all parts are over. What
    /// buyers were told goes into the stage's ledger.
    pub(crate) async fn play(
        &mut self,
        at: Instant,
        stage: &Stage,
        progress: &Progress,
    ) -> Recorded {
        let begins = clock::shared(at);
        let workers = self.workers.iter_mut();
        let played = workers.map(|worker| async {
            let told = |entries| stage.ledger.extend(entries);
            let said = worker.mouth.say(&ToWorker::Begin(begins)).await;
            said?;
            worker.play(told, progress).await
        });
        let played = join_all(played).await;
        self.merge(played)
    }

    /// Holds everybody's picture against what is known at the end.
    pub(crate) async fn compare(&mut self, known: &Known) -> Recorded {
        let compared = self.workers.iter_mut().map(|worker| async {
            let compare = ToWorker::Compare(known.clone());
            worker.mouth.say(&compare).await?;
            worker.compared().await
        });
        let compared = join_all(compared).await;
        self.merge(compared)
    }

    /// What all recorded. A process that was lost is a disagreement, and the others go on.
    fn merge(&mut self, results: Vec<Result<Recorded, String>>) -> Recorded {
        let mut merged = Recorded::default();
        let workers = std::mem::take(&mut self.workers);
        for (worker, result) in workers.into_iter().zip(results) {
            match result {
                Ok(recorded) => {
                    merged.merge(recorded);
                    self.workers.push(worker);
                }
                Err(error) => {
                    let number = worker.number;
                    merged.disagrees(format!("process {number} of the crowd is lost: {error}"));
                }
            }
        }
        merged
    }
}

impl Worker {
    /// A worker in this process.
    fn here() -> Self {
        let (mine, its) = tokio::io::duplex(PIPE_BYTES);
        let (from, to) = tokio::io::split(its);
        let runs = tokio::spawn(async move {
            // What is wrong it has said, or the parent is gone.
            drop(serve(Lines::new(from), Mouth::new(to)).await);
        });
        let (from, to) = tokio::io::split(mine);
        Self::new(0, from, to, Runs::Here(Aborted(runs)))
    }

    /// A worker in a process of its own: the same program.
    fn apart(number: usize) -> Result<Self, Failure> {
        let odd =
            |error: std::io::Error| Failure::Odd(format!("no process for the crowd: {error}"));
        let program = std::env::current_exe().map_err(odd)?;
        let mut command = Command::new(program);
        command.args(["loadtest", "worker"]);
        Self::run(number, command).map_err(odd)
    }

    /// A worker that a command runs.
    pub(crate) fn run(number: usize, mut command: Command) -> std::io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let piped = child.stdout.take().zip(child.stdin.take());
        let (from, to) = piped.ok_or_else(|| std::io::Error::other("no pipes"))?;
        Ok(Self::new(number, from, to, Runs::Apart(child)))
    }

    fn new(
        number: usize,
        from: impl tokio::io::AsyncRead + Send + Unpin + 'static,
        to: impl tokio::io::AsyncWrite + Send + Unpin + 'static,
        runs: Runs,
    ) -> Self {
        Self {
            number,
            lines: Lines::new(from),
            mouth: Mouth::new(to),
            _runs: runs,
        }
    }

    /// What it says next.
    async fn hear(&mut self, within: Duration) -> Result<FromWorker, String> {
        let heard = tokio::time::timeout(within, self.lines.next()).await;
        heard.unwrap_or_else(|_| Err(format!("it is silent for {within:?}")))
    }

    async fn prepare(&mut self, part: Part) -> Result<(), String> {
        self.mouth.say(&ToWorker::Part(Box::new(part))).await?;
        match self.hear(GATHERED).await? {
            FromWorker::Ready => Ok(()),
            FromWorker::Failed(error) => Err(error),
            other => Err(format!("{other:?} before it was ready")),
        }
    }

    async fn play(
        &mut self,
        told: impl Fn(Vec<Entry>) -> bool,
        progress: &Progress,
    ) -> Result<Recorded, String> {
        let (mut fits, mut all) = (true, Recorded::default());
        loop {
            match self.hear(SILENCE).await? {
                FromWorker::Progress(done, wrong) => progress.of(self.number, done, wrong),
                FromWorker::Entries(entries) => fits &= told(entries),
                FromWorker::Recorded(piece) => all.merge(*piece),
                FromWorker::Done if !fits => return Err("the ledger is full".to_owned()),
                FromWorker::Done => return Ok(all),
                FromWorker::Failed(error) => return Err(error),
                other => return Err(format!("{other:?} while it plays")),
            }
        }
    }

    async fn compared(&mut self) -> Result<Recorded, String> {
        let mut all = Recorded::default();
        loop {
            match self.hear(SILENCE).await? {
                FromWorker::Recorded(piece) => all.merge(*piece),
                FromWorker::Compared => return Ok(all),
                other => return Err(format!("{other:?} instead of a comparison")),
            }
        }
    }
}

#[cfg(test)]
mod tests;
