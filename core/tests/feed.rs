//! The feed and the snapshots beside it, as an edge sees them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on fails"
)]

mod site;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use parterre_core::config::StoreConfig;
use parterre_domain::wire::feed::{
    CatalogPage, EventSnapshot, FeedFrame, Join, LayoutPage, SECRET_HEADER, checksum, decode_record,
};
use parterre_domain::{
    Counts, EventChange, EventId, Layout, LayoutChunk, Rev, SalePhase, States, limits,
};
use serde_json::json;
use site::{PATIENCE, SECRET, World, config};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::{Error, http as ws_http};

/// An edge on the feed.
struct Edge(WebSocketStream<TcpStream>);

impl Edge {
    async fn dial(world: &World, secret: &'static str) -> Result<Self, Error> {
        let url = format!("ws://{}/internal/v1/feed", world.listen);
        let mut request = url.into_client_request()?;
        let secret = HeaderValue::from_static(secret);
        request.headers_mut().insert(SECRET_HEADER, secret);
        let socket = TcpStream::connect(world.listen).await?;
        let (socket, _) = tokio_tungstenite::client_async(request, socket).await?;
        Ok(Self(socket))
    }

    async fn join(world: &World, since: Option<(Rev, u64)>) -> Self {
        let mut edge = Self::dial(world, SECRET).await.unwrap();
        edge.say(parterre_domain::encode(&Join { since })).await;
        edge
    }

