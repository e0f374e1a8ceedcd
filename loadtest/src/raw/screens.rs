//! Thousands of WebSockets that only read.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::head;
use super::frames::{Frame, Frames, Kind};
use super::request::get;
use crate::wire::{Broken, Failure};

/// How long a connection and its handshake may take.
const CONNECT: Duration = Duration::from_secs(20);
/// Handshakes under way at a time: enough to keep a server busy, too few to fill its queue.
const AT_ONCE: usize = 64;
/// Bytes that are read at once, into one place for all sockets of a thread.
const SCRATCH_BYTES: usize = 64 << 10;
/// The key and its answer of RFC 6455, section 1.3: nobody here needs another.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// What a server answers that lets a screen in.
pub fn upgrade() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
}

/// Where screens come in, and what they say there.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The path of the WebSocket.
    pub path: String,
    /// The subprotocol, where there is one.
    pub subprotocol: Option<&'static str>,
    /// What each screen says when it is in, as text of at most 125 bytes.
    pub says: Option<String>,
    /// The address that screens come from: one has some 28,000 ports, fewer for a minute
    /// after others have used them. Any when absent.
    pub source: Option<IpAddr>,
}

/// What is done with each message that arrives: what it is, and when it was there.
pub type Seen = dyn Fn(Frame<'_>, Instant) + Send + Sync;

/// Screens that are in; gone when dropped.
#[derive(Debug)]
pub struct Screens {
    tasks: JoinSet<Failure>,
}

/// One that is in, and what came behind the answer that let it in.
struct Screen {
    stream: TcpStream,
    frames: Frames,
    early: Vec<u8>,
}

impl Screens {
    /// Lets so many screens in. Each is read from the moment it is in.
    ///
    /// # Errors
    ///
    /// When one of them doesn't get in.
    pub async fn open(door: &Door, count: usize, seen: &Arc<Seen>) -> Result<Self, Failure> {
        let door = Arc::new(door.clone());
        let (mut tasks, mut handshakes) = (JoinSet::new(), JoinSet::new());
        for number in 0..count + AT_ONCE {
            if number < count {
                handshakes.spawn(enter(Arc::clone(&door)));
            }
            if number >= AT_ONCE
                && let Some(entered) = handshakes.join_next().await
            {
                let screen = entered??;
                tasks.spawn(screen.watch(Arc::clone(seen)));
            }
        }
        Ok(Self { tasks })
    }

    /// How many are in.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Why the first of them is out, if any is: none should be.
    pub fn failure(&mut self) -> Option<Failure> {
        let ended = self.tasks.try_join_next()?;
        Some(ended.unwrap_or_else(Failure::from))
    }
}

async fn enter(door: Arc<Door>) -> Result<Screen, Failure> {
    match timeout(CONNECT, handshake(&door)).await {
        Ok(entered) => entered,
        Err(_) => Err(Broken::NotSent(format!("no upgrade in {CONNECT:?}")).into()),
    }
}

async fn handshake(door: &Door) -> Result<Screen, Failure> {
    let broken = |error: std::io::Error| Broken::NotSent(error.to_string());
    let mut stream = connect(door).await.map_err(broken)?;
    let authority = door.address.to_string();
    let mut headers = vec![
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];
    headers.extend(
        door.subprotocol
            .map(|name| ("Sec-WebSocket-Protocol", name)),
    );
    let request = get(&authority, &door.path, &headers);
    stream.write_all(&request).await.map_err(broken)?;
    let early = upgraded(&mut stream).await?;
    if let Some(text) = &door.says {
        let said = masked(0x81, text.as_bytes())?;
        stream.write_all(&said).await.map_err(broken)?;
    }
    Ok(Screen {
        stream,
        frames: Frames::default(),
        early,
    })
}

async fn connect(door: &Door) -> std::io::Result<TcpStream> {
    let socket = match door.address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(source) = door.source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(door.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads the answer to the handshake, and gives what came behind it.
async fn upgraded(stream: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let odd = |what: &dyn std::fmt::Display| Failure::Odd(format!("no upgrade: {what}"));
    let mut text = Vec::with_capacity(512);
    loop {
        let read = stream.read_buf(&mut text).await;
        if read.map_err(|error| odd(&error))? == 0 {
            return Err(odd(&"the connection ended"));
        }
        let Some(head) = head(&text).map_err(|error| odd(&error))? else {
            continue;
        };
        let early = text.split_off(head.head);
        let says_so = String::from_utf8_lossy(&text).contains(ACCEPT);
        return match head.status {
            101 if says_so => Ok(early),
            status => Err(odd(&status)),
        };
    }
}

/// A frame under a mask of zeros: a mask hides nothing from a server on this machine.
fn masked(opening: u8, payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let length = u8::try_from(payload.len()).ok();
    let length = length.filter(|length| *length < 126);
    let length = length.ok_or_else(|| Failure::Odd("more than 125 bytes to say".to_owned()))?;
    Ok([&[opening, 0x80 | length, 0, 0, 0, 0], payload].concat())
}

impl Screen {
    /// Reads until the server ends it, and says why.
    async fn watch(mut self, seen: Arc<Seen>) -> Failure {
        let early = std::mem::take(&mut self.early);
        if let Err(failure) = self.hear(&early, &*seen) {
            return failure;
        }
        loop {
            if let Err(error) = self.stream.readable().await {
                return Broken::Lost(error.to_string()).into();
            }
            if let Err(failure) = self.drain(&*seen) {
                return failure;
            }
        }
    }

    /// Takes what is there.
    fn drain(&mut self, seen: &Seen) -> Result<(), Failure> {
        SCRATCH.with_borrow_mut(|scratch| match self.stream.try_read(scratch) {
            Ok(0) => Err(Broken::Lost("the connection ended".to_owned()).into()),
            Ok(read) => self.hear(&scratch[..read], seen),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Broken::Lost(error.to_string()).into()),
        })
    }

    fn hear(&mut self, bytes: &[u8], seen: &Seen) -> Result<(), Failure> {
        let (now, stream, mut ended) = (Instant::now(), &self.stream, Ok(()));
        let took = self.frames.take(bytes, |frame| match frame.kind {
            Kind::Text | Kind::Binary => seen(frame, now),
            Kind::Ping if ended.is_ok() => ended = pong(stream, frame.payload),
            Kind::Close if ended.is_ok() => ended = Err(closed(frame.payload)),
            Kind::Ping | Kind::Pong | Kind::Close => {}
        });
        took.map_err(|bad| Failure::Odd(bad.to_string()))?;
        ended
    }
}

fn pong(stream: &TcpStream, payload: &[u8]) -> Result<(), Failure> {
    let frame = masked(0x8a, payload)?;
    // A screen says so little that its socket has room; one that hasn't is broken.
    match stream.try_write(&frame) {
        Ok(written) if written == frame.len() => Ok(()),
        _ => Err(Broken::Lost("no room for a pong".to_owned()).into()),
    }
}

fn closed(payload: &[u8]) -> Failure {
    let (code, reason) = match payload {
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        _ => (1005, payload),
    };
    let reason = reason.escape_ascii();
    Failure::Odd(format!("a screen was closed with {code} {reason}"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Mutex;

    use tokio::net::TcpListener;

    use super::super::frames::framed;
    use super::*;

    /// A server that lets one screen in, hears its first frame and then says these pieces;
    /// whatever it hears afterwards is returned.
    async fn serves(listener: TcpListener, accept: &str, pieces: Vec<Vec<u8>>) -> Vec<u8> {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            heard.push(stream.read_u8().await.unwrap());
        }
        let answer =
            format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
        let mut said = answer.into_bytes();
        for piece in pieces {
            said.extend(piece);
            if stream.write_all(&said).await.is_err() {
                break;
            }
            said.clear();
            tokio::task::yield_now().await;
        }
        let mut heard = Vec::new();
        drop(stream.read_to_end(&mut heard).await);
        heard
    }

    /// What a screen shows of these pieces, why it ended, and what the server heard.
    async fn shown(accept: &'static str, pieces: Vec<Vec<u8>>) -> (Vec<String>, String, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Door {
            address: listener.local_addr().unwrap(),
            path: "/live".to_owned(),
            subprotocol: Some("parterre.v1.json"),
            says: Some("hello".to_owned()),
            source: Some(Ipv4Addr::new(127, 0, 0, 9).into()),
        };
        let server = tokio::spawn(serves(listener, accept, pieces));
        let texts = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&texts);
        let seen: Arc<Seen> = Arc::new(move |frame: Frame<'_>, _| {
            let text = String::from_utf8(frame.payload.to_vec()).unwrap();
            noted.lock().unwrap().push(text);
        });
        let why = match Screens::open(&door, 1, &seen).await {
            Err(failure) => failure.to_string(),
            Ok(mut screens) => {
                assert_eq!(screens.count(), 1);
                loop {
                    if let Some(failure) = screens.failure() {
                        break failure.to_string();
                    }
                    tokio::task::yield_now().await;
                }
            }
        };
        let heard = server.await.unwrap();
        let texts = texts.lock().unwrap().clone();
        (texts, why, heard)
    }

    #[tokio::test]
    async fn a_screen_shows_the_same_wherever_the_stream_is_cut() {
        let stream = [
            framed(0x81, b"one"),
            framed(0x89, b"?"),
            framed(0x81, b"two"),
            framed(0x88, &[3, 244]),
        ]
        .concat();
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            let (texts, why, heard) = shown(ACCEPT, vec![first.to_vec(), second.to_vec()]).await;
            assert_eq!(texts, ["one", "two"], "{cut}");
            assert_eq!(why, "a screen was closed with 1012 ", "{cut}");
            let said = [masked(0x81, b"hello").unwrap(), masked(0x8a, b"?").unwrap()];
            assert_eq!(heard, said.concat(), "{cut}");
        }
    }

    #[tokio::test]
    async fn whoever_does_not_upgrade_is_not_believed() {
        let (texts, why, _) = shown("another", vec![framed(0x81, b"one")]).await;
        assert!(texts.is_empty(), "{texts:?}");
        assert_eq!(why, "no upgrade: 101");
    }
}
