//! Keeps the edge up to date: follows a core's feed, begins anew from snapshots where it
//! must, and never guesses.
//!
//! [`track`] decides what a frame means; here it is done. While snapshots are fetched, and
//! for as long as the configuration holds records back, frames wait in a bounded queue.

mod connect;
mod snapshots;
mod track;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};

use parterre_domain::wire::feed::FeedFrame;
use parterre_domain::{LogRecord, Rev, limits};

use crate::clock;
use crate::context::Edge;
use crate::cores::{Core, CoreUnavailable};
use crate::freshness::Heartbeats;
use connect::{Feed, Lost};
use snapshots::Snapshots;
use track::{Broken, Step, Track};

/// Follows the feed of one core after another until told to stop.
pub async fn run(edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
    let mut follower = Follower::new(edge);
    tokio::select! {
        never = follower.follow() => match never {},
        // An error means that nobody is left who could say stop.
        _ = stop.wait_for(|&stop| stop) => {}
    }
}

/// Tells the shards when the edge becomes stale and when it is fresh again, until told to
/// stop.
pub async fn watch_freshness(edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
    let mut was_stale = false;
    let mut look = interval(limits::FRESHNESS_CHECK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            _ = stop.wait_for(|&stop| stop) => return,
        }
        let now = Instant::now();
        let stale = edge.freshness.stale_seconds(now);
        let age = i64::try_from(edge.freshness.age(now).as_secs()).unwrap_or(i64::MAX);
        edge.metrics.stale_seconds.set(age);
        if stale.is_some() != was_stale {
            was_stale = stale.is_some();
            edge.signals.freshness(stale);
            tracing::info!(stale = was_stale, "the edge's freshness has changed");
        }
    }
}

struct Follower {
    edge: Arc<Edge>,
    track: Track,
    heartbeats: Heartbeats,
}

/// Frames that wait for their turn.
#[derive(Default)]
struct Held {
    frames: VecDeque<(Instant, FeedFrame, usize)>,
    bytes: usize,
}

/// Why a feed ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("snapshots can't be had: {0}")]
    Snapshots(#[from] CoreUnavailable),
    #[error("too much came while snapshots were fetched")]
    Overrun,
}

type Fetching = Pin<Box<dyn Future<Output = Result<Snapshots, CoreUnavailable>> + Send>>;

/// Snapshots on their way, and where records will follow behind them.
struct Resync {
    from: Rev,
    fetching: Fetching,
}

impl Follower {
    fn new(edge: Arc<Edge>) -> Self {
        Self {
            edge,
            track: Track::default(),
            heartbeats: Heartbeats::default(),
        }
    }

