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

/// Connections over which calls are made at a fixed rate.
pub struct Steady {
    idle: VecDeque<Line>,
    requests: Vec<Vec<u8>>,
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
    /// So many connections, as many calls as are under way at most. `requests` are made by
    /// turns, and each is to be answered with a 200; every connection has made one when
    /// this returns.
    ///
    /// # Errors
    ///
    /// When a connection can't be made, or is answered otherwise; when there is nothing to
    /// ask.
    pub fn open(
        address: SocketAddr,
        requests: Vec<Vec<u8>>,
        connections: usize,
    ) -> Result<Self, Failure> {
        let mut idle = VecDeque::with_capacity(connections);
        for request in requests.iter().cycle().take(connections) {
            idle.push_back(Line::used(address, request)?);
        }
        if idle.is_empty() {
            return Err(Failure::Odd("there is nothing to ask".to_owned()));
        }
        Ok(Self { idle, requests })
    }

    /// Makes the calls of so long a time, so many a second, and returns when all are
    /// answered.
    ///
    /// # Errors
    ///
    /// When an answer is another one or doesn't come.
    pub fn run(&mut self, per_second: f64, lasts: Duration) -> Result<Vec<Call>, Failure> {
        let between = Duration::try_from_secs_f64(1.0 / per_second);
        let between = between.map_err(|error| Failure::Odd(error.to_string()))?;
        let mut busy: Vec<Line> = Vec::with_capacity(self.idle.len());
        let mut requests = self.requests.iter().cycle();
        let (mut calls, began) = (Vec::new(), Instant::now());
        let mut due = began;
        while due < began + lasts || !busy.is_empty() {
            let mut did_something = false;
            // First in, first out: a server ends connections that lie idle.
            while due < began + lasts.min(began.elapsed())
                && let Some(mut line) = self.idle.pop_front()
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
                    self.idle.push_back(busy.swap_remove(at));
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

    fn steady(address: SocketAddr) -> Result<Steady, Failure> {
        Steady::open(address, vec![b"one".to_vec(), b"two".to_vec()], 1)
    }

    #[test]
    fn a_stall_is_seen_by_every_call_that_was_due_in_it() {
        let stall = Duration::from_millis(200);
        let mut steady = steady(server(stall)).unwrap();
        let calls = steady.run(1_000.0, Duration::from_millis(400)).unwrap();
        assert_eq!(calls.len(), 400);
        let first = calls.iter().map(|call| call.due).min().unwrap();
        for call in &calls {
            // Answers come one after another, so none before the stall is over.
            let left = stall.saturating_sub(call.due - first);
            assert!(call.took >= left, "{call:?}");
        }
    }

    #[test]
    fn no_rate_and_nothing_to_ask_are_said() {
        let address = server(Duration::ZERO);
        assert!(Steady::open(address, Vec::new(), 1).is_err());
        let mut steady = steady(address).unwrap();
        assert!(steady.run(0.0, Duration::ZERO).is_err());
    }

    #[test]
    fn whoever_is_gone_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || drop(listener.accept()));
        let failure = steady(address).err().unwrap();
        assert!(matches!(failure, Failure::Broken(_)), "{failure}");
    }
}
