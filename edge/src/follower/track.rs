//! Where an edge stands in the feed, and what each frame means there. No socket, no clock:
//! tests hand it frames.

use std::time::Duration;

use parterre_domain::wire::feed::{FeedFrame, Join, checksum, decode_record};
use parterre_domain::{LogRecord, PassPublicKey, Rev};

/// Where an edge stands.
#[derive(Debug, Default)]
pub(crate) struct Track {
    position: Option<Rev>,
    /// Of the record at `position`; none right behind snapshots, where there is no record.
    checksum: Option<u64>,
}

/// What a frame asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing.
    Nothing,
    /// Show these keys of passes, told when the log ended at `newest`.
    Greet {
        /// Where the log ended.
        newest: Rev,
        /// What verifies passes.
        keys: Vec<PassPublicKey>,
    },
    /// Load snapshots that are no older than this, then call [`Track::resynced`] with it.
    Resync(Rev),
    /// Apply these records, as one.
    Apply(Vec<(Rev, LogRecord)>),
    /// The log ended at `head`, by a read that was so old when it was sent.
    Heartbeat {
        /// Where the log ended.
        head: Rev,
        /// How old the read was.
        age: Duration,
    },
}

/// Why a feed can't be followed any further. The track has forgotten its position, so that
/// the next one begins with snapshots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// Records are missing.
    #[error("records begin at {from} and the edge stands at {position:?}")]
    Gap {
        /// Where the frame's records begin.
        from: Rev,
        /// Where the edge stands.
        position: Option<Rev>,
    },
    /// A frame contradicts itself.
    #[error("a frame's records aren't in order")]
    Disorder,
    /// A record that this version doesn't know.
    #[error("record {rev} can't be read: {reason}")]
    Unreadable {
        /// Which.
        rev: Rev,
        /// Why.
        reason: String,
    },
}

impl Track {
    /// What to say on joining.
    pub(crate) fn join(&self) -> Join {
        Join {
            since: self.position.zip(self.checksum),
        }
    }

    /// The last rev that is applied.
    pub(crate) fn position(&self) -> Option<Rev> {
        self.position
    }

    /// Snapshots are in; records follow behind `from`.
    pub(crate) fn resynced(&mut self, from: Rev) {
        (self.position, self.checksum) = (Some(from), None);
    }

    /// Forgets everything: the next feed begins with snapshots.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes a frame. After an error the connection must be given up.
    pub(crate) fn take(&mut self, frame: FeedFrame) -> Result<Step, Broken> {
        match frame {
            FeedFrame::Hello { newest, keys, .. } => Ok(Step::Greet { newest, keys }),
            FeedFrame::Resync { from } => {
                self.forget();
                Ok(Step::Resync(from))
            }
            FeedFrame::Heartbeat { head, age_ms } => Ok(Step::Heartbeat {
                head,
                age: Duration::from_millis(age_ms.into()),
            }),
            FeedFrame::Records { from, to, records } => {
                let taken = self.records(from, to, &records);
                if taken.is_err() {
                    self.forget();
                }
                taken
            }
        }
    }

    fn records(
        &mut self,
        from: Rev,
        to: Rev,
        records: &[(Rev, bytes::Bytes)],
    ) -> Result<Step, Broken> {
        check_order(from, to, records)?;
        let position = match self.position {
            Some(position) if from.epoch == position.epoch && from <= position => position,
            position => return Err(Broken::Gap { from, position }),
        };
        // All of (from, to] is here, so what is behind the position is whole, whatever
        // of it has come before.
        let new = &records[records.partition_point(|(rev, _)| *rev <= position)..];
        let Some((last, encoded)) = new.last() else {
            return Ok(Step::Nothing);
        };
        let decoded = new
            .iter()
            .map(|(rev, encoded)| match decode_record(encoded) {
                Ok(record) => Ok((*rev, record)),
                Err(error) => Err(Broken::Unreadable {
                    rev: *rev,
                    reason: error.to_string(),
                }),
            });
        let decoded = decoded.collect::<Result<_, _>>()?;
        (self.position, self.checksum) = (Some(*last), Some(checksum(encoded)));
        Ok(Step::Apply(decoded))
    }
}

