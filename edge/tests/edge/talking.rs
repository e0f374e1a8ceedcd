//! What a live client is told over a real socket, in either subprotocol.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parterre_domain::TicketState::{Free, Pending, Sold, Withdrawn};
use parterre_domain::wire::live::{FromClient, MSGPACK, ToClient};
use parterre_domain::{EventId, Position, Rev, limits};
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::Message;

use crate::core::{Core, id};
use crate::stage::{Client, Edge, until};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A live client, and the states that it has folded.
struct Talker {
    client: Client,
    is_packed: bool,
    states: BTreeMap<EventId, (Rev, Vec<char>)>,
}

impl Talker {
    async fn of(edge: &Edge) -> Self {
        Self {
            client: edge.live().await,
            is_packed: false,
            states: BTreeMap::new(),
        }
    }

    async fn packed(edge: &Edge) -> Self {
        Self {
            client: edge.live_by(Some(MSGPACK)).await,
            is_packed: true,
            states: BTreeMap::new(),
        }
    }

    async fn say(&mut self, message: &FromClient) {
        let message = if self.is_packed {
            let mut bytes = Vec::new();
            let mut writer = rmp_serde::Serializer::new(&mut bytes)
                .with_struct_map()
                .with_human_readable();
            message.serialize(&mut writer).unwrap();
            Message::binary(bytes)
        } else {
            Message::text(serde_json::to_string(message).unwrap())
        };
        self.client.send(message).await.unwrap();
    }

    async fn subscribe(&mut self, number: u32, since: Option<Rev>) {
        let event = id(number);
        self.say(&FromClient::Subscribe { event, since }).await;
    }

    async fn frame(&mut self) -> Message {
        let next = tokio::time::timeout(DEADLINE, self.client.next()).await;
        next.expect("something is told")
            .expect("an open stream")
            .unwrap()
    }

