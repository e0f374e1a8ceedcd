//! What this tool could do against a server that does nothing. Such servers are processes of
//! their own, as many as the crowd's sockets need: both ends of thousands of them are more
//! than one process may have.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::arrivals::Rate;
use super::crowd::{Crowd, Lines, Mouth, Part};
use super::engine::HEAD_START;
use super::outcome::whole;
use super::people::{DELTAS, LOOKS, stage};
use super::progress::Progress;
use crate::wire::Failure;

/// How long the ceiling is looked for.
const LASTS: Duration = Duration::from_secs(3);
/// How long a null server may take to begin.
const STARTS: Duration = Duration::from_secs(20);
/// Bytes of its bodies: about those of an event's availability.
const BYTES: &str = "2000";
/// Frames a second that each of its live clients is offered: more than any can take where
/// there are many.
const FRAMES: &str = "1000";

/// A null server in a process of its own; it ends when dropped, and with its parent.
struct Null {
    address: SocketAddr,
    _runs: Child,
}

/// Looks a second that a crowd makes of a server that does nothing, or deltas that it takes.
pub(super) async fn ceiling(
    part: &Part,
    processes: usize,
    progress: &Progress,
) -> Result<f64, Failure> {
    progress.says("looking for this tool's own ceiling");
    let mut nulls = Vec::new();
    for _ in 0..part.processes() {
        let null = Null::start().await;
        nulls.push(null.map_err(|error| Failure::Odd(format!("no null server: {error}")))?);
    }
    let mut part = part.clone();
    part.edges = nulls.iter().map(|null| null.address.into()).collect();
    part.lasts = LASTS;
    if let Some(browsing) = &mut part.browsing {
        browsing.rate = Rate::Flood;
    }
    let mut crowd = Crowd::gather(part.split(processes)).await?;
    let begins = Instant::now() + HEAD_START;
    let stage = stage(&part, "", begins);
    let recorded = crowd.play(begins, &stage, progress).await;
    let done = recorded.counted(match part.browsing {
        Some(_) => LOOKS,
        None => DELTAS,
    });
    Ok(whole(done) / LASTS.as_secs_f64())
}

impl Null {
    async fn start() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["loadtest", "null", "--held", "--listen", "127.0.0.1:0"])
            .args(["--bytes", BYTES, "--frames", FRAMES])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let told = child.stdout.take().ok_or("no pipe")?;
        let told = tokio::time::timeout(STARTS, Lines::new(told).next()).await;
        Ok(Self {
            address: told.map_err(|_| format!("it is silent for {STARTS:?}"))??,
            _runs: child,
        })
    }
}

/// Tells whoever started this process where its null server listens, and waits until they
/// are gone.
pub(super) async fn hold(address: SocketAddr) -> Result<(), String> {
    Mouth::new(tokio::io::stdout()).say(&address).await?;
    // Nothing is ever said, so this is the end of standard input.
    drop(Lines::new(tokio::io::stdin()).next::<()>().await);
    Ok(())
}
