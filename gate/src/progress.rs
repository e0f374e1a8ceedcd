//! Whether a connection gets on.
//!
//! A connection's task counts what happens on it ([`Progress`]: no clock, no lock). Once a
//! second a listener looks at all of its connections ([`Watch::sweep`]) and ends those that
//! have waited too long in one phase. So no connection costs a timer, and time is read
//! once a second and not once a request.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::Notify;

use parterre_domain::limits;

/// What has happened on a connection.
#[derive(Debug, Default)]
pub struct Progress {
    requests: AtomicU64,
    answering: AtomicU32,
    /// Bytes that came since the last request was whole, while none is being answered.
    head_bytes: AtomicU64,
    /// Bytes of the first line of those.
    line_bytes: AtomicU64,
    is_line_whole: AtomicBool,
    written: AtomicU64,
    is_blocked: AtomicBool,
    is_long_lived: AtomicBool,
    is_multiplexed: AtomicBool,
    lingers: AtomicBool,
    is_closing: AtomicBool,
    /// The status of an answer of our own; 0 before there is one.
    own_answer: AtomicU16,
    verdict: AtomicU8,
    condemned: Notify,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing happens on it, or nobody reads what it is sent.
    Close,
    /// The head of a request doesn't come to an end; it can still be answered.
    SlowHead,
}

impl Progress {
    /// Nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A request has come and is being answered, until the guard is dropped.
    pub fn answering(self: &Arc<Self>) -> Answering {
        self.requests.fetch_add(1, Relaxed);
        self.answering.fetch_add(1, Relaxed);
        self.head_bytes.store(0, Relaxed);
        self.line_bytes.store(0, Relaxed);
        self.is_line_whole.store(false, Relaxed);
        Answering(Arc::clone(self))
    }

    /// Requests share the connection: what comes between two answers is no head.
    pub(crate) fn multiplexes(&self) {
        self.is_multiplexed.store(true, Relaxed);
    }

    pub(crate) fn read(&self, bytes: &[u8]) {
        if self.answering.load(Relaxed) > 0 {
            return;
        }
        let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        self.head_bytes.fetch_add(count(bytes.len()), Relaxed);
        if !self.is_line_whole.load(Relaxed) {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.is_line_whole.store(end.is_some(), Relaxed);
            let of_line = count(end.unwrap_or(bytes.len()));
            self.line_bytes.fetch_add(of_line, Relaxed);
        }
    }

    pub(crate) fn wrote(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.written.fetch_add(bytes, Relaxed);
        self.is_blocked.store(false, Relaxed);
    }

    pub(crate) fn flushed(&self) {
        self.is_blocked.store(false, Relaxed);
    }

    pub(crate) fn blocked(&self) {
        self.is_blocked.store(true, Relaxed);
    }

    /// Bytes of the first line of a request that isn't whole.
    pub(crate) fn line_bytes(&self) -> u64 {
        self.line_bytes.load(Relaxed)
    }

    /// What the client still sends is to be read before the connection is closed, or it
    /// might not see the answer.
    pub(crate) fn linger(&self) {
        self.lingers.store(true, Relaxed);
    }

    pub(crate) fn lingers(&self) -> bool {
        self.lingers.load(Relaxed)
    }

    pub(crate) fn answers_itself(&self, status: u16) {
        self.own_answer.store(status, Relaxed);
    }

