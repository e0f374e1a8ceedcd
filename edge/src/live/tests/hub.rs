//! Stories of a hub: what is said to whom, in which order, and when.

use std::time::{Duration, Instant};

use parterre_domain::wire::live::{FromClient, ToClient};
use parterre_domain::{EventId, Rev, Slug, TicketState, Timestamp, limits};

use super::client::{Frames, Heard};
use super::model::{FedWorld, event};
use crate::live::hub::{Effect, Hub, Pace};
use crate::live::message::Subprotocol;
use crate::slab::ConnectionId;

/// A hub over a hand-fed world, with time moved by hand.
struct Stage {
    world: FedWorld,
    hub: Hub<FedWorld>,
    now: Instant,
    ended: Vec<Effect>,
}

impl Stage {
    fn new(events: u64) -> Self {
        let world = FedWorld::new(events, 500);
        let hub = Hub::new(world.clone(), Pace::default(), 1);
        let now = Instant::now();
        Self {
            world,
            hub,
            now,
            ended: Vec::new(),
        }
    }

    fn connect(&mut self) -> ConnectionId {
        self.hub.connect(Subprotocol::Json, self.now)
    }

    fn say(&mut self, id: ConnectionId, message: FromClient) {
        self.hub.message(id, Ok(message), self.now);
        self.perform();
    }

    fn subscribe(&mut self, id: ConnectionId, number: u64, since: Option<Rev>) {
        let event = event(number);
        self.say(id, FromClient::Subscribe { event, since });
    }

    fn perform(&mut self) {
        for effect in self.hub.take_effects() {
            match effect {
                Effect::Load(event) => self.load(event),
                Effect::End(_) | Effect::Finish(_) | Effect::Cut(_) => self.ended.push(effect),
            }
        }
    }

    fn load(&mut self, event: EventId) {
        let cell = self.world.0.borrow().cells.get(&event).cloned();
        let outcome = cell.ok_or(Slug::NotFound);
        self.hub.loaded(event, outcome, self.now);
    }

    fn sell(&mut self, number: u64, ticket: u32) -> Rev {
        let rev = self.world.commit(number, &[(ticket, TicketState::Sold)]);
        self.hub.changed([event(number)]);
        rev
    }

    fn wait(&mut self, duration: Duration) {
        self.now += duration;
    }

    fn sweep(&mut self, stale: Option<Duration>) {
        self.hub.sweep(self.now, Timestamp::from_millis(0), stale);
        self.perform();
    }

    /// Serves everybody who is ready, and says what each heard.
    fn heard(&mut self) -> Vec<(ConnectionId, Heard)> {
        self.hub.begin_round(self.now);
        let mut heard = Vec::new();
        while let Some(id) = self.hub.pop_ready() {
            while let Some(bytes) = self.hub.next(id, self.now) {
                let mut frames = Frames::default();
                frames.feed(&bytes);
                heard.extend(std::iter::from_fn(|| frames.next()).map(|one| (id, one)));
                self.hub.wrote(id, None, true, self.now);
            }
        }
        self.perform();
        heard
    }

    /// The ops of what one connection heard.
    fn ops(&mut self, id: ConnectionId) -> Vec<String> {
        let heard = self.heard();
        let mine = heard.iter().filter(|(to, _)| *to == id);
        mine.map(|(_, heard)| heard.op()).collect()
    }
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_first_change_after_quiet_goes_out_at_once_and_the_next_waits_for_its_tick() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.subscribe(id, 0, None);
    assert_eq!(stage.ops(id), ["snapshot"]);
    stage.sell(0, 1);
    assert_eq!(stage.hub.next_round(stage.now), Some(Duration::ZERO));
    assert_eq!(stage.ops(id), ["delta"]);
    stage.sell(0, 2);
    stage.sell(0, 3);
    assert_eq!(stage.hub.next_round(stage.now), Some(50 * MS));
    stage.wait(49 * MS);
    assert_eq!(stage.ops(id), [""; 0]);
    stage.wait(MS);
    assert_eq!(stage.ops(id), ["delta"], "two changes in one frame");
    assert_eq!(stage.hub.next_round(stage.now), None);
}