    async fn follow(&mut self) -> Infallible {
        let edge = Arc::clone(&self.edge);
        let mut wait = limits::FEED_RETRY.start;
        for attempt in 0.. {
            let core = edge.cores.nth(attempt);
            let before = self.track.position();
            let Err(ended) = self.session(core).await;
            self.heartbeats.forget();
            if matches!(ended, Ended::Broken(_)) {
                edge.metrics.feed_gaps.inc();
            }
            tracing::warn!(core = core.origin, reason = %ended, "the feed has ended");
            let has_moved = self.track.position() != before;
            wait = if has_moved {
                limits::FEED_RETRY.start
            } else {
                (wait * 2).min(limits::FEED_RETRY.end)
            };
            sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
        std::future::pending().await
    }

    /// Follows one core's feed until it ends.
    async fn session(&mut self, core: &Core) -> Result<Infallible, Ended> {
        let edge = Arc::clone(&self.edge);
        let mut feed = Feed::join(&edge.cores, core, &self.track.join()).await?;
        edge.metrics.feed_connects.inc();
        tracing::info!(core = core.origin, position = ?self.track.position(), "following a feed");
        let delay = edge.config.feed_delay;
        let mut held = Held::default();
        let mut resync: Option<Resync> = None;
        loop {
            while resync.is_none()
                && let Some((received, frame)) = held.pop_due(delay, Instant::now())
            {
                resync = self.take(received, frame)?;
            }
            tokio::select! {
                frame = feed.next() => {
                    let (frame, bytes) = frame?;
                    held.push(Instant::now(), frame, bytes)?;
                }
                snapshots = fetched(&mut resync) => self.install(&mut resync, snapshots?),
                () = held.due(delay), if resync.is_none() => {}
            }
        }
    }

    /// Does what a frame asks for.
    fn take(&mut self, received: Instant, frame: FeedFrame) -> Result<Option<Resync>, Ended> {
        match self.track.take(frame)? {
            Step::Nothing => {}
            Step::Greet { newest, keys } => self.edge.show_keys(&keys, newest),
            Step::Resync(from) => {
                self.edge.metrics.feed_resyncs.inc();
                self.heartbeats.forget();
                let edge = Arc::clone(&self.edge);
                let fetching = Box::pin(async move { Snapshots::fetch(&edge, from).await });
                return Ok(Some(Resync { from, fetching }));
            }
            Step::Apply(records) => self.apply(&records),
            Step::Heartbeat { head, age } => {
                let confirmed = self
                    .track
                    .position()
                    .and_then(|position| self.heartbeats.note(head, age, received, position));
                if let Some(at) = confirmed {
                    self.edge.freshness.confirm(at);
                }
            }
        }
        Ok(None)
    }

    fn install(&mut self, resync: &mut Option<Resync>, snapshots: Snapshots) {
        let Some(Resync { from, .. }) = resync.take() else {
            return;
        };
        snapshots.install(&self.edge, Instant::now());
        self.track.resynced(from);
        self.count_catalog();
        self.edge.ahead.notify_one();
        tracing::info!(position = %from, "the catalog is loaded");
    }

    /// Applies records to all that is held, as one.
    fn apply(&mut self, records: &[(Rev, LogRecord)]) {
        let Some((position, newest)) = records.last() else {
            return;
        };
        let edge = &self.edge;
        edge.cells.apply(records, *position, Instant::now());
        let applied = edge.catalog.apply(records);
        edge.signals.changed(&applied.changed);
        if applied.records_changed {
            edge.signals.catalog_changed();
        }
        if !applied.published.is_empty() {
            edge.ahead.notify_one();
            self.count_catalog();
        }
        if let Some(at) = self.heartbeats.applied(*position) {
            edge.freshness.confirm(at);
        }
        let metrics = &edge.metrics;
        let lag = clock::now().since(newest.at);
        metrics.feed_lag_seconds.set(lag.as_secs_f64());
        metrics
            .feed_records
            .inc_by(u64::try_from(records.len()).unwrap_or(0));
    }

    fn count_catalog(&self) {
        let events = self.edge.catalog.programme().len();
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        self.edge.metrics.catalog_events.set(events);
    }
}

/// Waits for the snapshots that are on their way; for ever when none are.
async fn fetched(resync: &mut Option<Resync>) -> Result<Snapshots, CoreUnavailable> {
    match resync {
        Some(resync) => resync.fetching.as_mut().await,
        None => std::future::pending().await,
    }
}

impl Held {
    fn push(&mut self, received: Instant, frame: FeedFrame, bytes: usize) -> Result<(), Ended> {
        self.bytes += bytes;
        self.frames.push_back((received, frame, bytes));
        if self.bytes > limits::FEED_HELD_BYTES {
            return Err(Ended::Overrun);
        }
        Ok(())
    }

    /// The first frame, once it has been held back for `delay`.
    fn pop_due(&mut self, delay: Duration, now: Instant) -> Option<(Instant, FeedFrame)> {
        let (received, ..) = self.frames.front()?;
        if now.saturating_duration_since(*received) < delay {
            return None;
        }
        let (received, frame, bytes) = self.frames.pop_front()?;
        self.bytes -= bytes;
        Some((received, frame))
    }

    /// Ends when the first frame is due; never when there is none.
    async fn due(&self, delay: Duration) {
        match self.frames.front() {
            Some((received, ..)) => sleep_until((*received + delay).into()).await,
            None => std::future::pending().await,
        }
    }
}