    /// The next message, folded into the states.
    async fn hear(&mut self) -> ToClient {
        let message = match (self.is_packed, self.frame().await) {
            (false, Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            (true, Message::Binary(bytes)) => {
                let mut reader =
                    rmp_serde::Deserializer::from_read_ref(&bytes).with_human_readable();
                ToClient::deserialize(&mut reader).unwrap()
            }
            other => panic!("{other:?}"),
        };
        self.fold(&message);
        message
    }

    fn fold(&mut self, message: &ToClient) {
        match message {
            ToClient::Snapshot {
                event, rev, states, ..
            } => {
                self.states.insert(*event, (*rev, states.chars().collect()));
            }
            ToClient::Delta {
                event,
                from,
                rev,
                changes,
                ..
            } => {
                let (mine, states) = self.states.get_mut(event).unwrap();
                assert!(*from <= *mine && *mine < *rev, "{from} {mine} {rev}");
                *mine = *rev;
                for (ticket, state) in changes.iter() {
                    states[ticket.index()] = state.letter();
                }
            }
            _ => {}
        }
    }

    /// Hears until what it has of an event is what the core has.
    async fn agrees(&mut self, core: &Core, number: u32) {
        let (rev, letters) = core.letters(number);
        while self
            .states
            .get(&id(number))
            .is_none_or(|(mine, _)| *mine < rev)
        {
            self.hear().await;
        }
        let (mine, states) = &self.states[&id(number)];
        assert_eq!((*mine, states.iter().collect::<String>()), (rev, letters));
    }
}

fn op(message: &ToClient) -> String {
    let message = serde_json::to_value(message).unwrap();
    message["op"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_unsubscribing_nothing_of_the_event_is_told_and_others_go_on() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    core.publish(2, 1, 10);
    let edge = Edge::behind(&core).await;
    let mut talker = Talker::of(&edge).await;
    for number in [1, 2] {
        talker.subscribe(number, None).await;
        assert_eq!(op(&talker.hear().await), "snapshot");
    }
    talker.say(&FromClient::Unsubscribe { event: id(1) }).await;
    // What is said next is read behind that, and answered.
    talker.subscribe(2, None).await;
    assert_eq!(op(&talker.hear().await), "snapshot");
    core.commit(1, &[(0, Sold)]);
    edge.agrees(&core, 1).await;
    core.commit(2, &[(0, Sold)]);
    let ToClient::Delta { event, .. } = talker.hear().await else {
        panic!("a delta is expected");
    };
    assert_eq!(event, id(2));
    talker.subscribe(1, None).await;
    talker.agrees(&core, 1).await;
    drop(talker);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_come_whole_first_and_later_only_of_what_changed() {
    let core = Core::start().await;
    for number in 1..=30 {
        core.publish(number, 1, 10);
    }
    let edge = Edge::behind(&core).await;
    let mut talker = Talker::of(&edge).await;
    talker.say(&FromClient::Catalog {}).await;
    let counts = |message: ToClient| match message {
        ToClient::Counts { rev, events } => (rev, events),
        other => panic!("{other:?}"),
    };
    let (_, all) = counts(talker.hear().await);
    assert_eq!(all.len(), 30);
    for number in [3, 7] {
        core.commit(number, &[(0, Sold), (1, Pending)]);
        let (newest, _) = core.letters(number);
        let (rev, changed) = counts(talker.hear().await);
        assert_eq!(changed.keys().copied().collect::<Vec<_>>(), [id(number)]);
        let is = changed[&id(number)];
        assert_eq!((is.total, is.free, is.pending, is.sold), (10, 8, 1, 1));
        assert_eq!(rev, newest);
    }
    drop(talker);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_subprotocols_tell_the_same_story() {
    let core = Core::start().await;
    core.publish(1, 1, 300);
    let edge = Edge::behind(&core).await;
    let mut talkers = [Talker::of(&edge).await, Talker::packed(&edge).await];
    for talker in &mut talkers {
        talker.subscribe(1, None).await;
        assert_eq!(op(&talker.hear().await), "snapshot");
        talker.say(&FromClient::Catalog {}).await;
        assert_eq!(op(&talker.hear().await), "counts");
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..40 {
        let changes: Vec<_> = (0..random.u32(1..20))
            .map(|_| {
                (
                    random.u32(0..300),
                    [Free, Pending, Sold, Withdrawn][random.usize(0..4)],
                )
            })
            .collect();
        let changes: BTreeMap<_, _> = changes.into_iter().collect();
        core.commit(1, &changes.into_iter().collect::<Vec<_>>());
        for talker in &mut talkers {
            talker.agrees(&core, 1).await;
        }
    }
    assert_eq!(talkers[0].states, talkers[1].states);
    for talker in &mut talkers {
        talker.subscribe(9, None).await;
        loop {
            match talker.hear().await {
                ToClient::Error { code, .. } => {
                    assert_eq!(code, "not-found");
                    break;
                }
                ToClient::Counts { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    drop(talkers);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn since_is_honoured_or_answered_with_a_snapshot() {
    let core = Core::start().await;
    let first = core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    edge.agrees(&core, 1).await;
    core.commit(1, &[(0, Sold)]);
    edge.agrees(&core, 1).await;
    let at = |rev: Rev, sequence: u64| Rev {
        position: Position::from_sequence(sequence),
        ..rev
    };
    let foreign = Rev {
        epoch: first.epoch + 1,
        ..first
    };
    let rows: [(&str, Rev, &[&str]); 3] = [
        ("known", first, &["resumed", "delta"]),
        ("another epoch", foreign, &["event", "snapshot"]),
        ("forgotten", at(first, 0), &["event", "snapshot"]),
    ];
    for (what, since, ops) in rows {
        let mut talker = Talker::of(&edge).await;
        talker.states.insert(id(1), (since, vec!['f'; 10]));
        talker.subscribe(1, Some(since)).await;
        for expected in ops {
            assert_eq!(op(&talker.hear().await), *expected, "since {what}");
        }
        talker.agrees(&core, 1).await;
    }
    // Ahead by two commits: the edge says nothing until it has passed that.
    let (newest, letters) = core.letters(1);
    let ahead = at(newest, newest.position.sequence() + 2);
    let mut talker = Talker::of(&edge).await;
    talker
        .states
        .insert(id(1), (ahead, letters.chars().collect()));
    talker.subscribe(1, Some(ahead)).await;
    assert_eq!(op(&talker.hear().await), "resumed");
    for ticket in 1..=3 {
        core.commit(1, &[(ticket, Pending)]);
        edge.agrees(&core, 1).await;
    }
    let ToClient::Delta { from, rev, .. } = talker.hear().await else {
        panic!("a delta is expected");
    };
    assert!(from <= ahead && rev > ahead, "{from} {ahead} {rev}");
    drop(talker);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_burst_of_subscriptions_is_answered() {
    let core = Core::start().await;
    for number in 0..101 {
        core.publish(number, 1, 1);
    }
    let edge = Edge::behind(&core).await;
    let mut talker = Talker::of(&edge).await;
    for number in 1_000..1_020 {
        let event = id(number);
        let message = FromClient::Subscribe { event, since: None };
        let text = serde_json::to_string(&message).unwrap();
        talker.client.feed(Message::text(text)).await.unwrap();
    }
    talker.client.flush().await.unwrap();
    let mut refused = Vec::new();
    for _ in 0..20 {
        match talker.hear().await {
            ToClient::Error { code, detail } if code == "not-found" => refused.push(detail),
            other => panic!("{other:?}"),
        }
    }
    for number in 1_000..1_020 {
        let name = id(number).to_string();
        assert!(
            refused.iter().any(|detail| detail.contains(&name)),
            "{name}"
        );
    }
    for number in 0..101 {
        talker.subscribe(number, None).await;
    }
    let mut told = BTreeMap::<String, u32>::new();
    for _ in 0..101 {
        *told.entry(op(&talker.hear().await)).or_default() += 1;
    }
    assert_eq!(
        (told["snapshot"], told["error"]),
        (100, 1),
        "the 101st is one too many"
    );
    drop(talker);
    edge.stop().await;
}

/// Anonymous memory of this process, in bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kib.parse::<usize>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_subscriptions_on_one_socket_are_answered_or_end_it() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    let before = resident_bytes();
    let (mut say, mut hear) = Talker::of(&edge).await.client.split();
    let saying = tokio::spawn(async move {
        for number in 1_000..11_000 {
            let event = id(number);
            let message = FromClient::Subscribe { event, since: None };
            let text = serde_json::to_string(&message).unwrap();
            if say.send(Message::text(text)).await.is_err() {
                break;
            }
        }
    });
    let mut answered = 0;
    let code = loop {
        match tokio::time::timeout(DEADLINE, hear.next())
            .await
            .expect("a word")
        {
            Some(Ok(Message::Text(_))) => answered += 1,
            Some(Ok(Message::Close(close))) => break u16::from(close.unwrap().code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 4400);
    assert!(
        answered <= usize::from(limits::LIVE_BURST) + 100,
        "{answered}"
    );
    drop(hear);
    saying.await.unwrap();
    until("the client is gone", async || {
        edge.metric("parterre_edge_live_connections") == 0.0
    })
    .await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    edge.stop().await;
}
