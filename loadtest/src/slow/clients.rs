//! The slow clients: heads and bodies that come byte by byte, answers and live updates
//! that nobody reads. Whoever is cut comes again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parterre_domain::EventId;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::SlowConfig;
use crate::wire::Failure;

/// What a slow client does slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Sends a head byte by byte.
    Head,
    /// Sends a body byte by byte.
    Body,
    /// Asks for a long answer and doesn't read it.
    Unread,
    /// Watches an event and reads nothing.
    Watcher,
}

const KINDS: [Kind; 4] = [Kind::Head, Kind::Body, Kind::Unread, Kind::Watcher];
/// Between two bytes.
const CRUMB: Duration = Duration::from_secs(1);
/// How long until a cut client comes again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long all clients take to come for the first time.
const ARRIVAL: Duration = Duration::from_secs(2);
/// The least that the kernel keeps for a client that doesn't read.
const RECEIVE_BYTES: u32 = 4 << 10;
/// After how long a client that reads nothing gives up: it can't see that it was cut.
const TIRED: Duration = Duration::from_secs(45);

/// What became of the slow clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Connections that they made.
    pub connected: u64,
    /// Connections that the server ended.
    pub cut: u64,
    /// Connections that weren't made.
    pub refused: u64,
}

impl Tally {
    pub(super) fn add(&mut self, more: Self) {
        self.connected += more.connected;
        self.cut += more.cut;
        self.refused += more.refused;
    }
}

/// All slow clients.
pub(super) struct Crowd {
    tasks: JoinSet<()>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connected: AtomicU64,
    cut: AtomicU64,
    refused: AtomicU64,
    is_over: AtomicBool,
}

impl Crowd {
    /// Lets all of them come.
    pub(super) async fn gather(config: &SlowConfig, event: EventId) -> Result<Self, Failure> {
        let authority = config.edge.authority();
        let resolved = tokio::net::lookup_host(authority).await;
        let edge = resolved.ok().and_then(|mut addresses| addresses.next());
        let edge = edge.ok_or_else(|| Failure::Odd(format!("{authority} is no address")))?;
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        let count = u32::try_from(config.clients.max(1)).unwrap_or(u32::MAX);
        for (number, kind) in (0..count).zip(KINDS.into_iter().cycle()) {
            let counts = Arc::clone(&counts);
            let first = ARRIVAL * number / count;
            tasks.spawn(async move {
                sleep(first).await;
                while !counts.is_over.load(Relaxed) {
                    be_slow(kind, edge, event, &counts).await;
                    sleep(AGAIN).await;
                }
            });
        }
        Ok(Self { tasks, counts })
    }

    /// Sends all of them away.
    pub(super) async fn disperse(mut self) -> Tally {
        self.counts.is_over.store(true, Relaxed);
        self.tasks.shutdown().await;
        Tally {
            connected: self.counts.connected.load(Relaxed),
            cut: self.counts.cut.load(Relaxed),
            refused: self.counts.refused.load(Relaxed),
        }
    }
}

/// One connection, until the server ends it.
async fn be_slow(kind: Kind, edge: SocketAddr, event: EventId, counts: &Counts) {
    let Ok(mut stream) = connect(kind, edge).await else {
        counts.refused.fetch_add(1, Relaxed);
        return;
    };
    counts.connected.fetch_add(1, Relaxed);
    let began = Instant::now();
    if stream.write_all(&beginning(kind, event)).await.is_err() {
        counts.cut.fetch_add(1, Relaxed);
        return;
    }
    if kind == Kind::Watcher {
        sleep(CRUMB).await;
        drop(stream.write_all(&subscribe(event)).await);
    }
    while !is_cut(kind, &stream) {
        sleep(CRUMB).await;
        let is_fed = match kind {
            Kind::Head | Kind::Body => stream.write_all(b"x").await.is_ok(),
            Kind::Unread | Kind::Watcher => began.elapsed() < TIRED,
        };
        if !is_fed {
            break;
        }
    }
    if began.elapsed() < TIRED {
        counts.cut.fetch_add(1, Relaxed);
    }
}

async fn connect(kind: Kind, edge: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = match edge {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if matches!(kind, Kind::Unread | Kind::Watcher) {
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    }
    socket.connect(edge).await
}

fn is_cut(kind: Kind, stream: &TcpStream) -> bool {
    match kind {
        // Nothing is to be read but a refusal, or the end.
        Kind::Head | Kind::Body => stream.try_read(&mut [0; 512]).is_ok(),
        Kind::Unread | Kind::Watcher => !matches!(stream.take_error(), Ok(None)),
    }
}

fn beginning(kind: Kind, event: EventId) -> Vec<u8> {
    match kind {
        Kind::Head => "GET /v1/events HTTP/1.1\r\nHost: slow\r\nX-Slow: ".to_owned(),
        Kind::Body => "POST /v1/payments/sandbox/webhook HTTP/1.1\r\nHost: slow\r\n\
                       Content-Length: 60000\r\n\r\n"
            .to_owned(),
        Kind::Unread => format!("GET /v1/events/{event}/layout HTTP/1.1\r\nHost: slow\r\n\r\n"),
        Kind::Watcher => "GET /v1/live HTTP/1.1\r\nHost: slow\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: c2xvd2NsaWVudHNsb3dseQ==\r\n\r\n"
            .to_owned(),
    }
    .into_bytes()
}

/// A text frame under a mask of zeros.
fn subscribe(event: EventId) -> Vec<u8> {
    let text = format!(r#"{{"op":"subscribe","event":"{event}"}}"#);
    // Short enough for a length of one byte.
    let length = u8::try_from(text.len()).unwrap_or(0);
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}