#[test]
fn the_tick_is_twice_the_last_fan_out_within_its_bounds() {
    let rows = [(1, 50), (25, 50), (30, 60), (400, 800), (700, 1000)];
    for (took, tick) in rows {
        let mut stage = Stage::new(1);
        let id = stage.connect();
        stage.subscribe(id, 0, None);
        stage.sell(0, 1);
        stage.heard();
        stage.hub.end_round(took * MS);
        stage.sell(0, 2);
        let wait = stage.hub.next_round(stage.now);
        assert_eq!(wait, Some(tick * MS), "after a fan-out of {took} ms");
    }
}

#[test]
fn since_is_honoured_with_at_most_one_delta() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    let start = stage.world.cell(0).0.borrow().rev;
    let ahead = Rev {
        position: parterre_domain::Position::from_sequence(1_000),
        ..start
    };
    let foreign = Rev {
        epoch: start.epoch + 1,
        ..start
    };
    for ticket in 0..5 {
        stage.sell(0, ticket);
    }
    stage.heard();
    let rows: [(&str, Option<Rev>, &[&str]); 5] = [
        ("nothing", None, &["snapshot"]),
        ("an older rev", Some(start), &["resumed", "delta"]),
        ("a rev ahead", Some(ahead), &["resumed"]),
        ("another epoch", Some(foreign), &["event", "snapshot"]),
        ("forgotten", Some(Rev::default()), &["event", "snapshot"]),
    ];
    for (what, since, ops) in rows {
        stage.subscribe(id, 0, since);
        assert_eq!(stage.ops(id), ops, "since {what}");
    }
}

#[test]
fn a_client_ahead_of_the_edge_hears_nothing_until_the_edge_has_passed_it() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    let mut ahead = stage.world.0.borrow().head;
    ahead.position = parterre_domain::Position::from_sequence(ahead.position.sequence() + 2);
    stage.subscribe(id, 0, Some(ahead));
    assert_eq!(stage.ops(id), ["resumed"]);
    for (ticket, expected) in [(1, vec![]), (2, vec![]), (3, vec!["delta"])] {
        stage.sell(0, ticket);
        stage.wait(50 * MS);
        assert_eq!(stage.ops(id), expected, "after change {ticket}");
    }
}

#[test]
fn everybody_at_the_same_rev_gets_the_very_same_bytes() {
    let mut stage = Stage::new(1);
    let clients: Vec<_> = (0..3).map(|_| stage.connect()).collect();
    for &id in &clients {
        stage.subscribe(id, 0, None);
    }
    stage.heard();
    stage.sell(0, 1);
    stage.hub.begin_round(stage.now);
    let mut addresses = Vec::new();
    while let Some(id) = stage.hub.pop_ready() {
        let bytes = stage.hub.next(id, stage.now).unwrap();
        addresses.push((bytes.as_ptr(), bytes.len()));
        stage.hub.wrote(id, None, true, stage.now);
        assert_eq!(stage.hub.next(id, stage.now), None);
    }
    assert_eq!(addresses.len(), 3);
    assert!(addresses.iter().all(|one| *one == addresses[0]));
}

