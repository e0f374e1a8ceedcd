//! A core for tests: keeps its events in memory and speaks the feed's prose over real
//! sockets. It can be cut off, muted, made to lose records or to forget its past.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{HeaderMap, Method};
use parterre_domain::{
    CountsChange, EventChange, EventId, EventRecord, LayoutChunk, Life, LogRecord, NewTicket,
    Position, Rev, SalePhase, Slug, States, TicketId, TicketState, Timestamp,
};
use parterre_gate::listen;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::serving::connection;

pub(crate) const SECRET: &str = "a secret of the cluster";

/// A running core.
pub(crate) struct Core {
    world: Arc<World>,
    pub(crate) address: SocketAddr,
    serving: Option<JoinHandle<()>>,
    cut: watch::Sender<bool>,
}

/// How a core answers what edges forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 201, with what it was sent as the body.
    Echo,
    /// With a problem of this kind.
    Refuse(Slug),
    /// Not at all, until [`Core::speak`].
    Silent,
}

/// What connections of a core share.
pub(crate) struct World {
    pub(crate) state: Mutex<State>,
    /// Changes with every commit, and when something else must be looked at.
    pub(crate) news: watch::Sender<u64>,
}

pub(crate) struct State {
    epoch: u32,
    sequence: u64,
    pub(crate) events: BTreeMap<EventId, Event>,
    pub(crate) log: Vec<(Rev, Bytes)>,
    /// Records that are left out of the feed once, as a faulty core would.
    pub(crate) lose: usize,
    pub(crate) is_mute: bool,
    pub(crate) manner: Manner,
    pub(crate) snapshots_fetched: BTreeMap<EventId, usize>,
    pub(crate) resumes: usize,
    pub(crate) resyncs: usize,
    pub(crate) forwarded: Vec<Forwarded>,
}

/// An event as a core has it.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) record: EventRecord,
    pub(crate) states: States,
    pub(crate) rev: Rev,
    /// Encoded chunks.
    pub(crate) layout: Vec<Bytes>,
}

/// A call as a core got it.
#[derive(Clone, Debug)]
pub(crate) struct Forwarded {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Hours from the year 2100 at which an event is long over.
const LONG_OVER: i64 = -1_000_000;

/// The event with this number.
pub(crate) fn id(number: u32) -> EventId {
    EventId::new(Timestamp::from_millis(1_700_000_000_000), number.into())
}

impl Core {
    pub(crate) async fn start() -> Self {
        let state = State {
            epoch: 1,
            sequence: 1,
            events: BTreeMap::new(),
            log: Vec::new(),
            lose: 0,
            is_mute: false,
            manner: Manner::Echo,
            snapshots_fetched: BTreeMap::new(),
            resumes: 0,
            resyncs: 0,
            forwarded: Vec::new(),
        };
        let world = Arc::new(World {
            state: Mutex::new(state),
            news: watch::channel(0).0,
        });
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::from_std(listen::bind(free).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut core = Self {
            world,
            address,
            serving: None,
            cut: watch::channel(false).0,
        };
        core.serve(listener);
        core
    }

    fn serve(&mut self, listener: TcpListener) {
        let world = Arc::clone(&self.world);
        let cut = self.cut.subscribe();
        self.serving = Some(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (world, mut cut) = (Arc::clone(&world), cut.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = connection(world, stream, cut.clone()) => {}
                        _ = cut.wait_for(|&cut| cut) => {}
                    }
                });
            }
        }));
    }

    /// As if the process were killed: every connection breaks, new ones are refused.
    pub(crate) async fn kill(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            assert!(serving.await.is_err(), "it was serving");
        }
        self.cut.send_replace(true);
        // Every connection watches it until the end.
        self.cut.closed().await;
    }

    /// Starts it again where it was, with what it had.
    pub(crate) async fn revive(&mut self) {
        self.cut = watch::channel(false).0;
        let listener = listen::bind(self.address).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        self.serve(listener);
    }

    /// Breaks every connection and takes new ones.
    pub(crate) async fn cut_off(&mut self) {
        self.kill().await;
        self.revive().await;
    }

    /// Answers from now on, and what it was silent about too.
    pub(crate) fn speak(&self) {
        self.state().manner = Manner::Echo;
        self.world.news.send_modify(|news| *news += 1);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.world.state.lock().unwrap()
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Publishes an event that is long over, so that no edge loads it by itself, and of
    /// whose tickets so many, the first ones, were withdrawn while it was a draft.
    pub(crate) fn publish_with_withdrawn(&self, number: u32, tickets: u32, withdrawn: u32) {
        let record = record(number, LONG_OVER, tickets);
        let mut change = EventChange::new(record.id);
        change.record = Some(Box::new(record.clone()));
        change.withdrawn_before = withdrawn;
        let mut states = States::all_free(tickets);
        for ticket in 0..withdrawn {
            states.set(TicketId(ticket), TicketState::Withdrawn);
        }
        self.commits(|state, rev| {
            let event = Event {
                states,
                layout: layout(tickets),
                record,
                rev,
            };
            state.events.insert(event.record.id, event);
            change
        });
    }

    /// Publishes an event that begins so many hours from the year 2100, or before it.
    pub(crate) fn publish(&self, number: u32, hours: i64, tickets: u32) -> Rev {
        let record = record(number, hours, tickets);
        let mut change = EventChange::new(record.id);
        change.record = Some(Box::new(record.clone()));
        self.commits(|state, rev| {
            let event = Event {
                states: States::all_free(tickets),
                layout: layout(tickets),
                record,
                rev,
            };
            state.events.insert(event.record.id, event);
            change
        })
    }

    /// Commits new states of an event's tickets.
    pub(crate) fn commit(&self, number: u32, tickets: &[(u32, TicketState)]) -> Rev {
        self.commits(|state, rev| state.change(number, tickets, rev))
    }

    /// Changes an event and logs it in one step, as a store does: no read sees half of it.
    fn commits(&self, change: impl FnOnce(&mut State, Rev) -> EventChange) -> Rev {
        let mut state = self.state();
        let rev = state.next();
        let (at, events) = (Timestamp::from_millis(1), vec![change(&mut state, rev)]);
        let encoded = parterre_domain::encode(&LogRecord { at, events });
        state.log.push((rev, encoded.into()));
        drop(state);
        self.world.news.send_modify(|version| *version += 1);
        rev
    }

    /// Leaves the next records out of the feed, once.
    pub(crate) fn lose(&self, records: usize) {
        self.state().lose = records;
    }

    /// A restore from a backup: another epoch, the log is gone, and so is what `undo`
    /// takes back.
    pub(crate) fn restore(&self, undo: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.epoch += 1;
        state.log.clear();
        undo(&mut state);
    }

    /// What an event's availability must say.
    pub(crate) fn letters(&self, number: u32) -> (Rev, String) {
        let state = self.state();
        let event = &state.events[&id(number)];
        (event.rev, event.states.to_letters())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
        self.cut.send_replace(true);
    }
}

