//! A client that can say anything, and the steps that a case is made of.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use parterre_edge::config::{Config, Reach};
use parterre_edge::context::Edge;
use parterre_edge::shard;
use parterre_gate::listen::bind_sharded;
use serde_json::Value;
use tokio::sync::watch;

/// How long the edge may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
const MASK: [u8; 4] = [0x5a, 0x00, 0xff, 0x13];

/// One case: what the client does, and what it must see.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// One step of a case.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Offers `parterre.v1.msgpack`; else JSON is spoken. Only at the beginning.
    Msgpack,
    /// Sends bytes at once.
    Send(Vec<u8>),
    /// Sends bytes one after another, each in a segment of its own.
    Drip(Vec<u8>),
    /// Sends bytes in pieces of a size.
    Chop(Vec<u8>, usize),
    /// A message of the edge that says `malformed` and quotes a text.
    Quoted(String),
    /// A pong.
    Pong(Vec<u8>),
    /// Pongs, some of which may be left out, but not the last (RFC 6455, section 5.5.3).
    Pongs(Vec<Vec<u8>>),
    /// The edge fails the connection: closes it with this code. Answers to what came
    /// before may come first.
    Fails(u16),
    /// The edge answers a close with this code, and ends.
    Ends(u16),
    /// The edge has said nothing wrong so far and closes when asked to, with this code.
    Closes(u16),
}

impl Case {
    pub(crate) fn new(name: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            name: name.to_owned(),
            steps: steps.into_iter().collect(),
        }
    }
}

/// A masked frame with a first byte of any kind.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let length = payload.len();
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        bytes.push(0x80 | short);
    } else if let Ok(middle) = u16::try_from(length) {
        bytes.push(0x80 | 126);
        bytes.extend(middle.to_be_bytes());
    } else {
        bytes.push(0x80 | 127);
        bytes.extend((length as u64).to_be_bytes());
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

/// A whole text message.
pub(crate) fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0x81, payload.as_ref())
}

/// A message that the edge's answer will quote: one with an op that there isn't.
pub(crate) fn naming(op: &str) -> String {
    format!("{{\"op\":\"{op}\"}}")
}

/// A close frame.
pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(0x88, &[code.to_be_bytes().as_slice(), reason].concat())
}

/// Runs a case on a connection of its own.
pub(crate) fn run(case: &Case) -> Result<(), String> {
    let msgpack = matches!(case.steps.first(), Some(Step::Msgpack));
    let mut client = Client::connect(msgpack);
    for (at, step) in case.steps.iter().enumerate() {
        client.step(step).map_err(|wrong| {
            let step = format!("{step:?}");
            let step: String = step.chars().take(160).collect();
            format!("case {}, step {}: {step}: {wrong}", case.name, at + 1)
        })?;
    }
    Ok(())
}

struct Client {
    stream: TcpStream,
    msgpack: bool,
    unread: Vec<u8>,
}

/// A frame of the edge.
#[derive(Debug)]
struct Frame {
    opcode: u8,
    payload: Vec<u8>,
}

