//! What all screens were told. They are told the same bytes, so each frame is kept once,
//! with how many had it, and read when the telling is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parterre_domain::wire::live::ToClient;

use crate::bench::LOOK;
use crate::numbers::locked;
use crate::raw::{Frame, Seen};
use crate::wire::Failure;

/// How long screens may be waited for.
const ARRIVED: Duration = Duration::from_secs(20);

/// What screens were told since it was last forgotten.
#[derive(Debug, Default)]
pub(super) struct Told {
    frames: HashMap<Vec<u8>, usize>,
    /// When the last frame came.
    latest: Option<Instant>,
}

/// What that comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Screens that were told everything.
    pub(super) snapshots: usize,
    /// Frames that brought changes.
    pub(super) deltas: usize,
    /// How many screens were told of each ticket in them.
    told: HashMap<u32, usize>,
}

impl Told {
    pub(super) fn note(&mut self, payload: &[u8], now: Instant) {
        self.latest = Some(now);
        match self.frames.get_mut(payload) {
            Some(count) => *count += 1,
            None => drop(self.frames.insert(payload.to_vec(), 1)),
        }
    }

    /// Forgets what was told so far.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn latest(&self) -> Option<Instant> {
        self.latest
    }

    /// Frames of whatever kind.
    pub(super) fn frames(&self) -> usize {
        self.frames.values().sum()
    }

    /// The first frame that brings a change.
    pub(super) fn delta(&self) -> Option<Vec<u8>> {
        let mut frames = self.frames.keys();
        let is_delta = |frame: &&Vec<u8>| matches!(read(frame), Ok(ToClient::Delta { .. }));
        frames.find(is_delta).cloned()
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// When a frame can't be read, or says that something is wrong.
    pub(super) fn tally(&self) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        for (frame, count) in &self.frames {
            match read(frame)? {
                ToClient::Snapshot { .. } => tally.snapshots += count,
                ToClient::Delta { changes, .. } => {
                    tally.deltas += count;
                    for (ticket, _) in changes.iter() {
                        *tally.told.entry(ticket.0).or_default() += count;
                    }
                }
                ToClient::Error { code, detail } => {
                    return Err(Failure::Odd(format!("a screen was told {code}: {detail}")));
                }
                ToClient::Resumed { .. }
                | ToClient::Event { .. }
                | ToClient::Counts { .. }
                | ToClient::Heartbeat { .. }
                | ToClient::Stale { .. }
                | ToClient::Fresh => {}
            }
        }
        Ok(tally)
    }
}

impl Tally {
    /// Whether so many screens were told of each of these tickets once.
    pub(super) fn is_whole(&self, screens: usize, mut tickets: impl Iterator<Item = u32>) -> bool {
        tickets.all(|ticket| self.told.get(&ticket) == Some(&screens))
    }
}

fn read(frame: &[u8]) -> Result<ToClient, Failure> {
    serde_json::from_slice(frame)
        .map_err(|error| Failure::Odd(format!("{error}: {}", frame.escape_ascii())))
}

/// What to do with each frame so that it is noted.
pub(super) fn noting(told: &Arc<Mutex<Told>>) -> Arc<Seen> {
    let told = Arc::clone(told);
    Arc::new(move |frame: Frame<'_>, now| locked(&told).note(frame.payload, now))
}

/// Waits until what was told is so.
///
/// # Errors
///
/// When it isn't for a long time.
pub(super) async fn until(
    what: &str,
    told: &Mutex<Told>,
    is_so: impl Fn(&Told) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let began = Instant::now();
    while !is_so(&locked(told))? {
        if began.elapsed() > ARRIVED {
            let frames = locked(told).frames();
            let what = format!("not in {ARRIVED:?}: {what}; {frames} frames came");
            return Err(Failure::Odd(what));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parterre_domain::wire::live::Changes;
    use parterre_domain::{Counts, EventId, Rev, TicketId};

    use super::*;

    fn delta(tickets: &[u32]) -> Vec<u8> {
        let changes = Changes {
            p: tickets.iter().copied().map(TicketId).collect(),
            ..Changes::default()
        };
        let delta = ToClient::Delta {
            event: EventId::from_bytes([0; 16]),
            from: Rev::default(),
            rev: Rev::default(),
            counts: Counts::default(),
            changes,
        };
        serde_json::to_vec(&delta).unwrap()
    }

    #[test]
    fn every_screen_must_be_told_of_every_ticket_once() {
        let check = |frames: &[&[u32]], expected| {
            let mut told = Told::default();
            for tickets in frames {
                told.note(&delta(tickets), Instant::now());
            }
            let tally = told.tally().unwrap();
            assert_eq!(tally.deltas, frames.len());
            assert_eq!(tally.is_whole(2, 1..=2), expected, "{frames:?}");
        };
        check(&[&[1], &[1], &[2], &[2]], true);
        check(&[&[1, 2], &[1], &[2]], true);
        check(&[&[1, 2], &[1]], false);
        check(&[&[1, 2], &[1, 2], &[2]], false);
    }
}
