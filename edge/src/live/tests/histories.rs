//! Random histories: commits, slow clients, disconnects, resumes, changes of epoch. At
//! every message each client's fold is compared with what was true at that rev, and in
//! the end everybody knows all.

use std::time::{Duration, Instant};

use parterre_domain::wire::live::FromClient;
use parterre_domain::{EventId, TicketId, TicketState, Timestamp};

use super::client::{Fold, Frames, Heard};
use super::model::{FedWorld, event};
use crate::live::hub::{Effect, Hub, Pace};
use crate::live::message::Subprotocol;
use crate::slab::ConnectionId;

const EVENTS: u64 = 3;
const TICKETS: u32 = 60;
const CLIENTS: usize = 6;
const STEPS: usize = 600;

/// A client with a socket that holds so many bytes.
struct Client {
    id: ConnectionId,
    room: usize,
    frames: Frames,
    fold: Fold,
}

struct History {
    random: fastrand::Rng,
    world: FedWorld,
    hub: Hub<FedWorld>,
    now: Instant,
    clients: Vec<Client>,
    deltas: usize,
    snapshots: usize,
    resumed: usize,
}

impl History {
    fn new(seed: u64) -> Self {
        let world = FedWorld::new(EVENTS, TICKETS);
        let mut history = Self {
            random: fastrand::Rng::with_seed(seed),
            hub: Hub::new(world.clone(), Pace::default(), seed),
            world,
            now: Instant::now(),
            clients: Vec::new(),
            deltas: 0,
            snapshots: 0,
            resumed: 0,
        };
        for _ in 0..CLIENTS {
            let id = history.hub.connect(Subprotocol::Json, history.now);
            history.clients.push(Client {
                id,
                room: 300,
                frames: Frames::default(),
                fold: Fold::default(),
            });
        }
        history
    }

    fn step(&mut self) {
        match self.random.u32(..100) {
            0..30 => self.commit(),
            30..50 => self.now += Duration::from_millis(self.random.u64(..90)),
            50..70 => self.reads(),
            70..84 => self.subscribes(),
            84..88 => self.unsubscribes(),
            88..94 => self.reconnects(),
            94..95 => self.restore(),
            95..98 => self.hub.sweep(self.now, Timestamp::from_millis(0), None),
            _ => self
                .hub
                .end_round(Duration::from_millis(self.random.u64(..80))),
        }
        self.serve();
    }

    fn commit(&mut self) {
        let number = self.random.u64(..EVENTS);
        let rev = self.world.next_rev();
        let changes: Vec<_> = (0..self.random.usize(..4))
            .map(|_| {
                let state = self.random.choice(TicketState::ALL).unwrap();
                (TicketId(self.random.u32(..TICKETS)), state)
            })
            .collect();
        let title = self.random.u32(..8) == 0;
        let cell = self.world.cell(number);
        cell.0.borrow_mut().commit(rev, &changes, title);
        self.hub.changed([event(number)]);
    }

    /// The store is restored from a backup: some events go back.
    fn restore(&mut self) {
        let epoch = self.world.next_epoch();
        for number in 0..EVENTS {
            let cell = self.world.cell(number);
            let mut model = cell.0.borrow_mut();
            let kept: Vec<_> = model.history.keys().copied().collect();
            let back = self.random.usize(..kept.len().min(4));
            let rev = kept[kept.len() - 1 - back].min(model.rev);
            model.restore(epoch, rev);
            self.hub.changed([event(number)]);
        }
    }

    fn reads(&mut self) {
        let at = self.random.usize(..CLIENTS);
        let room = self.random.usize(..800);
        self.clients[at].room += room;
        // What the driver does when a socket can be written again.
        self.pump(at);
    }

    fn subscribes(&mut self) {
        let at = self.random.usize(..CLIENTS);
        let event = event(self.random.u64(..EVENTS));
        // A client that still has frames of this event to read may ask with the rev that
        // it has now; what comes before the answer it can't tell apart, so it reads first.
        if !self.clients[at].frames.is_empty() || self.hub.is_stuck(self.clients[at].id) {
            return;
        }
        let belief = self.clients[at].fold.beliefs.get(&event);
        let since = belief.map(|belief| belief.rev);
        let message = FromClient::Subscribe { event, since };
        self.hub.message(self.clients[at].id, Ok(message), self.now);
    }

