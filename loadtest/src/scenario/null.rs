//! A server that does nothing: what this tool measures against it is its own ceiling. It
//! answers every read with the same bytes, and tells live clients at a steady rate that
//! nothing has changed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parterre_domain::wire::live::{Changes, FromClient, ToClient};
use parterre_domain::{Counts, EventId, Position, Rev, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

/// Bytes of a request's head.
const HEAD_BYTES: usize = 8 << 10;
/// How long until a connection that can't be taken is tried again: files have run out.
const PAUSE: Duration = Duration::from_millis(50);

/// A null server under way; it ends when dropped.
pub(super) struct Null {
    address: SocketAddr,
    accepts: tokio::task::JoinHandle<()>,
}

/// What all its connections share.
struct Answers {
    /// A 200 with its body.
    whole: Vec<u8>,
    /// A 304.
    same: Vec<u8>,
    tickets: u32,
    /// Counts ticks.
    ticks: watch::Receiver<u64>,
}

impl Null {
    /// Begins to listen; bodies have so many bytes, and live clients hear so many frames
    /// a second.
    pub(super) async fn start(
        listen: SocketAddr,
        bytes: u32,
        frames: f64,
    ) -> std::io::Result<Self> {
        let listener = listening(listen)?;
        let address = listener.local_addr()?;
        let (ticking, ticks) = watch::channel(1);
        let answers = Arc::new(Answers {
            whole: whole(bytes),
            same: b"HTTP/1.1 304 Not Modified\r\netag: \"null\"\r\n\r\n".to_vec(),
            tickets: bytes,
            ticks,
        });
        let every = Duration::from_secs_f64(1.0 / frames.clamp(0.001, 10_000.0));
        let accepts = tokio::spawn(async move {
            let mut tick = tokio::time::interval(every);
            loop {
                tokio::select! {
                    taken = listener.accept() => match taken {
                        Ok((stream, _)) => drop(tokio::spawn(serve(stream, answers.clone()))),
                        Err(_) => tokio::time::sleep(PAUSE).await,
                    },
                    _ = tick.tick() => ticking.send_modify(|ticks| *ticks += 1),
                }
            }
        });
        Ok(Self { address, accepts })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Null {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

/// A listener that lets as many wait as an edge does: whoever is turned away comes again a
/// second later, and a storm would measure that.
fn listening(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match at {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(limits::BACKLOG.unsigned_abs())
}

/// One connection, until it ends; whoever breaks off does no harm.
async fn serve(mut stream: TcpStream, answers: Arc<Answers>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut read = Vec::with_capacity(HEAD_BYTES);
    loop {
        let end = read.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            let is_over = read.len() > HEAD_BYTES;
            match stream.read_buf(&mut read).await {
                Ok(more) if more > 0 && !is_over => continue,
                _ => return,
            }
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        if head.contains("\r\nupgrade:") {
            let key = header(&String::from_utf8_lossy(&read[..end]), "sec-websocket-key");
            return live(stream, &key, &head, &answers).await;
        }
        let is_same = head.contains("\r\nif-none-match:");
        let answer = if is_same {
            &answers.same
        } else {
            &answers.whole
        };
        if stream.write_all(answer).await.is_err() {
            return;
        }
        read.drain(..end + 4);
    }
}

/// A live connection: a snapshot on subscribing, then a delta without changes each tick.
async fn live(mut stream: TcpStream, key: &str, head: &str, answers: &Answers) {
    let accepted = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {}\r\nsec-websocket-protocol: {}\r\n\r\n",
        derive_accept_key(key.as_bytes()),
        header(head, "sec-websocket-protocol"),
    );
    if stream.write_all(accepted.as_bytes()).await.is_err() {
        return;
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut ticks = answers.ticks.clone();
    let mut subscribed = None;
    loop {
        tokio::select! {
            heard = socket.next() => {
                let Some(Ok(heard)) = heard else { return };
                let Some(event) = subscription(&heard) else { continue };
                let at = *ticks.borrow_and_update();
                subscribed = Some((event, at));
                if say(&mut socket, &snapshot(event, at, answers.tickets)).await.is_err() {
                    return;
                }
            }
            _ = ticks.changed() => {
                let Some((event, before)) = subscribed else { continue };
                let at = *ticks.borrow_and_update();
                subscribed = Some((event, at));
                if say(&mut socket, &delta(event, before, at, answers.tickets)).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn say(
    socket: &mut WebSocketStream<TcpStream>,
    message: &ToClient,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let text = serde_json::to_string(message).unwrap_or_default();
    socket.send(Message::text(text)).await
}

fn subscription(heard: &Message) -> Option<EventId> {
    let Message::Text(text) = heard else {
        return None;
    };
    match serde_json::from_str(text) {
        Ok(FromClient::Subscribe { event, .. }) => Some(event),
        _ => None,
    }
}

fn snapshot(event: EventId, at: u64, tickets: u32) -> ToClient {
    ToClient::Snapshot {
        event,
        rev: rev(at),
        counts: counts(tickets),
        states: "f".repeat(tickets as usize),
    }
}

fn delta(event: EventId, before: u64, at: u64, tickets: u32) -> ToClient {
    ToClient::Delta {
        event,
        from: rev(before),
        rev: rev(at),
        counts: counts(tickets),
        changes: Changes::default(),
    }
}

fn rev(at: u64) -> Rev {
    Rev {
        epoch: 1,
        position: Position::from_sequence(at),
    }
}

fn counts(tickets: u32) -> Counts {
    Counts {
        total: tickets,
        free: tickets,
        pending: 0,
        sold: 0,
    }
}

/// A 200 with a body of so many bytes.
fn whole(bytes: u32) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: \"null\"\r\n\
         content-length: {bytes}\r\n\r\n"
    );
    [head.as_bytes(), &b" ".repeat(bytes as usize)].concat()
}

/// A header's value in a request's head; nothing when it isn't there.
fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = lines.filter(|(header, _)| header.eq_ignore_ascii_case(name));
    named
        .next()
        .map_or_else(String::new, |(_, value)| value.trim().to_owned())
}