#[test]
fn a_slow_client_keeps_the_rest_of_one_frame_and_then_gets_one_merged_delta() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.subscribe(id, 0, None);
    stage.heard();
    stage.sell(0, 1);
    stage.hub.begin_round(stage.now);
    assert_eq!(stage.hub.pop_ready(), Some(id));
    let mut first = stage.hub.next(id, stage.now).unwrap();
    let mut frames = Frames::default();
    frames.feed(&first.split_to(5));
    stage.hub.wrote(id, Some(first.clone()), true, stage.now);
    for ticket in 2..9 {
        stage.sell(0, ticket);
        stage.wait(50 * MS);
        assert_eq!(stage.heard(), [], "it is stuck");
    }
    assert_eq!(stage.hub.take_tally().merged, 7);
    assert_eq!(stage.hub.next(id, stage.now), Some(first.clone()));
    stage.hub.wrote(id, None, true, stage.now);
    frames.feed(&first);
    let merged = stage.hub.next(id, stage.now).unwrap();
    frames.feed(&merged);
    stage.hub.wrote(id, None, true, stage.now);
    assert_eq!(stage.hub.next(id, stage.now), None);
    let sold = |heard: Option<Heard>| match heard {
        Some(Heard::Message(message)) => match *message {
            ToClient::Delta { changes, .. } => changes.s.len(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(sold(frames.next()), 1);
    assert_eq!(sold(frames.next()), 7);
}

#[test]
fn a_delta_that_would_weigh_more_than_a_snapshot_becomes_one() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.subscribe(id, 0, None);
    stage.heard();
    let all: Vec<_> = (0..500).map(|id| (id, TicketState::Pending)).collect();
    stage.world.commit(0, &all);
    stage.hub.changed([event(0)]);
    assert_eq!(stage.hub.take_tally().skipped, 0);
    assert_eq!(stage.ops(id), ["snapshot"]);
    assert_eq!(stage.hub.take_tally().skipped, 1);
}

#[test]
fn a_changed_record_brings_the_event_ahead_of_its_delta() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.subscribe(id, 0, None);
    stage.heard();
    let rev = stage.world.next_rev();
    stage.world.cell(0).0.borrow_mut().commit(rev, &[], true);
    stage.hub.changed([event(0)]);
    assert_eq!(stage.ops(id), ["event", "delta"]);
    stage.sell(0, 1);
    stage.wait(50 * MS);
    assert_eq!(stage.ops(id), ["delta"]);
}

#[test]
fn an_unknown_event_is_an_error_and_the_connection_stays() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.subscribe(id, 7, None);
    let heard = stage.heard();
    let Some((_, Heard::Message(message))) = heard.first() else {
        panic!("{heard:?}");
    };
    let ToClient::Error { code, .. } = &**message else {
        panic!("{message:?}");
    };
    assert_eq!(code, "not-found");
    stage.subscribe(id, 0, None);
    assert_eq!(stage.ops(id), ["snapshot"]);
}