    fn unsubscribes(&mut self) {
        let at = self.random.usize(..CLIENTS);
        let event = event(self.random.u64(..EVENTS));
        let message = FromClient::Unsubscribe { event };
        self.hub.message(self.clients[at].id, Ok(message), self.now);
    }

    /// A connection breaks, with whatever was under way, and another one resumes.
    fn reconnects(&mut self) {
        let at = self.random.usize(..CLIENTS);
        let client = &mut self.clients[at];
        self.hub.disconnect(client.id);
        client.id = self.hub.connect(Subprotocol::Json, self.now);
        client.frames = Frames::default();
        for (&event, belief) in &client.fold.beliefs {
            let since = Some(belief.rev);
            let message = FromClient::Subscribe { event, since };
            self.hub.message(client.id, Ok(message), self.now);
        }
    }

    fn serve(&mut self) {
        for effect in self.hub.take_effects() {
            match effect {
                Effect::Load(event) => self.load(event),
                other => panic!("nobody is to be ended: {other:?}"),
            }
        }
        self.hub.begin_round(self.now);
        while let Some(id) = self.hub.pop_ready() {
            let at = self.clients.iter().position(|client| client.id == id);
            self.pump(at.unwrap());
        }
    }

    fn load(&mut self, event: EventId) {
        let cell = self.world.0.borrow().cells[&event].clone();
        self.hub.loaded(event, Ok(cell), self.now);
    }

    fn pump(&mut self, at: usize) {
        loop {
            let client = &mut self.clients[at];
            let Some(mut bytes) = self.hub.next(client.id, self.now) else {
                break;
            };
            let written = bytes.split_to(bytes.len().min(client.room));
            client.room -= written.len();
            client.frames.feed(&written);
            let is_full = !bytes.is_empty();
            let rest = is_full.then_some(bytes);
            self.hub
                .wrote(client.id, rest, !written.is_empty(), self.now);
            if is_full {
                break;
            }
        }
        self.hear(at);
    }

    fn hear(&mut self, at: usize) {
        let client = &mut self.clients[at];
        while let Some(heard) = client.frames.next() {
            match heard.op().as_str() {
                "delta" => self.deltas += 1,
                "snapshot" => self.snapshots += 1,
                "resumed" => self.resumed += 1,
                _ => {}
            }
            let Heard::Message(message) = heard else {
                panic!("{heard:?}");
            };
            if let Some(event) = client.fold.take(&message) {
                let belief = &client.fold.beliefs[&event];
                let cell = self.world.0.borrow().cells[&event].clone();
                let model = cell.0.borrow();
                assert_eq!(model.history.get(&belief.rev), Some(&belief.states));
            }
        }
    }

    /// Everybody reads everything, and then stands where the world stands.
    fn finish(&mut self) {
        for at in 0..CLIENTS {
            let id = self.clients[at].id;
            self.clients[at].room = usize::MAX / 2;
            self.pump(at);
            for number in 0..EVENTS {
                let event = event(number);
                let belief = self.clients[at].fold.beliefs.get(&event);
                let since = belief.map(|belief| belief.rev);
                let message = FromClient::Subscribe { event, since };
                self.hub.message(id, Ok(message), self.now);
            }
        }
        for number in 0..EVENTS {
            self.world.commit(number, &[(0, TicketState::Sold)]);
            self.hub.changed([event(number)]);
        }
        for _ in 0..3 {
            self.now += Duration::from_secs(1);
            self.serve();
        }
        for client in &self.clients {
            for number in 0..EVENTS {
                let cell = self.world.cell(number);
                let model = cell.0.borrow();
                let belief = &client.fold.beliefs[&event(number)];
                assert_eq!(belief.rev, model.rev);
                assert_eq!(belief.states, model.states);
                if let Some(title) = client.fold.titles.get(&event(number)) {
                    assert_eq!(title, &model.title);
                }
            }
        }
    }
}

#[test]
fn every_fold_is_the_truth_at_its_rev_whatever_happens() {
    let first = fastrand::u64(..);
    let (mut deltas, mut snapshots, mut resumed) = (0, 0, 0);
    for seed in first..first.wrapping_add(200) {
        println!("seed {seed}");
        let mut history = History::new(seed);
        for _ in 0..STEPS {
            history.step();
        }
        history.finish();
        deltas += history.deltas;
        snapshots += history.snapshots;
        resumed += history.resumed;
    }
    println!("{deltas} deltas, {snapshots} snapshots, {resumed} resumed");
    assert!(deltas > 1_000 && snapshots > 100 && resumed > 100);
}
