//! The hub's hands: sockets and time of one shard's live part.
//!
//! One task runs the rounds ([`Live::run`]), one small task a connection waits for its
//! client to say something, and a client that can't take a frame has one more until it
//! can. Writing is done by whoever has something to write, at once, without a copy: see
//! `writing`.

mod writing;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use parterre_gate::stream::Stream;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, sleep};

use parterre_domain::wire::live::FromClient;
use parterre_domain::{EventId, Rev, Slug, Timestamp, limits};

use super::batch::Batch;
use super::hub::{Effect, Hub, Pace, World};
use super::message::Subprotocol;
use super::outlet::{EventStream, Mailbox, Outlet};
use super::reader::{Incoming, Reader};
use super::socket::LiveSocket;
use crate::metrics::LiveMetrics;
use crate::slab::ConnectionId;

/// What the driver needs of the edge around it.
pub(crate) trait Surroundings: World + Clone + 'static {
    /// Loads an event's cell and keeps it in memory while the answer is held; or why it
    /// can't be.
    fn load(&self, event: EventId) -> impl Future<Output = Result<Self::Cell, Slug>>;
    /// Ends when events have changed since [`Self::take_changed`].
    fn wait_changed(&self) -> impl Future<Output = ()>;
    /// The events that have changed since the last time.
    fn take_changed(&self) -> Vec<EventId>;
    /// For how long the edge hasn't been confirmed up to date, once that is too long.
    fn stale(&self) -> Option<Duration>;
    /// The time of day.
    fn wall(&self) -> Timestamp;
}

/// Pulses between two sweeps. At each pulse a shard asks whether the edge is stale.
const PULSES_PER_SWEEP: u32 = 4;

/// Between two reads of what is dropped, because the connection is closing.
const CLOSING_PAUSE: Duration = Duration::from_millis(20);

/// One shard's live part.
pub(crate) struct Live<W: Surroundings> {
    world: W,
    hub: RefCell<Hub<W>>,
    /// By [`ConnectionId::index`].
    outlets: RefCell<Vec<Option<Outlet>>>,
    scratch: RefCell<Box<[u8]>>,
    /// None where the kernel has none.
    batch: RefCell<Option<Batch>>,
    /// Something has become ready outside of a round.
    wake: Notify,
    pulse: Duration,
    metrics: LiveMetrics,
}

impl<W: Surroundings> Live<W> {
    /// A shard's live part without connections.
    pub(crate) fn new(world: W, pace: Pace, metrics: LiveMetrics) -> Rc<Self> {
        let hub = Hub::new(world.clone(), pace, fastrand::u64(..));
        Rc::new(Self {
            world,
            hub: RefCell::new(hub),
            outlets: RefCell::default(),
            scratch: RefCell::new(vec![0; limits::LIVE_READ_BYTES].into()),
            batch: RefCell::new(Batch::new()),
            wake: Notify::new(),
            pulse: pace.pulse,
            metrics,
        })
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.hub.borrow().len()
    }