#[test]
fn every_refused_subscription_of_a_burst_is_told_however_many() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    let unknown = 1_000..1_000 + limits::SUBSCRIPTIONS_PER_CONNECTION as u64;
    for number in unknown.clone() {
        let message = FromClient::Subscribe {
            event: event(number),
            since: None,
        };
        stage.hub.message(id, Ok(message), stage.now);
    }
    let late = [2_000, 2_001];
    for number in late {
        stage.subscribe(id, number, None);
    }
    let refused: Vec<_> = stage
        .heard()
        .into_iter()
        .map(|(_, heard)| match heard {
            Heard::Message(message) => match *message {
                ToClient::Error { code, detail } => (code, detail),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let told = |code: &str, number: u64| {
        let name = event(number).to_string();
        let mut told = refused.iter();
        told.any(|(had, detail)| had == code && detail.contains(&name))
    };
    assert!(unknown.clone().all(|number| told("not-found", number)));
    assert!(told("invalid", late[0]), "there was no room: {refused:?}");
    assert!(told("not-found", late[1]), "those refused made room");
    assert_eq!(refused.len(), unknown.count() + late.len());
}

#[test]
fn refusals_that_nobody_reads_end_the_connection_before_they_pile_up() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    for number in 1_000..1_000 + u64::from(limits::LIVE_BURST) {
        stage.subscribe(id, number, None);
        stage.sweep(None);
    }
    assert!(!stage.hub.is_closing(id), "each can be told");
    for number in 5_000..5_010 {
        stage.subscribe(id, number, None);
    }
    assert_eq!(stage.ops(id), ["close 4400"]);
}

#[test]
fn watchers_of_an_event_that_is_no_more_are_told_and_it_is_forgotten() {
    let mut stage = Stage::new(2);
    let id = stage.connect();
    let stream = stage.hub.connect(Subprotocol::Events, stage.now);
    for number in [0, 1] {
        stage.subscribe(id, number, None);
    }
    stage.subscribe(stream, 0, None);
    stage.hub.begin_round(stage.now);
    while let Some(ready) = stage.hub.pop_ready() {
        while stage.hub.next(ready, stage.now).is_some() {
            stage.hub.wrote(ready, None, true, stage.now);
        }
    }
    stage.world.lose(0);
    stage.hub.changed([event(0)]);
    stage.hub.begin_round(stage.now);
    stage.perform();
    assert!(stage.hub.is_closing(stream), "it has nothing else to tell");
    stage.hub.disconnect(stream);
    assert_eq!(stage.ops(id), ["error"]);
    stage.sell(1, 1);
    assert_eq!(stage.ops(id), ["delta"], "the others go on");
    stage.subscribe(id, 0, None);
    assert_eq!(stage.ops(id), ["error"], "nothing of it is left");
}

#[test]
fn nothing_comes_after_unsubscribing_and_others_go_on() {
    let mut stage = Stage::new(2);
    let (one, two) = (stage.connect(), stage.connect());
    for id in [one, two] {
        stage.subscribe(id, 0, None);
        stage.subscribe(id, 1, None);
    }
    stage.heard();
    stage.say(one, FromClient::Unsubscribe { event: event(0) });
    stage.sell(0, 1);
    assert_eq!(stage.heard().len(), 1, "the other one's delta");
    stage.hub.disconnect(two);
    stage.sell(0, 2);
    stage.sell(1, 2);
    stage.wait(50 * MS);
    let heard = stage.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].0, heard[0].1.op()), (one, "delta".into()));
}