/// That the records of (from, to] are ascending, of one epoch, and end at `to`.
fn check_order(from: Rev, to: Rev, records: &[(Rev, bytes::Bytes)]) -> Result<(), Broken> {
    let mut before = from;
    for (rev, _) in records {
        if *rev <= before || rev.epoch != from.epoch {
            return Err(Broken::Disorder);
        }
        before = *rev;
    }
    if before == to {
        Ok(())
    } else {
        Err(Broken::Disorder)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parterre_domain::{EventChange, EventId, Position, Timestamp};

    use super::*;

    fn rev(epoch: u32, sequence: u64) -> Rev {
        Rev {
            epoch,
            position: Position::from_sequence(sequence),
        }
    }

    fn record(sequence: u64) -> LogRecord {
        let event = EventId::new(Timestamp::from_millis(1), sequence.into());
        LogRecord {
            at: Timestamp::from_millis(1),
            events: vec![EventChange::new(event)],
        }
    }

    /// A frame of the records in (from, to] of epoch 1.
    fn frame(from: u64, to: u64) -> FeedFrame {
        let encoded = |n| Bytes::from(parterre_domain::encode(&record(n)));
        FeedFrame::Records {
            from: rev(1, from),
            to: rev(1, to),
            records: (from + 1..=to).map(|n| (rev(1, n), encoded(n))).collect(),
        }
    }

    fn track_at(sequence: u64) -> Track {
        let mut track = Track::default();
        track.resynced(rev(1, sequence));
        track
    }

    fn applied(step: Result<Step, Broken>) -> Vec<u64> {
        match step {
            Ok(Step::Apply(records)) => records
                .into_iter()
                .map(|(rev, decoded)| {
                    let sequence = rev.position.sequence();
                    assert_eq!(decoded, record(sequence));
                    sequence
                })
                .collect(),
            Ok(Step::Nothing) => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn records_are_applied_once_in_order_and_the_next_join_names_the_last() {
        let mut track = track_at(4);
        assert_eq!(track.join(), Join { since: None }, "there is no record yet");
        let check = |track: &mut Track, from, to, expected: &[u64]| {
            assert_eq!(
                applied(track.take(frame(from, to))),
                expected,
                "({from}, {to}]"
            );
        };
        check(&mut track, 4, 6, &[5, 6]);
        check(&mut track, 4, 6, &[]);
        check(&mut track, 6, 6, &[]);
        check(&mut track, 5, 8, &[7, 8]);
        check(&mut track, 0, 2, &[]);
        let sum = checksum(&parterre_domain::encode(&record(8)));
        assert_eq!(
            track.join(),
            Join {
                since: Some((rev(1, 8), sum))
            }
        );
    }

    #[test]
    fn a_gap_is_never_guessed_over() {
        let mut track = track_at(4);
        let gap = Broken::Gap {
            from: rev(1, 5),
            position: Some(rev(1, 4)),
        };
        assert_eq!(track.take(frame(5, 6)), Err(gap));
        assert_eq!(track.join(), Join { since: None });
        assert!(
            track.take(frame(4, 5)).is_err(),
            "the position is forgotten"
        );
        assert!(Track::default().take(frame(0, 1)).is_err());
    }

    #[test]
    fn another_epoch_is_a_gap_until_snapshots_are_in() {
        let mut track = track_at(4);
        let FeedFrame::Records { records, .. } = frame(4, 5) else {
            unreachable!()
        };
        let next = FeedFrame::Records {
            from: rev(2, 4),
            to: rev(2, 5),
            records: records
                .into_iter()
                .map(|(_, bytes)| (rev(2, 5), bytes))
                .collect(),
        };
        assert!(track.take(next.clone()).is_err());
        let resync = FeedFrame::Resync { from: rev(2, 4) };
        assert_eq!(track.take(resync), Ok(Step::Resync(rev(2, 4))));
        assert_eq!(track.position(), None, "until the snapshots are in");
        track.resynced(rev(2, 4));
        assert_eq!(applied(track.take(next)), [5]);
    }

    #[test]
    fn a_frame_that_contradicts_itself_is_refused() {
        let FeedFrame::Records { from, to, records } = frame(4, 7) else {
            unreachable!()
        };
        let check = |what: &str, to: Rev, records: Vec<(Rev, Bytes)>| {
            let mut track = track_at(4);
            let frame = FeedFrame::Records { from, to, records };
            assert!(track.take(frame).is_err(), "{what}");
            assert_eq!(track.position(), None, "{what}");
        };
        check("the last is missing", to, records[..2].to_vec());
        check("more than it says", rev(1, 6), records.clone());
        check("turned around", to, records.iter().rev().cloned().collect());
        let mut unreadable = records;
        unreadable[1].1 = Bytes::from_static(b"\xc1");
        check("unreadable", to, unreadable);
    }
}
