//! The newest records of the log, in memory, within bounds.

use std::collections::VecDeque;

use bytes::Bytes;
use parterre_domain::wire::feed::{FeedFrame, checksum};
use parterre_domain::{Rev, limits};

use crate::store::LogPage;

/// The newest records of the log: all in (`oldest`, `newest`].
#[derive(Clone, Debug)]
pub struct Ring {
    oldest: Rev,
    newest: Rev,
    records: VecDeque<(Rev, Bytes)>,
    bytes: usize,
}

/// What lies behind a position.
#[derive(Clone, Debug, PartialEq)]
pub enum Behind {
    /// Nothing yet.
    Nothing,
    /// Records, as a frame.
    Frame(FeedFrame),
    /// More than is remembered: read the store.
    TooFarBack,
}

impl Ring {
    /// Nothing remembered yet behind a head.
    pub fn new(head: Rev) -> Self {
        Self {
            oldest: head,
            newest: head,
            records: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The rev up to which everything is known.
    pub fn newest(&self) -> Rev {
        self.newest
    }

    /// Takes in records read behind [`Self::newest`], and forgets the oldest ones over
    /// the bounds. A page of another epoch, or with a hole, begins anew.
    pub fn extend(&mut self, page: &LogPage) {
        if page.head.epoch != self.newest.epoch {
            // Whoever was behind begins anew from snapshots.
            *self = Self::new(page.head);
            return;
        }
        if page.oldest > self.newest {
            *self = Self::new(
                page.records
                    .first()
                    .map_or(page.head, |_| page.oldest.max(self.newest)),
            );
            self.newest = self.oldest;
        }
        let known = self.newest;
        for (rev, record) in page.records.iter().filter(|(rev, _)| *rev > known) {
            self.newest = *rev;
            self.bytes += record.len();
            self.records.push_back((*rev, record.clone()));
            while self.records.len() > limits::FEED_RING_RECORDS
                || self.bytes > limits::FEED_RING_BYTES
            {
                let Some((rev, record)) = self.records.pop_front() else {
                    break;
                };
                self.bytes -= record.len();
                self.oldest = rev;
            }
        }
    }

    /// What lies behind a position, at most a frame of it.
    pub fn behind(&self, position: Rev) -> Behind {
        if position >= self.newest {
            return Behind::Nothing;
        }
        if position < self.oldest {
            return Behind::TooFarBack;
        }
        let first = self.records.partition_point(|(rev, _)| *rev <= position);
        let records = self.records.iter().skip(first).cloned();
        frame(position, records).map_or(Behind::Nothing, Behind::Frame)
    }

    /// The checksum of the record at a rev, if it is remembered.
    pub fn checksum_at(&self, rev: Rev) -> Option<u64> {
        let at = self
            .records
            .binary_search_by_key(&rev, |(rev, _)| *rev)
            .ok()?;
        Some(checksum(&self.records[at].1))
    }
}

/// Records behind a position as one frame within the bound; none when there are none.
pub(super) fn frame(from: Rev, records: impl Iterator<Item = (Rev, Bytes)>) -> Option<FeedFrame> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for (rev, record) in records {
        bytes += record.len();
        if !taken.is_empty() && bytes > limits::FEED_FRAME_BYTES {
            break;
        }
        taken.push((rev, record));
    }
    let to = taken.last()?.0;
    Some(FeedFrame::Records {
        from,
        to,
        records: taken,
    })
}

#[cfg(test)]
mod tests {
    use parterre_domain::Position;

    use super::*;

    fn rev(number: u64) -> Rev {
        Rev {
            epoch: 1,
            position: Position::from_sequence(number),
        }
    }

    fn page(numbers: std::ops::RangeInclusive<u64>, bytes: usize) -> LogPage {
        let head = rev(*numbers.end());
        let records = numbers
            .map(|number| (rev(number), Bytes::from(vec![0; bytes])))
            .collect();
        LogPage {
            records,
            oldest: rev(0),
            head,
        }
    }

    #[test]
    fn every_position_gets_exactly_what_lies_behind_it() {
        let mut ring = Ring::new(rev(10));
        ring.extend(&page(11..=20, 100));
        for position in 10..20 {
            let Behind::Frame(FeedFrame::Records { from, to, records }) =
                ring.behind(rev(position))
            else {
                panic!("nothing behind {position}");
            };
            assert_eq!((from, to), (rev(position), rev(20)));
            let revs: Vec<Rev> = records.into_iter().map(|(rev, _)| rev).collect();
            assert_eq!(revs, (position + 1..=20).map(rev).collect::<Vec<_>>());
        }
        assert_eq!(ring.behind(rev(20)), Behind::Nothing);
        assert_eq!(ring.behind(rev(25)), Behind::Nothing);
        assert_eq!(ring.behind(rev(9)), Behind::TooFarBack);
    }

    #[test]
    fn the_ring_and_its_frames_stay_within_their_bounds() {
        let mut ring = Ring::new(rev(0));
        let half_frame = limits::FEED_FRAME_BYTES / 2 + 1;
        ring.extend(&page(1..=200, half_frame));
        assert!(ring.bytes <= limits::FEED_RING_BYTES);
        assert_eq!(ring.behind(rev(0)), Behind::TooFarBack);
        let Behind::Frame(FeedFrame::Records { records, .. }) = ring.behind(rev(190)) else {
            panic!("no frame")
        };
        assert_eq!(records.len(), 1);
    }

    #[test]
    fn a_new_epoch_begins_anew() {
        let mut ring = Ring::new(rev(0));
        ring.extend(&page(1..=5, 1));
        let other = |number| Rev {
            epoch: 2,
            ..rev(number)
        };
        ring.extend(&LogPage {
            records: vec![(other(1), Bytes::new())],
            oldest: other(0),
            head: other(1),
        });
        assert_eq!(ring.newest(), other(1));
        assert_eq!(ring.behind(rev(5)), Behind::TooFarBack);
        assert_eq!(ring.checksum_at(rev(5)), None);
    }
}
