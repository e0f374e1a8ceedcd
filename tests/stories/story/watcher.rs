//! Somebody who watches an event live, folds strictly, and remembers what was heard.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use parterre_domain::wire::api::EventDetail;
use parterre_domain::wire::live::{CloseReason, ToClient};
use parterre_domain::{EventId, Rev, TicketId, TicketState, Timestamp};
use parterre_loadtest::fold::{Fold, Wrong};
use parterre_loadtest::wire::{Heard, Live, Origin};
use tokio::task::JoinHandle;

use super::until;

/// One live connection, never made again.
pub(crate) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What a watcher has heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) fold: Option<Fold>,
    /// Every broken promise.
    pub(crate) wrong: Vec<Wrong>,
    /// Each message's op, deltas and snapshots left out.
    pub(crate) said: Vec<&'static str>,
    pub(crate) deltas: usize,
    pub(crate) snapshots: usize,
    /// Each detail, and when it was heard.
    pub(crate) details: Vec<(Timestamp, EventDetail)>,
    /// How the connection ended: a close code and its reason, or what broke.
    pub(crate) ended: Option<Result<(u16, Option<CloseReason>), String>>,
}

impl Watcher {
    /// Connects and subscribes to an event.
    pub(crate) async fn of(edge: &Origin, event: EventId) -> Self {
        Self::since(edge, event, None).await
    }

    /// The same, as somebody who has the event's states already.
    pub(crate) async fn since(edge: &Origin, event: EventId, fold: Option<Fold>) -> Self {
        let live = Live::connect(edge).await.expect("a live connection");
        Self::over(live, event, fold).await
    }

    /// Subscribes to an event by a connection.
    pub(crate) async fn over(mut live: Live, event: EventId, fold: Option<Fold>) -> Self {
        let since = fold.as_ref().map(Fold::rev);
        live.subscribe(event, since).await.expect("a subscription");
        let seen = Arc::new(Mutex::new(Seen {
            fold,
            ..Seen::default()
        }));
        let task = tokio::spawn(listen(live, seen.clone()));
        Self { seen, task }
    }

    /// Everything heard so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("no panic while listening").clone()
    }

    /// What it sees a ticket as.
    pub(crate) fn state(&self, ticket: u32) -> Option<TicketState> {
        self.seen().fold?.states().get(TicketId(ticket))
    }

    /// Waits until something holds of what it has heard.
    pub(crate) async fn until(
        &self,
        what: &str,
        within: Duration,
        holds: impl Fn(&Seen) -> bool,
    ) -> Seen {
        until(what, within, async || {
            let seen = self.seen();
            holds(&seen).then_some(seen)
        })
        .await
    }

    /// Waits until it is at a rev, or past it.
    pub(crate) async fn reaches(&self, rev: Rev, within: Duration) -> Seen {
        let what = format!("a watcher reaches {rev}");
        self.until(&what, within, |seen| {
            seen.fold.as_ref().is_some_and(|fold| fold.rev() >= rev)
        })
        .await
    }

    /// Waits until it sees a ticket in a state.
    pub(crate) async fn sees(&self, ticket: u32, state: TicketState) {
        let what = format!("a watcher sees ticket {ticket} {state:?}");
        until(&what, super::SOON, async || {
            (self.state(ticket) == Some(state)).then_some(())
        })
        .await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(mut live: Live, seen: Arc<Mutex<Seen>>) {
    loop {
        let heard = live.hear().await;
        let mut seen = seen.lock().expect("no panic while listening");
        match heard {
            Ok(Heard::Message(message)) => seen.take(*message),
            Ok(Heard::Closed(code, reason)) => {
                seen.ended = Some(Ok((code, reason)));
                return;
            }
            Err(failure) => {
                seen.ended = Some(Err(failure.to_string()));
                return;
            }
        }
    }
}

impl Seen {
    fn take(&mut self, message: ToClient) {
        let folded = match message {
            ToClient::Snapshot {
                rev,
                counts,
                states,
                ..
            } => {
                self.snapshots += 1;
                match &mut self.fold {
                    Some(fold) => fold.replace(rev, counts, &states),
                    None => Fold::new(rev, counts, &states).map(|fold| self.fold = Some(fold)),
                }
            }
            ToClient::Delta {
                from,
                rev,
                counts,
                changes,
                ..
            } => {
                self.deltas += 1;
                let fold = self.fold.as_mut().expect("a snapshot comes first");
                fold.apply(from, rev, counts, &changes)
            }
            ToClient::Resumed { .. } => self.said("resumed"),
            ToClient::Event { detail, .. } => {
                self.details.push((parterre_loadtest::now(), *detail));
                self.said("event")
            }
            ToClient::Counts { .. } => self.said("counts"),
            ToClient::Heartbeat { .. } => self.said("heartbeat"),
            ToClient::Stale { .. } => self.said("stale"),
            ToClient::Fresh => self.said("fresh"),
            ToClient::Error { .. } => self.said("error"),
        };
        self.wrong.extend(folded.err());
    }

    fn said(&mut self, op: &'static str) -> Result<(), Wrong> {
        self.said.push(op);
        Ok(())
    }
}