    /// Whether no round is owed.
    #[cfg(test)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.hub.borrow_mut().next_round(Instant::now()).is_none()
    }

    /// Whether another connection is too many; counts the refusal.
    pub(crate) fn is_full(&self) -> bool {
        let is_full = self.len() >= limits::LIVE_PER_SHARD;
        if is_full {
            self.metrics.refused.inc();
        }
        is_full
    }

    /// Runs rounds and sweeps until `stop` turns true, then closes every connection and
    /// ends when all are gone. Whoever waits for it sets the deadline.
    pub(crate) async fn run(self: Rc<Self>, mut stop: watch::Receiver<bool>) {
        let mut pulse = interval(self.pulse);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulses = 0_u32;
        let mut is_draining = false;
        while !is_draining || self.len() > 0 {
            let wait = self.hub.borrow_mut().next_round(Instant::now());
            tokio::select! {
                () = self.world.wait_changed() => {}
                () = self.wake.notified() => {}
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                _ = pulse.tick() => {
                    pulses += 1;
                    if pulses.is_multiple_of(PULSES_PER_SWEEP) {
                        let (wall, stale) = (self.world.wall(), self.world.stale());
                        self.hub.borrow_mut().sweep(Instant::now(), wall, stale);
                    }
                }
                // An error means that nobody is left who could say stop.
                _ = stop.wait_for(|&stop| stop), if !is_draining => {
                    is_draining = true;
                    self.hub.borrow_mut().drain(Instant::now());
                }
            }
            self.turn().await;
        }
    }

    /// Serves everybody who has something to be told.
    async fn turn(self: &Rc<Self>) {
        let began = Instant::now();
        let is_round = {
            let mut hub = self.hub.borrow_mut();
            hub.set_stale(self.world.stale());
            hub.changed(self.world.take_changed());
            hub.begin_round(began)
        };
        self.serve_ready().await;
        if is_round {
            let took = began.elapsed();
            self.hub.borrow_mut().end_round(took);
            self.metrics.round(took);
        }
        self.perform_effects();
    }

    fn perform_effects(self: &Rc<Self>) {
        let effects = self.hub.borrow_mut().take_effects();
        for effect in effects {
            match effect {
                Effect::Load(event) => {
                    let live = Rc::clone(self);
                    spawn_local(async move {
                        let outcome = live.world.load(event).await;
                        live.hub.borrow_mut().loaded(event, outcome, Instant::now());
                        live.wake.notify_one();
                    });
                }
                Effect::End(id) => {
                    if let Some(outlet) = self.outlet(id) {
                        outlet.end();
                    }
                }
                Effect::Finish(id) => {
                    if let Some(outlet) = self.outlet(id) {
                        outlet.finish();
                    }
                }
                Effect::Cut(id) => {
                    if let Some(outlet) = self.outlet(id) {
                        outlet.cut();
                    }
                }
            }
        }
    }

    fn outlet(&self, id: ConnectionId) -> Option<Outlet> {
        self.outlets.borrow().get(id.index())?.clone()
    }

    /// Takes a client in that watches one event by Server-Sent Events. It is served for as
    /// long as the answer's body lives.
    pub(crate) fn stream(self: &Rc<Self>, event: EventId, since: Option<Rev>) -> EventStream<W> {
        let mailbox = Rc::<Mailbox>::default();
        let outlet = Outlet::Body(Rc::clone(&mailbox));
        let id = self.connect(outlet, Subprotocol::Events);
        let wish = FromClient::Subscribe { event, since };
        let mut hub = self.hub.borrow_mut();
        hub.message(id, Ok(wish), Instant::now());
        drop(hub);
        self.wake.notify_one();
        EventStream::new(Rc::clone(self), id, mailbox)
    }

    /// Takes a client in and serves it in a task of its own until its connection ends.
    /// `early` is what it sent right behind the handshake.
    pub(crate) fn adopt(self: &Rc<Self>, stream: Stream, subprotocol: Subprotocol, early: &[u8]) {
        let Ok(socket) = LiveSocket::new(stream) else {
            return;
        };
        let socket = Rc::new(socket);
        let id = self.connect(Outlet::Socket(Rc::clone(&socket)), subprotocol);
        let mut reader = Some(Reader::default());
        self.feed(id, &mut reader, &mut early.to_vec());
        let mut is_open = true;
        if socket.may_hold_bytes() {
            // What came together with the handshake makes the socket no longer readable.
            is_open = self.read(id, &socket, &mut reader);
        }
        self.wake.notify_one();
        let live = Rc::clone(self);
        // This is all that an idle connection keeps beside its session: it must stay
        // small. An `async fn` would hold its arguments twice.
        spawn_local(async move {
            while is_open && socket.readable().await.is_ok() {
                if !live.read(id, &socket, &mut reader) {
                    break;
                }
                if live.hub.borrow_mut().is_closing(id) {
                    // Whoever floods us must not keep us busy dropping it.
                    Box::pin(sleep(CLOSING_PAUSE)).await;
                }
            }
            socket.end();
            live.disconnect(id);
        });
    }

    fn connect(&self, outlet: Outlet, subprotocol: Subprotocol) -> ConnectionId {
        let id = self.hub.borrow_mut().connect(subprotocol, Instant::now());
        let mut outlets = self.outlets.borrow_mut();
        if outlets.len() <= id.index() {
            outlets.resize(id.index() + 1, None);
        }
        outlets[id.index()] = Some(outlet);
        self.metrics.connections.inc();
        self.metrics.connected.inc();
        id
    }

    /// A connection is gone.
    pub(super) fn disconnect(&self, id: ConnectionId) {
        self.hub.borrow_mut().disconnect(id);
        self.outlets.borrow_mut()[id.index()] = None;
        self.metrics.connections.dec();
        self.wake.notify_one();
    }

    /// Reads what has come; false at the stream's end.
    fn read(&self, id: ConnectionId, socket: &LiveSocket, reader: &mut Option<Reader>) -> bool {
        let mut scratch = self.scratch.borrow_mut();
        for _ in 0..limits::LIVE_READS_PER_TURN {
            match socket.try_read(&mut scratch) {
                Ok(0) => return false,
                Ok(count) => self.feed(id, reader, &mut scratch[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        self.wake.notify_one();
        true
    }

    /// Hands a client's bytes to the hub as messages. After a violation there is no
    /// reader, and what comes is dropped until the client has seen the close.
    fn feed(&self, id: ConnectionId, reader: &mut Option<Reader>, bytes: &mut [u8]) {
        let Some(open) = reader else {
            return;
        };
        let mut hub = self.hub.borrow_mut();
        let now = Instant::now();
        let Some(subprotocol) = hub.subprotocol(id) else {
            return;
        };
        let outcome = open.feed(bytes, |incoming| match incoming {
            Incoming::Ping(payload) => hub.ping(id, payload, now),
            Incoming::Pong => {}
            Incoming::Close(code) => hub.peer_closed(id, code, now),
            Incoming::Text(_) | Incoming::Binary(_) => {
                hub.message(id, subprotocol.decode(&incoming), now);
            }
        });
        if let Err(violation) = outcome {
            hub.violated(id, violation, now);
            *reader = None;
        }
    }
}
