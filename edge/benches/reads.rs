//! What the edge's hot reads cost: finding what a path means, rendering bodies, writing
//! and reading frames, and telling a client what it lacks.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::sync::Arc;
use std::time::Instant;

use divan::{Bencher, black_box};
use parterre_domain::wire::feed::EventSnapshot;
use parterre_domain::{
    EventChange, EventId, EventRecord, Layout, Life, Money, Position, Rev, SalePhase, States,
    TicketId, TicketState, Tier, Timestamp,
};
use parterre_edge::cell::{CatchUp, Cell, Delta};

fn main() {
    divan::main();
}

const EVENT: EventId = EventId::from_number(1);
/// How many commits a cell has taken in, and how many tickets each of them changed.
const COMMITS: u32 = 16;
const TICKETS_EACH: u32 = 8;

/// An event half-way through its sale, with a place for every ticket.
fn cell(tickets: u32) -> Cell {
    let mut states = States::all_free(tickets);
    for ticket in (0..tickets).filter(|ticket| ticket * 7 % 5 < 2) {
        states.set(TicketId(ticket), TicketState::Sold);
    }
    let snapshot = EventSnapshot {
        read_at: rev(1),
        record: record(tickets),
        rev: rev(1),
        states,
    };
    Cell::new(snapshot, Arc::new(layout(tickets)))
}

/// The same after some more commits.
fn changed_cell(tickets: u32) -> Cell {
    let cell = cell(tickets);
    let changes: Vec<_> = (0..COMMITS)
        .map(|commit| (rev(2 + u64::from(commit)), change(commit)))
        .collect();
    let changes = changes.iter().map(|(rev, change)| (*rev, change));
    assert!(cell.apply(changes, Instant::now()));
    cell
}

fn change(commit: u32) -> EventChange {
    let first = commit * 37 % 1_000;
    let tickets = first..first + TICKETS_EACH;
    EventChange {
        tickets: tickets
            .map(|ticket| (TicketId(ticket), TicketState::Pending))
            .collect(),
        ..EventChange::new(EVENT)
    }
}

/// What those commits did.
fn delta() -> Delta {
    match changed_cell(2_000).catch_up(rev(1)) {
        CatchUp::Delta(delta) => delta,
        other => panic!("a delta was expected: {other:?}"),
    }
}

fn rev(sequence: u64) -> Rev {
    Rev {
        epoch: 1,
        position: Position::from_sequence(sequence),
    }
}

fn record(total: u32) -> EventRecord {
    let about = r#"{"title": "A Night of Song", "venue": "Old Hall", "city": "Lisbon",
        "category": "concert", "starts_at": "2031-12-01T19:00:00.000Z", "currency": "EUR"}"#;
    let tier = Tier {
        id: "full".into(),
        name: "Full price".into(),
        price: Money(4_500),
    };
    EventRecord {
        id: EVENT,
        about: serde_json::from_str(about).unwrap(),
        life: Life::Published,
        phase: SalePhase::Open,
        tiers: vec![tier],
        uploads: Vec::new(),
        total,
        created_at: Timestamp::from_millis(1),
        cancelling: false,
    }
}

fn layout(tickets: u32) -> Layout {
    let label = |number: u32| -> Box<str> { (number + 1).to_string().into() };
    let length = |number: u32| f32::from(u16::try_from(number).unwrap()) * 1.5;
    Layout {
        sections: vec!["Stalls".into()],
        section: vec![0; tickets as usize],
        row: (0..tickets).map(|at| label(at / 40)).collect(),
        seat: (0..tickets).map(|at| label(at % 40)).collect(),
        tier: vec![0; tickets as usize],
        x: Some((0..tickets).map(|at| length(at % 40)).collect()),
        y: Some((0..tickets).map(|at| length(at / 40)).collect()),
    }
}

mod route {
    use divan::black_box;
    use parterre_edge::http::route::Route;

    /// The path that is asked for most.
    const AVAILABILITY: &str = "/v1/events/01J0000000000000000000000A/availability";
    /// A path of each kind, and one that means nothing.
    const PATHS: [&str; 19] = [
        "/",
        "/web/1/shop/main.js",
        "/openapi.json",
        "/v1/keys",
        "/v1/events",
        "/v1/events/01J0000000000000000000000A",
        "/v1/events/01J0000000000000000000000A/layout",
        AVAILABILITY,
        "/v1/events/01J0000000000000000000000A/tickets",
        "/v1/events/01J0000000000000000000000A/similar",
        "/v1/events/01J0000000000000000000000A/live",
        "/v1/events/01J0000000000000000000000A/reservations",
        "/v1/reservations/01J0000000000000000000000A",
        "/v1/reservations/01J0000000000000000000000A/checkout",
        "/v1/payments/sandbox/webhook",
        "/sandbox/abc",
        "/sandbox/abc/pay",
        "/v1/live",
        "/admin/v1/events",
    ];

