//! One connection's protocol: what its client asked for, where it stands, and what to
//! tell it next. There is no queue: what to say follows from marks, so a client that
//! reads slowly finds everything merged when it reads again.
//!
//! No socket and no clock. The hub feeds it and asks [`Session::next`].

use std::collections::VecDeque;

use bytes::Bytes;

use parterre_domain::wire::live::{CloseCode, ToClient};
use parterre_domain::{EventId, Rev, Slug, limits};

use super::frame::Violation;
use super::message::Subprotocol;
use super::watch::{Frame, Source, WatchId, Watches};

/// Something to tell a client.
#[derive(Debug)]
pub(crate) enum Say {
    /// A message of its own.
    Message(ToClient),
    /// A frame shared with other clients.
    Shared(Frame),
    /// The answer to a ping.
    Pong(Bytes),
    /// All counts if true, else those that changed in the last round of counts.
    Counts {
        all: bool,
    },
    Heartbeat,
    Stale,
    /// The last thing it hears.
    Close(u16),
}

/// What every client of the shard is told of the edge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Climate {
    /// Whether the edge is stale.
    pub(crate) stale: bool,
    /// Counts the rounds of `counts`.
    pub(crate) counts_round: u32,
}

/// Where a client stands with one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// It has nothing.
    Nothing,
    /// It says that it has the states of this rev, and hasn't been answered.
    Since(Rev),
    /// It has, or is about to read, the states of this rev.
    At(Rev),
}

pub(crate) struct Subscription {
    pub(crate) watch: WatchId,
    /// The connection's position among the watch's members.
    pub(crate) slot: u32,
    mark: Mark,
    /// The rev of the detail that the client was told ahead of the next frame.
    told_detail: Option<Rev>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountsMark {
    Off,
    /// It has asked and has nothing, or has missed a round.
    Nothing,
    /// It has everything up to this round.
    At(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    Owed(u16),
    Said,
}

/// Something that a client is told can't be done.
#[derive(Debug)]
enum Complaint {
    /// A message that can't be read.
    Strike(String),
    /// A subscription that ended before it began, or because the event is no more.
    Refused(EventId, Slug),
}

/// One connection.
pub(crate) struct Session {
    subprotocol: Subprotocol,
    pub(crate) subscriptions: Vec<Subscription>,
    counts: CountsMark,
    complaints: VecDeque<Complaint>,
    pong: Option<Bytes>,
    knows_stale: bool,
    owes_heartbeat: bool,
    owes_stale: bool,
    strikes: u8,
    /// Messages that the client may still send before the next [`Session::refill`].
    allowance: u16,
    closing: Closing,
    peer: Peer,
}

/// What is still to be expected of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Messages.
    Talks,
    /// Nothing: it has sent its close frame.
    Closed,
    /// Bytes that can't be read any more.
    Broken,
}

impl Session {
    /// A client that has asked for nothing.
    pub(crate) fn new(subprotocol: Subprotocol) -> Self {
        Self {
            subprotocol,
            subscriptions: Vec::new(),
            counts: CountsMark::Off,
            complaints: VecDeque::new(),
            pong: None,
            knows_stale: false,
            owes_heartbeat: false,
            owes_stale: false,
            strikes: 0,
            allowance: limits::LIVE_BURST,
            closing: Closing::No,
            // Nobody answers a stream's last event.
            peer: match subprotocol {
                Subprotocol::Json | Subprotocol::Msgpack => Peer::Talks,
                Subprotocol::Events => Peer::Closed,
            },
        }
    }

    /// How its messages are written.
    pub(crate) fn subprotocol(&self) -> Subprotocol {
        self.subprotocol
    }

    /// Counts one message against a flood; false when it must be ignored.
    pub(crate) fn admit(&mut self) -> bool {
        if self.closing != Closing::No {
            return false;
        }
        match self.allowance.checked_sub(1) {
            Some(left) => self.allowance = left,
            None => self.close(CloseCode::Abuse as u16),
        }
        self.closing == Closing::No
    }