impl Client {
    fn connect(msgpack: bool) -> Self {
        let mut stream = TcpStream::connect(edge()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let offer = match msgpack {
            true => "Sec-WebSocket-Protocol: parterre.v1.msgpack\r\n",
            false => "",
        };
        let head = format!(
            "GET /v1/live HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{:?}",
            String::from_utf8(head)
        );
        Self {
            stream,
            msgpack,
            unread: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Msgpack => Ok(()),
            Step::Send(bytes) => self.send(bytes),
            Step::Drip(bytes) => bytes.iter().try_for_each(|byte| self.send(&[*byte])),
            Step::Chop(bytes, size) => bytes.chunks(*size).try_for_each(|piece| self.send(piece)),
            Step::Quoted(text) => self.hears_quoted(text),
            Step::Pong(payload) => match self.next_but(is_news)? {
                Some(Frame {
                    opcode: 10,
                    payload: got,
                }) if got == *payload => Ok(()),
                other => Err(format!("{other:?}")),
            },
            Step::Pongs(payloads) => self.hears_pongs(payloads),
            Step::Fails(code) => self.hears_end(*code),
            Step::Ends(code) => self.hears_close(*code),
            Step::Closes(code) => {
                self.send(&close(*code, b"bye"))?;
                self.hears_close(*code)
            }
        }
    }

    /// Writing to an edge that has given up already is no fault: what follows shows.
    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        match self.stream.write_all(bytes) {
            Err(error) if !is_end(error.kind()) => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    fn hears_quoted(&mut self, text: &str) -> Result<(), String> {
        let frame = self.next_but(is_news)?.ok_or("the connection has ended")?;
        let said = message(&frame);
        let detail = said["detail"].as_str().unwrap_or_default();
        let right = said["op"] == "error" && said["code"] == "malformed" && detail.contains(text);
        let opcode = if self.msgpack { 2 } else { 1 };
        (right && frame.opcode == opcode)
            .then_some(())
            .ok_or_else(|| format!("opcode {}: {said}", frame.opcode))
    }

    fn hears_pongs(&mut self, payloads: &[Vec<u8>]) -> Result<(), String> {
        let mut left = payloads;
        while !left.is_empty() {
            let frame = self.next_but(is_news)?.ok_or("the connection has ended")?;
            let at = left.iter().position(|payload| *payload == frame.payload);
            match at {
                Some(at) if frame.opcode == 10 => left = &left[at + 1..],
                _ => return Err(format!("{frame:?}, of {left:?}")),
            }
        }
        Ok(())
    }

    fn hears_close(&mut self, code: u16) -> Result<(), String> {
        match self.next_but(is_news)? {
            Some(Frame { opcode: 8, payload }) if payload.starts_with(&code.to_be_bytes()) => {
                std::str::from_utf8(&payload[2..]).map_err(|error| error.to_string())?;
            }
            other => return Err(format!("no close with {code} but {other:?}")),
        }
        match self.next()? {
            None => Ok(()),
            Some(more) => Err(format!("behind its close it says {more:?}")),
        }
    }

    /// A close with this code, whatever comes before it.
    fn hears_end(&mut self, code: u16) -> Result<(), String> {
        while let Some(frame) = self.next()? {
            if frame.opcode != 8 {
                continue;
            }
            let right = frame.payload.starts_with(&code.to_be_bytes());
            return right.then_some(()).ok_or_else(|| format!("{frame:?}"));
        }
        Err("it ends without a close".into())
    }

    /// The next frame for which this isn't true.
    fn next_but(&mut self, ignored: fn(&Frame) -> bool) -> Result<Option<Frame>, String> {
        loop {
            match self.next()? {
                Some(frame) if ignored(&frame) => {}
                other => return Ok(other),
            }
        }
    }

    /// The next frame; none at the connection's end.
    fn next(&mut self) -> Result<Option<Frame>, String> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Some(frame));
            }
            let mut more = [0; 4_096];
            match self.stream.read(&mut more) {
                Ok(0) => return Ok(None),
                Ok(count) => self.unread.extend_from_slice(&more[..count]),
                Err(error) if is_end(error.kind()) => return Ok(None),
                Err(error) => return Err(format!("it says nothing: {error}")),
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<Frame>, String> {
        let [first, second, rest @ ..] = self.unread.as_slice() else {
            return Ok(None);
        };
        if first & 0xf0 != 0x80 || second & 0x80 != 0 {
            return Err(format!(
                "a frame that a server must not send: {first:x} {second:x}"
            ));
        }
        let (length, header) = match (second, rest) {
            (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
            (126 | 127, _) => return Ok(None),
            (short, _) => (usize::from(*short), 2),
        };
        if self.unread.len() < header + length {
            return Ok(None);
        }
        let opcode = first & 0x0f;
        let payload = self.unread[header..header + length].to_vec();
        self.unread.drain(..header + length);
        Ok(Some(Frame { opcode, payload }))
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

/// Whether a frame is about how late the edge is, which may come at any time.
fn is_news(frame: &Frame) -> bool {
    let op = &message(frame)["op"];
    op == "stale" || op == "fresh" || op == "heartbeat"
}

fn message(frame: &Frame) -> Value {
    match frame.opcode {
        1 => serde_json::from_slice(&frame.payload).unwrap_or_default(),
        2 => rmp_serde::from_slice(&frame.payload).unwrap_or_default(),
        _ => Value::Null,
    }
}

/// One edge for all cases, without a core: it knows no event, and needn't.
fn edge() -> SocketAddr {
    static EDGE: OnceLock<SocketAddr> = OnceLock::new();
    *EDGE.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let config = Config {
                // Port 1 is reserved and nobody listens there.
                cores: Reach::Network(vec!["http://127.0.0.1:1".into()]),
                listen: any,
                cluster_secret: "a secret of a test".into(),
                cache_bytes: 1 << 20,
                shards: 2,
                drain: PATIENCE,
                feed_delay: Duration::ZERO,
                tls: None,
                cors: parterre_edge::cors::Cors::default(),
                dialer: parterre_gate::dial::Dialer::default(),
                clients: parterre_gate::admission::Rules::default(),
            };
            let edge = Edge::new(config, runtime.handle().clone()).unwrap();
            let listeners = bind_sharded(any, 2).unwrap();
            tell.send(listeners[0].local_addr().unwrap()).unwrap();
            let (_stop, stopped) = watch::channel(false);
            runtime
                .block_on(shard::serve(edge, listeners, stopped))
                .unwrap();
        });
        told.recv().unwrap()
    })
}