#[test]
fn counts_come_whole_first_and_then_only_what_changed() {
    let mut stage = Stage::new(3);
    let id = stage.connect();
    stage.say(id, FromClient::Catalog {});
    let events = |stage: &mut Stage| -> Vec<usize> {
        let heard = stage.heard().into_iter();
        heard
            .map(|(_, heard)| match heard {
                Heard::Message(message) => match *message {
                    ToClient::Counts { events, .. } => events.len(),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(events(&mut stage), [3]);
    stage.sweep(None);
    assert_eq!(events(&mut stage), [0; 0], "nothing has changed");
    stage.sell(0, 1);
    stage.sell(0, 2);
    stage.sell(2, 1);
    assert_eq!(events(&mut stage), [0; 0], "at most once a second");
    stage.sweep(None);
    assert_eq!(events(&mut stage), [2]);
}

#[test]
fn a_heartbeat_comes_after_25_quiet_seconds() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.subscribe(id, 0, None);
    stage.heard();
    stage.wait(24 * Duration::from_secs(1));
    stage.sweep(None);
    assert_eq!(stage.ops(id), [""; 0]);
    stage.wait(Duration::from_secs(1));
    stage.sweep(None);
    assert_eq!(stage.ops(id), ["heartbeat"]);
    stage.wait(Duration::from_secs(24));
    stage.sell(0, 1);
    assert_eq!(stage.ops(id), ["delta"]);
    stage.wait(Duration::from_secs(24));
    stage.sweep(None);
    assert_eq!(stage.ops(id), [""; 0], "the delta was a sign of life");
}

#[test]
fn staleness_is_told_at_its_turns_on_connecting_and_with_heartbeats() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    let stale = Some(Duration::from_secs(3));
    stage.hub.set_stale(stale);
    assert_eq!(stage.ops(id), ["stale"]);
    stage.hub.set_stale(stale);
    assert_eq!(stage.ops(id), [""; 0]);
    stage.wait(limits::LIVE_HEARTBEAT);
    stage.sweep(stale);
    assert_eq!(stage.ops(id), ["heartbeat", "stale"]);
    let late = stage.connect();
    stage.subscribe(late, 0, None);
    assert_eq!(stage.ops(late), ["stale", "snapshot"]);
    stage.hub.set_stale(None);
    assert_eq!(stage.ops(id), ["fresh"]);
}

#[test]
fn a_client_stuck_for_15_seconds_is_closed_and_then_cut() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.subscribe(id, 0, None);
    stage.hub.begin_round(stage.now);
    let snapshot = stage.hub.next(id, stage.now).unwrap();
    stage
        .hub
        .wrote(id, Some(snapshot.clone()), false, stage.now);
    stage.wait(14 * Duration::from_secs(1));
    stage.sweep(None);
    assert_eq!(stage.hub.take_tally().slow_closes, 0);
    stage.wait(Duration::from_secs(1));
    stage.sweep(None);
    assert_eq!(stage.hub.take_tally().slow_closes, 1);
    assert_eq!(stage.hub.next(id, stage.now), Some(snapshot));
    stage.hub.wrote(id, None, true, stage.now);
    let mut frames = Frames::default();
    frames.feed(&stage.hub.next(id, stage.now).unwrap());
    assert_eq!(frames.next().unwrap().op(), "close 4408");
    stage.hub.wrote(id, None, true, stage.now);
    stage.wait(limits::CLOSE_GRACE);
    stage.sweep(None);
    assert_eq!(stage.ended, [Effect::Cut(id)]);
}

#[test]
fn bad_messages_are_answered_until_they_are_too_many() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    for _ in 0..limits::LIVE_STRIKES {
        stage.hub.message(id, Err("no".into()), stage.now);
        assert_eq!(stage.ops(id), ["error"]);
    }
    stage.hub.message(id, Err("no".into()), stage.now);
    assert_eq!(stage.ops(id), ["close 4400"]);
    stage.subscribe(id, 0, None);
    assert_eq!(stage.ops(id), [""; 0], "nothing follows a close");
}

#[test]
fn a_flood_is_abuse_and_a_hundred_subscriptions_at_once_are_not() {
    let mut stage = Stage::new(101);
    let id = stage.connect();
    for number in 0..100 {
        stage.subscribe(id, number, None);
    }
    assert_eq!(stage.ops(id), ["snapshot"; 100]);
    stage.subscribe(id, 100, None);
    assert_eq!(stage.ops(id), ["error"], "one more than it may");
    for _ in 0..limits::LIVE_BURST {
        stage.hub.ping(id, b"", stage.now);
    }
    assert_eq!(stage.ops(id), ["close 4400"]);
}

#[test]
fn draining_closes_everybody_with_a_jittered_invitation() {
    let mut stage = Stage::new(1);
    for _ in 0..20 {
        stage.connect();
    }
    stage.hub.drain(stage.now);
    stage.connect();
    let mut waits: Vec<_> = stage
        .heard()
        .into_iter()
        .map(|(_, heard)| match heard {
            Heard::Close(1012, reason) => reason.reconnect_after_ms,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(waits.len(), 21);
    assert!(
        waits
            .iter()
            .all(|ms| limits::RECONNECT_AFTER_MS.contains(ms))
    );
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 15, "{waits:?}");
}

#[test]
fn a_client_that_closes_is_answered_and_ended() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.hub.peer_closed(id, Some(1000), stage.now);
    assert_eq!(stage.ops(id), ["close 1000"]);
    assert_eq!(stage.ended, [Effect::End(id)]);
}

#[test]
fn only_the_last_of_many_pings_is_answered() {
    let mut stage = Stage::new(1);
    let id = stage.connect();
    stage.hub.ping(id, b"one", stage.now);
    stage.hub.ping(id, b"two", stage.now);
    assert_eq!(stage.heard(), [(id, Heard::Pong(b"two".to_vec()))]);
}