    #[divan::bench]
    fn availability() -> Option<Route> {
        Route::of(black_box(AVAILABILITY))
    }

    #[divan::bench]
    fn every_kind() {
        for path in black_box(PATHS) {
            black_box(Route::of(path));
        }
    }
}

mod render {
    use parterre_edge::render::{BodyKey, Encoding, Format, Kind, Representation, render};
    use parterre_gate::encoding::Effort;

    use super::{Bencher, black_box, cell};

    const ENCODINGS: [Encoding; 3] = [Encoding::Brotli, Encoding::Gzip, Encoding::Zstd];

    #[divan::bench]
    fn detail(bencher: Bencher) {
        plain(bencher, Kind::Detail, Format::Json, 2_000);
    }

    #[divan::bench(args = [2_000, 60_000])]
    fn availability(bencher: Bencher, tickets: u32) {
        plain(bencher, Kind::Availability, Format::Json, tickets);
    }

    #[divan::bench]
    fn availability_in_msgpack(bencher: Bencher) {
        plain(bencher, Kind::Availability, Format::Msgpack, 2_000);
    }

    #[divan::bench]
    fn layout(bencher: Bencher) {
        plain(bencher, Kind::Layout, Format::Json, 2_000);
    }

    #[divan::bench(args = ENCODINGS)]
    fn compress(bencher: Bencher, encoding: Encoding) {
        let view = cell(2_000).view();
        let body = render(key(Kind::Availability, Format::Json), &view);
        bencher.bench_local(|| {
            encoding
                .compress(black_box(&body.bytes), Effort::Often)
                .unwrap()
        });
    }

    fn plain(bencher: Bencher, kind: Kind, format: Format, tickets: u32) {
        let view = cell(tickets).view();
        bencher.bench_local(|| render(key(kind, format), black_box(&view)));
    }

    fn key(kind: Kind, format: Format) -> BodyKey {
        let encoding = Encoding::Identity;
        BodyKey {
            kind,
            representation: Representation { format, encoding },
        }
    }
}

mod frame {
    use parterre_domain::wire::live::ToClient;
    use parterre_edge::live::frame::{Opcode, frame};
    use parterre_edge::live::message::Subprotocol;
    use parterre_edge::live::reader::Reader;

    use super::{Bencher, EVENT, black_box};

    /// The message and the frame around it, as they are written: into one buffer.
    #[divan::bench(args = [Subprotocol::Json, Subprotocol::Msgpack, Subprotocol::Events])]
    fn delta(bencher: Bencher, subprotocol: Subprotocol) {
        let delta = super::delta();
        let message = ToClient::Delta {
            event: EVENT,
            from: delta.from,
            rev: delta.rev,
            counts: delta.counts,
            changes: (&delta.changes).into(),
        };
        bencher.bench_local(|| subprotocol.encode(black_box(&message)));
    }

    /// The frame alone, around a payload as long as an availability.
    #[divan::bench]
    fn around(bencher: Bencher) {
        let payload = vec![b'f'; 2_000];
        bencher.bench_local(|| frame(Opcode::Text, black_box(&payload)));
    }

    #[divan::bench]
    fn read_subscribe(bencher: Bencher) {
        let bytes = masked(br#"{"op":"subscribe","event":"01J0000000000000000000000A"}"#);
        let mut reader = Reader::default();
        bencher
            .with_inputs(|| bytes.clone())
            .bench_local_refs(|bytes| {
                let mut messages = 0;
                let read = reader.feed(bytes, |incoming| {
                    black_box(Subprotocol::Json.decode(&incoming)).unwrap();
                    messages += 1;
                });
                assert!(read.is_ok() && messages == 1);
            });
    }

    /// A text frame as a client sends it.
    fn masked(text: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
        bytes.extend(mask);
        bytes.extend(text.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
        bytes
    }
}

mod catch_up {
    use super::{Bencher, COMMITS, CatchUp, black_box, changed_cell, rev};

    /// By a client that stands so many commits behind.
    #[divan::bench(args = [0, 1, COMMITS])]
    fn behind(bencher: Bencher, commits: u32) {
        let cell = changed_cell(2_000);
        let since = rev(u64::from(1 + COMMITS - commits));
        let lacks = cell.catch_up(since);
        assert!(
            matches!(lacks, CatchUp::Delta(_)) == (commits > 0),
            "{lacks:?}"
        );
        bencher.bench_local(|| cell.catch_up(black_box(since)));
    }
}