impl State {
    fn next(&mut self) -> Rev {
        self.sequence += 1;
        self.head()
    }

    pub(crate) fn head(&self) -> Rev {
        Rev {
            epoch: self.epoch,
            position: Position::from_sequence(self.sequence),
        }
    }

    fn change(&mut self, number: u32, tickets: &[(u32, TicketState)], rev: Rev) -> EventChange {
        let mut change = EventChange::new(id(number));
        let event = self.events.get_mut(&id(number)).unwrap();
        event.rev = rev;
        for &(ticket, state) in tickets {
            let before = event.states.set(TicketId(ticket), state).unwrap();
            change.counts.add(CountsChange::of_step(before, state));
            change.tickets.push((TicketId(ticket), state));
        }
        change
    }

    /// Puts a ticket back without a trace, as a restore does.
    pub(crate) fn take_back(&mut self, number: u32, ticket: u32, rev: Rev) {
        let event = self.events.get_mut(&id(number)).unwrap();
        event.states.set(TicketId(ticket), TicketState::Free);
        event.rev = rev;
    }
}

fn record(number: u32, hours: i64, total: u32) -> EventRecord {
    let about = format!(
        r#"{{"title": "Event {number}", "venue": "Hall", "city": "Köln", "category": "music",
            "starts_at": "2100-01-01T00:00:00.000Z", "currency": "EUR"}}"#
    );
    let mut about: parterre_domain::About = serde_json::from_str(&about).unwrap();
    about.starts_at = Timestamp::from_millis(about.starts_at.as_millis() + hours * 3_600_000);
    let tiers = r#"[{"id": "a", "name": "A", "price": 1000}]"#;
    EventRecord {
        id: id(number),
        about,
        life: Life::Published,
        phase: SalePhase::Open,
        tiers: serde_json::from_str(tiers).unwrap(),
        uploads: Vec::new(),
        total,
        created_at: Timestamp::from_millis(1),
        cancelling: false,
    }
}

/// Encoded chunks.
fn layout(total: u32) -> Vec<Bytes> {
    let ticket = |number: u32| NewTicket {
        section: format!("Section {}", number / 100),
        row: (number / 10).to_string(),
        seat: (number % 10).to_string(),
        tier: "a".into(),
        x: None,
        y: None,
    };
    let tickets: Vec<_> = (0..total).map(ticket).collect();
    let chunks = LayoutChunk::cut(&tickets, |_| 0);
    let chunks = chunks
        .iter()
        .map(|chunk| parterre_domain::encode(chunk).into());
    chunks.collect()
}