    /// A second has passed: the client may send more.
    pub(crate) fn refill(&mut self) {
        self.allowance = (self.allowance + limits::LIVE_RATE).min(limits::LIVE_BURST);
    }

    /// Answers a message that can't be read; too many of them end the connection.
    pub(crate) fn strike(&mut self, detail: String) {
        self.strikes = self.strikes.saturating_add(1);
        if self.strikes > limits::LIVE_STRIKES {
            self.close(CloseCode::Abuse as u16);
            return;
        }
        let is_strike = |complaint: &&Complaint| matches!(complaint, Complaint::Strike(_));
        // What doesn't fit is dropped: the client isn't reading.
        if self.complaints.iter().filter(is_strike).count() < limits::LIVE_ERRORS {
            self.complaints.push_back(Complaint::Strike(detail));
        }
    }

    /// Owes the word that there is no subscription to an event. Each is said, or the
    /// client would wait for the event without end.
    pub(crate) fn refuse(&mut self, event: EventId, slug: Slug) {
        if self.complaints.len() < limits::LIVE_REFUSALS {
            self.complaints.push_back(Complaint::Refused(event, slug));
        } else {
            // It goes on asking and doesn't read.
            self.close(CloseCode::Abuse as u16);
        }
    }

    /// Owes the answer to the latest ping only, as RFC 6455, section 5.5.3, allows.
    pub(crate) fn ping(&mut self, payload: &[u8]) {
        self.pong = Some(Bytes::copy_from_slice(payload));
    }

    /// The client has said that it closes: it is told its own code, as RFC 6455, section
    /// 5.5.1, has it.
    pub(crate) fn peer_closed(&mut self, code: Option<u16>) {
        self.peer = Peer::Closed;
        self.close(code.unwrap_or(1000));
    }

    /// The client's stream can't be read any more.
    pub(crate) fn violated(&mut self, violation: Violation) {
        self.peer = Peer::Broken;
        self.close(violation.code());
    }

    /// Owes a close frame and nothing else; the first code stands.
    pub(crate) fn close(&mut self, code: u16) {
        if self.closing == Closing::No {
            self.closing = Closing::Owed(code);
        }
    }

    /// Whether the connection is to end.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    /// Whether nothing more will be said, and what is to be expected of the client then.
    pub(crate) fn over(&self) -> Option<Peer> {
        (self.closing == Closing::Said).then_some(self.peer)
    }

    /// A long time has passed without a frame.
    pub(crate) fn owe_heartbeat(&mut self) {
        self.owes_heartbeat = true;
        self.owes_stale = true;
    }

    /// The client wants all counts, and every change of them.
    pub(crate) fn ask_counts(&mut self) {
        self.counts = CountsMark::Nothing;
    }

    /// Whether a new round of counts concerns the client.
    pub(crate) fn wants_counts(&self) -> bool {
        self.counts != CountsMark::Off
    }

    /// Subscribes, or begins anew with another `since`.
    pub(crate) fn subscribe(&mut self, watch: WatchId, slot: u32, since: Option<Rev>) {
        let mark = since.map_or(Mark::Nothing, Mark::Since);
        if let Some(known) = self.subscription(watch) {
            known.mark = mark;
            return;
        }
        self.subscriptions.reserve_exact(1);
        self.subscriptions.push(Subscription {
            watch,
            slot,
            mark,
            told_detail: None,
        });
    }

    /// Ends a subscription; the position it had among the watch's members.
    pub(crate) fn unsubscribe(&mut self, watch: WatchId) -> Option<u32> {
        let at = self.subscriptions.iter().position(|of| of.watch == watch)?;
        Some(self.subscriptions.swap_remove(at).slot)
    }