    /// The status that was answered here to what no service has seen, as it wasn't a whole
    /// request. It is the last answer of its connection.
    pub fn own_answer(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.own_answer.load(Relaxed)).ok()
    }

    pub(crate) fn closing(&self) {
        self.is_closing.store(true, Relaxed);
    }

    fn condemn(&self, verdict: Verdict) {
        let number = match verdict {
            Verdict::Close => 1,
            Verdict::SlowHead => 2,
        };
        self.verdict.store(number, Relaxed);
        self.condemned.notify_one();
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        match self.verdict.load(Relaxed) {
            0 => None,
            2 => Some(Verdict::SlowHead),
            _ => Some(Verdict::Close),
        }
    }

    /// Waits until the connection is to end.
    pub(crate) async fn condemned(&self) -> Verdict {
        loop {
            self.condemned.notified().await;
            if let Some(verdict) = self.verdict() {
                return verdict;
            }
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Answering(Arc<Progress>);

impl Answering {
    /// The answer is no good news, so the client may still be sending what nobody reads.
    pub fn refused(&self) {
        self.0.linger();
    }

    /// Whether the answer goes on for as long as the client listens, so that the
    /// connection isn't idle however long ago the request was.
    pub fn long_lived(&self, is: bool) {
        // Answers that share a connection don't end together.
        if is || !self.0.is_multiplexed.load(Relaxed) {
            self.0.is_long_lived.store(is, Relaxed);
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Relaxed);
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its first request, the handshake of TLS included.
    Opening,
    /// Another request.
    Idle,
    /// The rest of a request's head.
    Head,
    /// Us.
    Working,
    /// The client, who is to take what it is sent.
    Unread,
    /// The client, who is to close.
    Closing,
    /// Nothing: an answer without an end.
    Listening,
}

impl Phase {
    fn of(progress: &Progress) -> Self {
        let is = |flag: &AtomicBool| flag.load(Relaxed);
        if is(&progress.is_closing) {
            Self::Closing
        } else if is(&progress.is_blocked) {
            Self::Unread
        } else if progress.answering.load(Relaxed) > 0 {
            Self::Working
        } else if is(&progress.is_long_lived) {
            Self::Listening
        } else if progress.requests.load(Relaxed) == 0 {
            Self::Opening
        } else if progress.head_bytes.load(Relaxed) > 0 && !is(&progress.is_multiplexed) {
            Self::Head
        } else {
            Self::Idle
        }
    }

    fn patience(self) -> Option<Duration> {
        match self {
            Self::Opening => Some(limits::FIRST_REQUEST),
            Self::Idle => Some(limits::KEEP_ALIVE),
            Self::Head => Some(limits::HEAD_PATIENCE),
            Self::Unread => Some(limits::UNREAD_PATIENCE),
            Self::Closing => Some(limits::CLOSE_GRACE),
            // Commands, bodies and calls to a core have bounds of their own.
            Self::Working | Self::Listening => None,
        }
    }
}

/// Since when a connection waits.
#[derive(Debug)]
struct Wait {
    phase: Phase,
    since: Instant,
    requests: u64,
    written: u64,
}

impl Wait {
    fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Opening,
            since: now,
            requests: 0,
            written: 0,
        }
    }

    fn judge(&mut self, progress: &Progress, now: Instant) -> Option<Verdict> {
        let phase = Phase::of(progress);
        let requests = progress.requests.load(Relaxed);
        let written = progress.written.load(Relaxed);
        let gets_on = written - self.written >= limits::PROGRESS_BYTES;
        if phase != self.phase || requests != self.requests || gets_on {
            *self = Self {
                phase,
                since: now,
                requests,
                written,
            };
        }
        let waited = now.saturating_duration_since(self.since);
        if phase.patience().is_none_or(|patience| waited <= patience) {
            return None;
        }
        let can_be_told = match phase {
            Phase::Head => true,
            Phase::Opening => progress.head_bytes.load(Relaxed) > 0,
            _ => false,
        };
        Some(if can_be_told {
            Verdict::SlowHead
        } else {
            Verdict::Close
        })
    }
}

/// A listener's connections, as it watches over them.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Vec<(Weak<Progress>, Wait)>>);

impl Watch {
    /// Watches a connection too, until its progress is dropped.
    pub fn add(&self, progress: &Arc<Progress>, now: Instant) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.push((Arc::downgrade(progress), Wait::new(now)));
    }

    /// Ends the connections that have waited too long; to be called once a second. The
    /// number of those ended.
    pub fn sweep(&self, now: Instant) -> usize {
        let mut ended = 0;
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain_mut(|(progress, wait)| {
            let Some(progress) = progress.upgrade() else {
                return false;
            };
            let verdict = wait.judge(&progress, now);
            if let Some(verdict) = verdict {
                progress.condemn(verdict);
                ended += 1;
            }
            verdict.is_none()
        });
        if watched.capacity() > 2 * watched.len() + LEAST_CAPACITY {
            watched.shrink_to_fit();
        }
        ended
    }
}

