//! Calls at a fixed rate, each at an instant of its own, whatever becomes of those before
//! it.
//!
//! A stall of the server delays answers and not the calls: each is timed from the instant
//! when it was due, the time that it waits for a free connection included. One thread goes
//! round all connections by itself, as the timers of a runtime count in milliseconds, which
//! is what is to be measured; it naps when there is nothing to do, so times are true to
//! about [`NAP`] twice over.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::answer::{HEAD_BYTES, Head, head};
use crate::wire::{Broken, Failure};

/// How long it looks away when nothing is due and no answer has come.
const NAP: Duration = Duration::from_micros(100);
/// How long the answer to a call may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is called, how often, and how.
#[derive(Clone, Debug)]
pub struct Steady {
    /// Where the server listens.
    pub address: SocketAddr,
    /// Requests, by turns; at least one. Each is answered with a 200.
    pub requests: Vec<Vec<u8>>,
    /// Connections: as many calls are under way at most.
    pub connections: usize,
    /// Calls a second.
    pub per_second: f64,
}

/// A call that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was due.
    pub due: Instant,
    /// How long after that its answer was there.
    pub took: Duration,
}

/// A connection that waits for the answer to a call, or for a call.
struct Line {
    stream: TcpStream,
    due: Instant,
    buffer: Vec<u8>,
    filled: usize,
}

impl Steady {
    /// Makes the calls of so long a time, and returns when all are answered. Before the
    /// first of them every connection has made one that isn't counted.
    ///
    /// # Errors
    ///
    /// When a connection can't be made, or an answer is another one or doesn't come.
    pub fn run(&self, lasts: Duration) -> Result<Vec<Call>, Failure> {
        let mut requests = self.requests.iter().cycle();
        // First in, first out: a server ends connections that lie idle.
        let mut idle = VecDeque::with_capacity(self.connections);
        for request in requests.by_ref().take(self.connections.max(1)) {
            idle.push_back(Line::used(self.address, request)?);
        }
        let mut busy: Vec<Line> = Vec::with_capacity(idle.len());
        let mut calls = Vec::new();
        let (began, between) = (
            Instant::now(),
            Duration::from_secs_f64(1.0 / self.per_second),
        );
        let mut due = began;
        while due < began + lasts || !busy.is_empty() {
            let mut did_something = false;
            while due < began + lasts.min(began.elapsed())
                && let Some(mut line) = idle.pop_front()
                && let Some(request) = requests.next()
            {
                line.call(request, due)?;
                busy.push(line);
                due += between;
                did_something = true;
            }
            let mut at = 0;
            while let Some(line) = busy.get_mut(at) {
                if line.is_answered()? {
                    let (due, took) = (line.due, line.due.elapsed());
                    calls.push(Call { due, took });
                    idle.push_back(busy.swap_remove(at));
                    did_something = true;
                } else {
                    at += 1;
                }
            }
            if !did_something {
                std::thread::sleep(NAP);
            }
        }
        Ok(calls)
    }
}

impl Line {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let opened = TcpStream::connect(address).and_then(|stream| {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        });
        let not_sent = |error: std::io::Error| Broken::NotSent(format!("{address}: {error}"));
        Ok(Self {
            stream: opened.map_err(not_sent)?,
            due: Instant::now(),
            buffer: vec![0; HEAD_BYTES],
            filled: 0,
        })
    }

    /// A connection that a call has been made on.
    fn used(address: SocketAddr, request: &[u8]) -> Result<Self, Failure> {
        let mut line = Self::open(address)?;
        line.call(request, Instant::now())?;
        while !line.is_answered()? {
            std::thread::sleep(NAP);
        }
        Ok(line)
    }

    /// Sends a request: it is shorter than what the kernel takes at once.
    fn call(&mut self, request: &[u8], due: Instant) -> Result<(), Failure> {
        let lost = |error: std::io::Error| Broken::Lost(error.to_string());
        self.stream.write_all(request).map_err(lost)?;
        (self.due, self.filled) = (due, 0);
        Ok(())
    }

    /// Takes what has come; whether that is the whole answer.
    fn is_answered(&mut self) -> Result<bool, Failure> {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Err(Broken::Lost("the connection ended".to_owned()).into()),
            Ok(read) => {
                self.filled += read;
                self.is_whole()
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_still_come(),
            Err(error) => Err(Broken::Lost(error.to_string()).into()),
        }
    }

    fn is_whole(&mut self) -> Result<bool, Failure> {
        let head = head(&self.buffer[..self.filled]);
        let Some(head) = head.map_err(|bad| Failure::Odd(bad.to_string()))? else {
            return Ok(false);
        };
        if head.status != 200 || self.filled > head.whole() {
            let Head { status, .. } = head;
            return Err(Failure::Odd(format!("{status}, or bytes behind a 200")));
        }
        if self.buffer.len() < head.whole() {
            self.buffer.resize(head.whole(), 0);
        }
        Ok(self.filled == head.whole())
    }

    fn may_still_come(&self) -> Result<bool, Failure> {
        if self.due.elapsed() > PATIENCE {
            return Err(Broken::Lost(format!("none in {PATIENCE:?}")).into());
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server of one connection that answers each call, the second one late.
    fn server(stall: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 64];
            let mut pauses = [Duration::ZERO, stall].into_iter();
            while stream.read(&mut request).is_ok_and(|read| read > 0) {
                std::thread::sleep(pauses.next().unwrap_or_default());
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                stream.write_all(answer).unwrap();
            }
        });
        address
    }

    fn steady(address: SocketAddr) -> Steady {
        Steady {
            address,
            requests: vec![b"one".to_vec(), b"two".to_vec()],
            connections: 1,
            per_second: 1_000.0,
        }
    }

    #[test]
    fn a_stall_is_seen_by_every_call_that_was_due_in_it() {
        let stall = Duration::from_millis(200);
        let calls = steady(server(stall))
            .run(Duration::from_millis(400))
            .unwrap();
        assert_eq!(calls.len(), 400);
        let first = calls.iter().map(|call| call.due).min().unwrap();
        for call in &calls {
            // Answers come one after another, so none before the stall is over.
            let left = stall.saturating_sub(call.due - first);
            assert!(call.took >= left, "{call:?}");
        }
    }

    #[test]
    fn whoever_is_gone_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || drop(listener.accept()));
        let failure = steady(address).run(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(failure, Failure::Broken(_)), "{failure}");
    }
}
