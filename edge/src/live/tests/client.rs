//! A client that folds what it hears and checks every promise of API.md as it does.

use std::collections::{BTreeMap, VecDeque};

use parterre_domain::wire::live::{CloseReason, ToClient};
use parterre_domain::{Counts, EventId, Rev, States, TicketId, TicketState};

/// What a client believes of one event.
#[derive(Clone, Debug)]
pub(crate) struct Belief {
    pub(crate) rev: Rev,
    pub(crate) states: States,
}

/// Something that a client heard, as a test reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    Message(Box<ToClient>),
    Pong(Vec<u8>),
    Close(u16, CloseReason),
}

impl Heard {
    pub(crate) fn op(&self) -> String {
        match self {
            Self::Message(message) => match serde_json::to_value(message).unwrap()["op"].as_str() {
                Some(op) => op.to_owned(),
                None => unreachable!("every message has an op"),
            },
            Self::Pong(_) => "pong".into(),
            Self::Close(code, _) => format!("close {code}"),
        }
    }
}

/// Bytes of a server to frames.
#[derive(Default)]
pub(crate) struct Frames(VecDeque<u8>);

impl Frames {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// Whether no beginning of a frame is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next whole JSON frame.
    pub(crate) fn next(&mut self) -> Option<Heard> {
        let bytes = self.0.make_contiguous();
        let (length, header) = match *bytes {
            [_, short @ 0..=125, ..] => (usize::from(short), 2),
            [_, 126, a, b, ..] => (usize::from(u16::from_be_bytes([a, b])), 4),
            [_, 127, a, b, c, d, e, f, g, h, ..] => {
                let long = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                (usize::try_from(long).unwrap(), 10)
            }
            _ => return None,
        };
        if bytes.len() < header + length {
            return None;
        }
        let payload = bytes[header..header + length].to_vec();
        let opcode = bytes[0];
        self.0.drain(..header + length);
        Some(match opcode {
            0x81 => Heard::Message(serde_json::from_slice(&payload).unwrap()),
            0x8a => Heard::Pong(payload),
            0x88 => Heard::Close(
                u16::from_be_bytes([payload[0], payload[1]]),
                serde_json::from_slice(&payload[2..]).unwrap(),
            ),
            other => panic!("an unexpected frame {other:x}"),
        })
    }
}

/// What a client believes of every event, folded from what it hears.
#[derive(Default)]
pub(crate) struct Fold {
    pub(crate) beliefs: BTreeMap<EventId, Belief>,
    pub(crate) counts: BTreeMap<EventId, Counts>,
    pub(crate) titles: BTreeMap<EventId, String>,
}

impl Fold {
    /// Takes a message in; the event whose states it changed.
    pub(crate) fn take(&mut self, message: &ToClient) -> Option<EventId> {
        match message {
            ToClient::Snapshot {
                event,
                rev,
                counts,
                states,
            } => {
                let states = from_letters(states);
                assert_eq!(states.count(), *counts);
                let belief = Belief { rev: *rev, states };
                self.beliefs.insert(*event, belief);
                Some(*event)
            }
            ToClient::Delta {
                event,
                from,
                rev,
                counts,
                changes,
            } => {
                let Some(belief) = self.beliefs.get_mut(event) else {
                    panic!("a delta before any snapshot");
                };
                let mine = belief.rev;
                assert!(
                    *from <= mine && mine < *rev,
                    "a gap or a repetition: mine {mine}, from {from}, rev {rev}"
                );
                for (ticket, state) in changes.iter() {
                    belief.states.set(ticket, state);
                }
                belief.rev = *rev;
                assert_eq!(belief.states.count(), *counts);
                Some(*event)
            }
            ToClient::Event { event, detail } => {
                self.titles.insert(*event, detail.summary.title.clone());
                None
            }
            ToClient::Counts { events, .. } => {
                self.counts.extend(events);
                None
            }
            ToClient::Resumed { event, rev } => {
                assert_eq!(self.beliefs.get(event).map(|belief| belief.rev), Some(*rev));
                None
            }
            ToClient::Heartbeat { .. }
            | ToClient::Stale { .. }
            | ToClient::Fresh
            | ToClient::Error { .. } => None,
        }
    }
}

fn from_letters(letters: &str) -> States {
    let mut states = States::all_free(u32::try_from(letters.len()).unwrap());
    for (ticket, letter) in (0..).zip(letters.chars()) {
        states.set(TicketId(ticket), TicketState::from_letter(letter).unwrap());
    }
    states
}
