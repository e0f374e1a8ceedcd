//! One keep-alive connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{BadAnswer, HEAD_BYTES, Head, head};
use crate::wire::{Broken, Failure};

/// How long a connection may take to be made, and a call in all: longer than an edge tries
/// to forward one.
const PATIENCE: Duration = Duration::from_secs(20);

/// A keep-alive connection that makes one call at a time.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// The last answer, and room for the next; grows to the longest.
    buffer: Vec<u8>,
    received: u64,
}

/// What a server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its whole body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody answers there.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let connected = timeout(PATIENCE, TcpStream::connect(address)).await;
        let not_sent = |what: String| Broken::NotSent(format!("{address}: {what}"));
        let stream = connected
            .map_err(|_| not_sent(format!("not in {PATIENCE:?}")))?
            .map_err(|error| not_sent(error.to_string()))?;
        stream
            .set_nodelay(true)
            .map_err(|error| not_sent(error.to_string()))?;
        Ok(Self {
            stream,
            buffer: vec![0; HEAD_BYTES],
            received: 0,
        })
    }

    /// Sends a request and reads its answer, in a bounded time. After an error the
    /// connection is of no more use.
    ///
    /// # Errors
    ///
    /// When no answer came, or one that isn't understood.
    pub async fn call(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        let head = match timeout(PATIENCE, self.exchange(request)).await {
            Ok(head) => head?,
            Err(_) => return Err(Broken::Lost(format!("none in {PATIENCE:?}")).into()),
        };
        Ok(Answer {
            status: head.status,
            body: &self.buffer[head.head..head.whole()],
        })
    }

    /// Bytes that came in so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Head, Failure> {
        let lost = |error: std::io::Error| Broken::Lost(error.to_string());
        self.stream.write_all(request).await.map_err(lost)?;
        let (mut filled, mut known) = (0, None);
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await;
            let read = read.map_err(lost)?;
            if read == 0 {
                return Err(Broken::Lost("the connection ended".to_owned()).into());
            }
            filled += read;
            self.received += read as u64;
            if known.is_none() {
                known = head(&self.buffer[..filled]).map_err(odd)?;
            }
            let Some(head) = known else { continue };
            if filled > head.whole() {
                return Err(odd(BadAnswer::Surplus));
            }
            if filled == head.whole() {
                return Ok(head);
            }
            if self.buffer.len() < head.whole() {
                self.buffer.resize(head.whole(), 0);
            }
        }
    }
}

fn odd(bad: BadAnswer) -> Failure {
    Failure::Odd(bad.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers each request with these pieces, one after another.
    async fn served(pieces: Vec<Vec<u8>>) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 1 << 10];
            while stream.read(&mut request).await.unwrap_or(0) > 0 {
                for piece in &pieces {
                    stream.write_all(piece).await.unwrap();
                    // Lets the reader have this piece by itself.
                    tokio::task::yield_now().await;
                }
            }
        });
        Connection::open(address).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_read_wherever_it_is_cut() {
        let whole = b"HTTP/1.1 409 Conflict\r\nContent-Length: 5\r\n\r\ntaken";
        for cut in 1..whole.len() {
            let (first, second) = whole.split_at(cut);
            let mut connection = served(vec![first.to_vec(), second.to_vec()]).await;
            for times in 1..=2 {
                let answer = connection.call(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
                assert_eq!((answer.status, answer.body), (409, &b"taken"[..]), "{cut}");
                assert_eq!(connection.received(), times * whole.len() as u64);
            }
        }
    }

    #[tokio::test]
    async fn a_long_body_has_room() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".into();
        let mut connection = served(vec![head, vec![b'x'; 100_000]]).await;
        let answer = connection.call(b"GET").await.unwrap();
        assert_eq!(answer.body, vec![b'x'; 100_000]);
    }

    #[tokio::test]
    async fn what_follows_an_answer_is_refused() {
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc";
        let mut connection = served(vec![two.to_vec()]).await;
        let failure = connection.call(b"GET").await.unwrap_err();
        assert_eq!(failure, odd(BadAnswer::Surplus));
    }
}