    /// The subscription to a watch.
    pub(crate) fn subscription(&mut self, watch: WatchId) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|of| of.watch == watch)
    }

    /// What to say next, as if it had been said: the caller sends it or ends the
    /// connection. None when the client knows all.
    pub(crate) fn next<S: Source>(
        &mut self,
        watches: &mut Watches<S>,
        climate: &Climate,
    ) -> Option<Say> {
        match self.closing {
            Closing::Said => return None,
            Closing::Owed(code) => {
                self.closing = Closing::Said;
                return Some(Say::Close(code));
            }
            Closing::No => {}
        }
        if let Some(payload) = self.pong.take() {
            return Some(Say::Pong(payload));
        }
        self.next_of_edge(climate)
            .or_else(|| self.next_error())
            .or_else(|| self.next_of_events(watches))
            .or_else(|| self.next_counts(climate))
    }

    fn next_of_edge(&mut self, climate: &Climate) -> Option<Say> {
        if std::mem::take(&mut self.owes_heartbeat) {
            return Some(Say::Heartbeat);
        }
        let repeats = std::mem::take(&mut self.owes_stale) && climate.stale;
        if !repeats && self.knows_stale == climate.stale {
            return None;
        }
        self.knows_stale = climate.stale;
        Some(if climate.stale {
            Say::Stale
        } else {
            Say::Message(ToClient::Fresh)
        })
    }

    fn next_error(&mut self) -> Option<Say> {
        let (slug, detail) = match self.complaints.pop_front()? {
            Complaint::Strike(detail) => (Slug::Malformed, detail),
            Complaint::Refused(event, slug) => (slug, why_refused(event, slug)),
        };
        if self.complaints.is_empty() {
            self.complaints = VecDeque::new();
        }
        let code = slug.parts().1.to_owned();
        Some(Say::Message(ToClient::Error { code, detail }))
    }

    fn next_of_events<S: Source>(&mut self, watches: &mut Watches<S>) -> Option<Say> {
        let subprotocol = self.subprotocol;
        self.subscriptions
            .iter_mut()
            .find_map(|subscription| subscription.next(watches, subprotocol))
    }

    fn next_counts(&mut self, climate: &Climate) -> Option<Say> {
        let round = climate.counts_round;
        let all = match self.counts {
            CountsMark::Off => return None,
            CountsMark::At(had) if had == round => return None,
            CountsMark::At(had) => had.wrapping_add(1) != round,
            CountsMark::Nothing => true,
        };
        self.counts = CountsMark::At(round);
        Some(Say::Counts { all })
    }
}

impl Subscription {
    fn next<S: Source>(
        &mut self,
        watches: &mut Watches<S>,
        subprotocol: Subprotocol,
    ) -> Option<Say> {
        let watch = watches.get(self.watch)?;
        if !watch.is_loaded() {
            return None;
        }
        let frame = match self.mark {
            Mark::Nothing => watch.snapshot(subprotocol),
            Mark::Since(since) => match watch.update(since, subprotocol) {
                Some(frame) if frame.is_snapshot => Some(frame),
                _ => return Some(self.resume(watch.event, since)),
            },
            // Ahead of the event may also mean that the event went back: a restore from a
            // backup begins another epoch and loses commits. The cell can tell.
            Mark::At(rev) if rev != watch.rev && !watch.dirty => watch.update(rev, subprotocol),
            Mark::At(_) => None,
        }?;
        // The detail comes first: a client whose connection breaks between the two comes
        // back with a `since` from before both.
        if frame.with_detail && self.told_detail.is_none_or(|told| told < frame.rev) {
            let detail = watch.detail(frame.rev, subprotocol)?;
            // The same again: the event went back behind a frame made before.
            if self.told_detail.replace(detail.rev) != Some(detail.rev) {
                return Some(Say::Shared(detail));
            }
        }
        self.told_detail = None;
        self.mark = Mark::At(frame.rev);
        Some(Say::Shared(frame))
    }

    fn resume(&mut self, event: EventId, since: Rev) -> Say {
        self.mark = Mark::At(since);
        Say::Message(ToClient::Resumed { event, rev: since })
    }
}

fn why_refused(event: EventId, slug: Slug) -> String {
    let most = limits::SUBSCRIPTIONS_PER_CONNECTION;
    match slug {
        Slug::NotFound => format!("there is no event {event}"),
        Slug::Invalid => format!(
            "a connection takes {most} subscriptions; unsubscribe from one before subscribing to {event}"
        ),
        slug => format!("{} about event {event}", slug.parts().2),
    }
}