const LEAST_CAPACITY: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that happens on a connection.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        /// So many bytes come.
        Reads(usize),
        /// A request is whole and answered at once.
        Asks,
        /// A request is whole and its answer takes long.
        AsksMuch,
        Writes(usize),
        Blocks,
        Listens,
        Multiplexes,
        Closes,
    }

    /// Acts at seconds; then the second in which the connection is ended, and why.
    fn check(acts: &[(u64, Act)], expected: Option<(u64, Verdict)>) {
        let start = Instant::now();
        let progress = Progress::new();
        let mut wait = Wait::new(start);
        let mut under_way = Vec::new();
        for second in 0..=300 {
            for (_, act) in acts.iter().filter(|(at, _)| *at == second) {
                match act {
                    Act::Reads(bytes) => progress.read(&vec![b'x'; *bytes]),
                    Act::Asks => drop(progress.answering()),
                    Act::AsksMuch => under_way.push(progress.answering()),
                    Act::Writes(bytes) => progress.wrote(*bytes),
                    Act::Blocks => progress.blocked(),
                    Act::Listens => progress.answering().long_lived(true),
                    Act::Multiplexes => progress.multiplexes(),
                    Act::Closes => progress.closing(),
                }
            }
            let verdict = wait.judge(&progress, start + Duration::from_secs(second));
            if let Some(verdict) = verdict {
                assert_eq!(Some((second, verdict)), expected, "{acts:?}");
                return;
            }
        }
        assert_eq!(None, expected, "{acts:?}");
    }

    #[test]
    fn a_connection_ends_when_it_has_waited_too_long_in_one_phase() {
        use Act::{Asks, AsksMuch, Blocks, Closes, Listens, Multiplexes, Reads, Writes};
        use Verdict::{Close, SlowHead};
        check(&[], Some((11, Close)));
        check(&[(0, Reads(1)), (9, Reads(1))], Some((11, SlowHead)));
        check(&[(3, Asks)], Some((79, Close)));
        check(&[(3, Asks), (50, Asks)], Some((126, Close)));
        check(
            &[(3, Asks), (50, Reads(1)), (55, Reads(1))],
            Some((61, SlowHead)),
        );
        check(&[(3, AsksMuch)], None);
        check(&[(3, Listens)], None);
        check(&[(3, Listens), (4, Asks), (5, Blocks)], Some((36, Close)));
        check(&[(0, Asks), (1, Closes)], Some((7, Close)));
        check(
            &[(0, Multiplexes), (0, Asks), (9, Reads(9))],
            Some((76, Close)),
        );
        check(
            &[(0, Multiplexes), (0, Asks), (9, Writes(17))],
            Some((76, Close)),
        );
    }

    #[test]
    fn a_client_that_reads_slowly_but_reads_is_served_for_as_long_as_it_takes() {
        let mut acts = vec![(0, Act::Asks), (0, Act::Blocks)];
        for second in (20..280).step_by(20) {
            acts.extend([(second, Act::Writes(5_000)), (second, Act::Blocks)]);
        }
        check(&acts, Some((291, Verdict::Close)));
        // One that takes next to nothing is as good as one that takes nothing.
        let mut acts = vec![(0, Act::Asks), (0, Act::Blocks)];
        for second in 1..280 {
            acts.extend([(second, Act::Writes(1)), (second, Act::Blocks)]);
        }
        check(&acts, Some((31, Verdict::Close)));
    }

    #[test]
    fn a_line_is_measured_until_it_ends() {
        let progress = Progress::new();
        progress.read(b"GET /v1");
        progress.read(b"/events HTTP/1.1\r\nhost: x\r\n");
        progress.read(b"more: y\r\n");
        assert_eq!(progress.line_bytes(), 24);
        drop(progress.answering());
        assert_eq!(progress.line_bytes(), 0);
    }

    #[test]
    fn who_has_gone_is_watched_no_longer() {
        let watch = Watch::default();
        let now = Instant::now();
        let stays = Progress::new();
        watch.add(&stays, now);
        for _ in 0..10_000 {
            watch.add(&Progress::new(), now);
        }
        assert_eq!(watch.sweep(now), 0);
        assert_eq!(watch.0.lock().unwrap().len(), 1);
        assert!(watch.0.lock().unwrap().capacity() <= LEAST_CAPACITY + 2);
        assert_eq!(watch.sweep(now + Duration::from_secs(60)), 1);
        assert_eq!(stays.verdict(), Some(Verdict::Close));
    }
}
