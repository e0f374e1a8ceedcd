//! Keeps the log within its age and its size.
//!
//! The trimmer follows the log from its beginning and remembers stretches of it, each
//! with its size and the time of its newest record. It drops whole stretches, one
//! transaction each, so that no trimming is large.

use std::collections::VecDeque;
use std::time::Duration;

use parterre_domain::wire::feed::decode_record;
use parterre_domain::{Rev, Timestamp, limits};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::any::AnyStore;
use crate::store::{Failure, LogPage, Store};

/// A stretch isn't grown beyond this many bytes.
const STRETCH_BYTES: u64 = limits::LOG_BYTES / limits::TRIM_STRETCHES as u64;
/// A stretch isn't grown beyond this much time.
const STRETCH_TIME: Duration =
    Duration::from_millis(limits::LOG_KEPT.as_secs() * 1_000 / limits::TRIM_STRETCHES as u64);

/// Trims for ever.
pub(crate) async fn trim(store: AnyStore, clock: Clock, metrics: Metrics) {
    let mut kept = Kept::default();
    loop {
        if let Err(failure) = round(&store, &clock, &mut kept).await {
            tracing::error!(%failure, "the log couldn't be trimmed");
        }
        let bytes = i64::try_from(kept.bytes).unwrap_or(i64::MAX);
        metrics.log_bytes.set(bytes);
        tokio::time::sleep(limits::TRIM_INTERVAL).await;
    }
}

/// Reads what is new in the log, in pieces, and drops what is too much.
async fn round(store: &AnyStore, clock: &Clock, kept: &mut Kept) -> Result<(), Failure> {
    loop {
        let page = store
            .log_after(kept.position, limits::FEED_FRAME_BYTES)
            .await?;
        let more = page.records.last().is_some_and(|(rev, _)| *rev < page.head);
        kept.take(&page);
        while let Some(up_to) = kept.drop_excess(clock.now()) {
            store.trim_log(up_to.position).await?;
        }
        if !more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// What is known of the log.
#[derive(Debug, Default)]
struct Kept {
    stretches: VecDeque<Stretch>,
    bytes: u64,
    /// Everything up to here has been looked at.
    position: Rev,
}

#[derive(Debug)]
struct Stretch {
    last: Rev,
    began: Timestamp,
    newest: Timestamp,
    bytes: u64,
}

impl Kept {
    fn take(&mut self, page: &LogPage) {
        if page.head.epoch != self.position.epoch {
            // The whole log lies behind the new epoch and is read once more.
            *self = Self::default();
            self.position.epoch = page.head.epoch;
        }
        for (rev, record) in &page.records {
            // A record that can't be read is as old as those before it.
            let at = decode_record(record).map_or_else(|_| self.newest(), |record| record.at);
            let bytes = record.len() as u64;
            self.bytes += bytes;
            self.position = *rev;
            match self.stretches.back_mut() {
                Some(stretch) if stretch.takes(at, bytes) => {
                    stretch.last = *rev;
                    stretch.newest = stretch.newest.max(at);
                    stretch.bytes += bytes;
                }
                _ => self.stretches.push_back(Stretch {
                    last: *rev,
                    began: at,
                    newest: at,
                    bytes,
                }),
            }
        }
        self.position = self.position.max(page.oldest);
    }

    fn newest(&self) -> Timestamp {
        self.stretches
            .back()
            .map_or(Timestamp::from_millis(0), |stretch| stretch.newest)
    }

    /// Forgets the oldest stretch if it is too old or too much, and says up to where the
    /// log is to be trimmed. The newest stretch stays: edges resume from it.
    fn drop_excess(&mut self, now: Timestamp) -> Option<Rev> {
        let oldest = self.stretches.front()?;
        let too_old = oldest.newest < now - limits::LOG_KEPT;
        let too_much = self.bytes > limits::LOG_BYTES;
        if self.stretches.len() == 1 || !(too_old || too_much) {
            return None;
        }
        let oldest = self.stretches.pop_front()?;
        self.bytes -= oldest.bytes;
        Some(oldest.last)
    }
}

impl Stretch {
    fn takes(&self, at: Timestamp, bytes: u64) -> bool {
        self.bytes + bytes <= STRETCH_BYTES && at.since(self.began) <= STRETCH_TIME
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parterre_domain::{LogRecord, Position};

    use super::*;

    fn rev(sequence: u64) -> Rev {
        Rev {
            epoch: 0,
            position: Position::from_sequence(sequence),
        }
    }

    fn page(revs: std::ops::Range<u64>, at: Timestamp, bytes: usize) -> LogPage {
        let events = Vec::new();
        let mut record = parterre_domain::encode(&LogRecord { at, events });
        record.resize(record.len().max(bytes), 0);
        let record = Bytes::from(record);
        LogPage {
            head: rev(revs.end - 1),
            records: revs.map(|at| (rev(at), record.clone())).collect(),
            oldest: rev(0),
        }
    }

    fn drop_all(kept: &mut Kept, now: Timestamp) -> Option<Rev> {
        std::iter::from_fn(|| kept.drop_excess(now)).last()
    }

    #[test]
    fn what_is_too_old_is_dropped_and_nothing_else() {
        let mut kept = Kept::default();
        let start = Timestamp::from_millis(1_900_000_000_000);
        let hour = Duration::from_secs(3_600);
        for number in 0..48 {
            let at = start + hour * number;
            let first = u64::from(number) * 10 + 1;
            kept.take(&page(first..first + 10, at, 10));
        }
        let now = start + hour * 47;
        // What was written 24 hours ago or less stays.
        assert_eq!(drop_all(&mut kept, now), Some(rev(230)));
        assert_eq!(drop_all(&mut kept, now), None);
        // However long nothing happens, the newest stretch stays.
        assert_eq!(drop_all(&mut kept, now + hour * 1_000), Some(rev(470)));
    }

    #[test]
    fn a_new_epoch_counts_the_log_once() {
        let mut kept = Kept::default();
        let now = Timestamp::from_millis(1_900_000_000_000);
        kept.take(&page(1..11, now, 1_000));
        let mut renewed = page(1..12, now, 1_000);
        renewed.head.epoch += 1;
        for (rev, _) in &mut renewed.records {
            rev.epoch += 1;
        }
        kept.take(&renewed);
        assert_eq!(kept.bytes, 11 * 1_000);
        assert_eq!(kept.position, renewed.head);
    }

    #[test]
    fn what_is_too_much_is_dropped_oldest_first() {
        let mut kept = Kept::default();
        let now = Timestamp::from_millis(1_900_000_000_000);
        let large = 1 << 20;
        let records = limits::LOG_BYTES / large;
        let large = usize::try_from(large).unwrap();
        for first in (1..records + 101).step_by(100) {
            kept.take(&page(first..first + 100, now, large));
            drop_all(&mut kept, now);
            assert!(kept.bytes <= limits::LOG_BYTES, "{}", kept.bytes);
        }
        let least = limits::LOG_BYTES - 2 * STRETCH_BYTES;
        assert!(kept.bytes >= least, "{} of {least}", kept.bytes);
        assert!(kept.stretches.len() <= 2 * limits::TRIM_STRETCHES as usize);
    }
}