    async fn say(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::Binary(bytes.into())).await.unwrap();
    }

    async fn message(&mut self) -> Option<Result<Message, Error>> {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        next.expect("the feed says something in time")
    }

    async fn any_frame(&mut self) -> FeedFrame {
        match self.message().await {
            Some(Ok(Message::Binary(bytes))) => parterre_domain::decode(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next frame that isn't a heartbeat.
    async fn frame(&mut self) -> FeedFrame {
        loop {
            match self.any_frame().await {
                FeedFrame::Heartbeat { .. } => {}
                frame => return frame,
            }
        }
    }

    /// The records behind a position up to a rev, with no gap between frames.
    async fn records(&mut self, mut position: Rev, up_to: Rev) -> Vec<(Rev, bytes::Bytes)> {
        let mut all = Vec::new();
        while position < up_to {
            match self.frame().await {
                FeedFrame::Records { from, to, records } => {
                    assert_eq!(from, position, "a gap");
                    assert_eq!(records.last().map(|(rev, _)| *rev), Some(to));
                    all.extend(records);
                    position = to;
                }
                other => panic!("{other:?}"),
            }
        }
        all
    }

    /// The head that the core says first, and the position from which it starts anew.
    async fn resynced(&mut self) -> Rev {
        let FeedFrame::Hello { newest, .. } = self.frame().await else {
            panic!("no hello")
        };
        let FeedFrame::Resync { from } = self.frame().await else {
            panic!("no resync")
        };
        assert_eq!(from, newest);
        from
    }
}

async fn reserve(world: &World, event: &str, ticket: u32) -> Rev {
    let reply = world.reserve(event, &[ticket]).await.is(201);
    reply.header("parterre-rev").parse().unwrap()
}

#[tokio::test]
async fn an_edge_that_has_nothing_starts_anew_and_hears_what_follows() {
    let world = World::start().await;
    let event = world.published(3).await;
    let mut edge = Edge::join(&world, None).await;
    let from = edge.resynced().await;
    let rev = reserve(&world, &event, 2).await;
    let records = edge.records(from, rev).await;
    // The sweeper may have committed something before it.
    let (at, record) = records.last().unwrap();
    assert_eq!(*at, rev);
    let record = decode_record(record).unwrap();
    assert_eq!(record.events[0].event.to_string(), event);
    assert_eq!(record.events[0].tickets.len(), 1);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_quiet_feed_says_where_the_log_ends_and_how_old_that_is() {
    let world = World::start().await;
    let event = world.published(3).await;
    let mut edge = Edge::join(&world, None).await;
    edge.resynced().await;
    let rev = reserve(&world, &event, 0).await;
    let (mut position, mut heard) = (None, 0);
    while heard < 3 {
        match edge.any_frame().await {
            FeedFrame::Records { to, .. } => position = Some(to),
            FeedFrame::Heartbeat { head, age_ms } => {
                let most = limits::FEED_READ_AGE.as_millis();
                assert!(u128::from(age_ms) <= most, "{age_ms} ms");
                let caught_up = position.is_some_and(|position| position >= rev);
                assert!(
                    !caught_up || Some(head) == position,
                    "{head} at {position:?}"
                );
                heard += u32::from(caught_up);
            }
            other => panic!("{other:?}"),
        }
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn an_edge_resumes_at_every_position_from_memory_and_from_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreConfig::Embedded(folder.path().to_owned());
    let world = World::with(config(store.clone())).await;
    let event = world.published(8).await;
    let mut edge = Edge::join(&world, None).await;
    let from = edge.resynced().await;
    let mut last = from;
    for ticket in 0..8 {
        last = reserve(&world, &event, ticket).await;
    }
    let records = edge.records(from, last).await;
    resumes_everywhere(&world, &records).await;
    world.ended().await.unwrap();
    // A core that has just begun has nothing of it in memory.
    let world = World::with(config(store)).await;
    resumes_everywhere(&world, &records).await;
    world.ended().await.unwrap();
}

async fn resumes_everywhere(world: &World, records: &[(Rev, bytes::Bytes)]) {
    let (last, _) = records.last().unwrap();
    for (at, (rev, record)) in records.iter().enumerate() {
        let mut edge = Edge::join(world, Some((*rev, checksum(record)))).await;
        assert!(matches!(edge.frame().await, FeedFrame::Hello { .. }));
        let mut behind = edge.records(*rev, *last).await;
        // A frame may hold what the sweeper committed after it.
        behind.retain(|(rev, _)| rev <= last);
        assert_eq!(behind, records[at + 1..], "{rev}");
    }
}

#[tokio::test]
async fn a_position_that_is_not_in_the_log_starts_anew() {
    let world = World::start().await;
    let event = world.published(3).await;
    let mut edge = Edge::join(&world, None).await;
    let from = edge.resynced().await;
    let rev = reserve(&world, &event, 0).await;
    let sum = checksum(&edge.records(from, rev).await.last().unwrap().1);
    let ahead = parterre_domain::Position::from_sequence(rev.position.sequence() + 1_000);
    let ahead = Rev {
        position: ahead,
        ..rev
    };
    let epoch = rev.epoch + 1;
    for since in [
        (rev, sum + 1),
        (ahead, sum),
        (Rev { epoch, ..rev }, sum),
        (Rev::default(), 0),
    ] {
        let mut edge = Edge::join(&world, Some(since)).await;
        assert!(edge.resynced().await >= rev, "{since:?}");
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn only_edges_that_speak_the_protocol_are_fed() {
    let world = World::start().await;
    match Edge::dial(&world, "another secret").await {
        Err(Error::Http(response)) => assert_eq!(response.status(), ws_http::StatusCode::FORBIDDEN),
        Ok(_) => panic!("a stranger is fed"),
        Err(error) => panic!("{error}"),
    }
    let mut edge = Edge::dial(&world, SECRET).await.unwrap();
    edge.say(b"what?".to_vec()).await;
    match edge.message().await {
        None | Some(Err(_) | Ok(Message::Close(_))) => {}
        other => panic!("{other:?}"),
    }
    let plain = world.edge("GET", "/internal/v1/feed").send().await;
    plain.problem(400, "malformed");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn an_edge_is_told_when_the_core_stops() {
    let mut world = World::start().await;
    let mut edge = Edge::join(&world, None).await;
    edge.resynced().await;
    world.tell_to_stop();
    let code = loop {
        match edge.message().await {
            Some(Ok(Message::Close(frame))) => break u16::from(frame.unwrap().code),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1012);
    world.ended().await.unwrap();
}

/// What an edge knows of one event: a snapshot and the records folded over it.
struct Copy {
    read_at: Rev,
    states: States,
    counts: Counts,
}

impl Copy {
    fn of(snapshot: EventSnapshot) -> Self {
        Self {
            read_at: snapshot.read_at,
            counts: snapshot.states.count(),
            states: snapshot.states,
        }
    }

    fn fold(&mut self, event: EventId, records: &[(Rev, bytes::Bytes)]) {
        for (_, record) in records.iter().filter(|(rev, _)| *rev > self.read_at) {
            for change in decode_record(record).unwrap().events {
                if change.event == event {
                    self.counts = self.counts.after(change.counts);
                    for (ticket, state) in change.tickets {
                        self.states.set(ticket, state).unwrap();
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_and_the_records_behind_it_give_the_states_of_the_core() {
    let world = World::start().await;
    let event = world.published(40).await;
    let id: EventId = event.parse().unwrap();
    let mut edge = Edge::join(&world, None).await;
    let from = edge.resynced().await;
    let seed = 7;
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut copies, mut pending, mut last) = (Vec::new(), BTreeMap::new(), from);
    for step in 0..150 {
        if step % 30 == 0 {
            let path = format!("/internal/v1/events/{event}");
            let snapshot = world.edge("GET", &path).send().await.is(200);
            copies.push(Copy::of(parterre_domain::decode(&snapshot.body).unwrap()));
        }
        let ticket = random.u32(0..40);
        if let Some(reservation) = pending.remove(&ticket) {
            let reservation: serde_json::Value = reservation;
            let path = format!("/v1/reservations/{}", reservation["id"].as_str().unwrap());
            let call = world.edge("DELETE", &path).token(&reservation);
            call.send().await.is(204);
        } else {
            let reply = world.reserve(&event, &[ticket]).await.is(201);
            last = reply.header("parterre-rev").parse().unwrap();
            pending.insert(ticket, reply.json());
        }
    }
    let free = (0..40).find(|ticket| !pending.contains_key(ticket));
    if let Some(ticket) = free {
        last = reserve(&world, &event, ticket).await;
    }
    let records = edge.records(from, last).await;
    let states = world.states(&event).await;
    for mut copy in copies {
        copy.fold(id, &records);
        assert_eq!(copy.states.to_letters(), states, "seed {seed}");
        assert_eq!(copy.counts, copy.states.count(), "seed {seed}");
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn the_catalog_has_every_published_event_and_no_draft() {
    let world = World::start().await;
    let late = json!({"starts_at": "2099-09-01T19:00:00Z"});
    let late = world.published_with(2, late).await;
    let soon = world.published(3).await;
    let draft = world.draft(json!({})).await;
    reserve(&world, &soon, 1).await;
    let page = world.edge("GET", "/internal/v1/catalog").send().await;
    let page: CatalogPage = parterre_domain::decode(&page.is(200).body).unwrap();
    let ids: Vec<String> = page
        .events
        .iter()
        .map(|e| e.record.id.to_string())
        .collect();
    assert_eq!(ids, [soon, late]);
    assert_eq!(page.events[0].counts.pending, 1);
    assert!(page.events[0].rev <= page.read_at);
    assert_eq!(page.next, None);
    let path = format!("/internal/v1/events/{draft}");
    let hidden = world.edge("GET", &path).send().await;
    hidden.problem(404, "not-found");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_layout_comes_in_pages_that_join_to_the_whole() {
    let world = World::start().await;
    let event = world.draft(json!({})).await;
    let seat = "x".repeat(180);
    let mut csv = "section,row,seat,tier\n".to_owned();
    for number in 0..14_000 {
        csv += &format!("S,{number},{seat},full\n");
    }
    let path = format!("/admin/v1/events/{event}/tickets?price=1");
    let call = world.admin("POST", &path).body("text/csv", csv);
    call.send().await.is(200);
    let path = format!("/admin/v1/events/{event}/publish");
    world.admin("POST", &path).send().await.is(200);
    let (mut chunks, mut from, mut pages) = (Vec::new(), Some(0), 0);
    while let Some(number) = from {
        let path = format!("/internal/v1/events/{event}/layout?from={number}");
        let page = world.edge("GET", &path).send().await.is(200);
        let page: LayoutPage = parterre_domain::decode(&page.body).unwrap();
        assert!(page.chunks.len() <= limits::LAYOUT_PAGE_CHUNKS);
        let page_chunks = page.chunks.iter();
        chunks.extend(page_chunks.map(|chunk| parterre_domain::decode::<LayoutChunk>(chunk)));
        from = page.next;
        pages += 1;
    }
    assert!(pages > 1, "the layout is too small to test pages");
    let layout = Layout::from_chunks(chunks.into_iter().map(Result::unwrap));
    assert_eq!(layout.len(), 14_000);
    assert_eq!(&*layout.row[13_999], "13999");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn the_sale_opens_by_itself_and_every_edge_hears_of_it() {
    let world = World::start().await;
    let mut edge = Edge::join(&world, None).await;
    edge.resynced().await;
    let opens_at = parterre_core::clock::Clock::Wall.now() + Duration::from_secs(1);
    let soon = json!({"sale_opens_at": opens_at.to_string()});
    let event = world.published_with(1, soon).await;
    let opened_at = loop {
        let FeedFrame::Records { records, .. } = edge.frame().await else {
            panic!("no records")
        };
        let mut records = records
            .iter()
            .map(|(_, record)| decode_record(record).unwrap());
        let opens = |change: &EventChange| {
            let record = change.record.as_ref();
            record.is_some_and(|record| record.phase == SalePhase::Open)
        };
        if let Some(record) = records.find(|record| record.events.iter().any(opens)) {
            break record.at;
        }
    };
    let late = opened_at.since(opens_at);
    assert!(
        opened_at >= opens_at && late <= Duration::from_secs(1),
        "{late:?}"
    );
    world.reserve(&event, &[0]).await.is(201);
    world.ended().await.unwrap();
}
