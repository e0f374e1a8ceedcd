//! A small language for tests of the core: an event on sale, buyers by number, the whole
//! store at one rev, and seeds.

#![allow(dead_code, reason = "each test file uses its own part")]

use parterre_core::clock::Clock;
use parterre_core::driver::{Driver, Queued};
use parterre_core::metrics::Metrics;
use parterre_core::store::{Snapshot, Store};
use parterre_domain::command::{
    AddTickets, Command, CreateEvent, Idempotency, Publish, Reserve, StageChunk,
};
use parterre_domain::keys::{self, Range};
use parterre_domain::state::Rows;
use parterre_domain::wire::feed::decode_record;
use parterre_domain::{
    About, CountsChange, EventId, LayoutChunk, Money, NewTicket, ReservationId, ReservedTicket,
    Rev, States, TicketId, Tier, Timestamp, Token, UploadId, invariants, limits,
};

pub(crate) const EVENT: EventId = EventId::from_number(1);

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_900_000_000_000);

/// The price of every ticket.
pub(crate) const PRICE: i64 = 1_000;

/// The seeds of a test: so many, or as many as `PARTERRE_SEEDS` says, or the one that
/// `PARTERRE_SEED` names.
pub(crate) fn seeds(short: u64) -> std::ops::Range<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    let number = |name| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    match number("PARTERRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PARTERRE_SEEDS").unwrap_or(short),
    }
}

/// The commands that put an event of some rows on sale.
pub(crate) fn on_sale(event: EventId, rows: u32, seats: u32) -> Vec<Command> {
    let upload = UploadId(event.to_bytes());
    let tier = Tier {
        id: "a".into(),
        name: "A".into(),
        price: Money(PRICE),
    };
    let ticket = |at: u32| NewTicket {
        section: format!("Section {}", at / seats / 50),
        row: (at / seats).to_string(),
        seat: (at % seats).to_string(),
        tier: "a".into(),
        x: None,
        y: None,
    };
    let tickets: Vec<_> = (0..rows * seats).map(ticket).collect();
    let chunks = LayoutChunk::cut(&tickets, |_| 0);
    let about = about();
    let mut commands = vec![Command::CreateEvent(CreateEvent { event, about })];
    for (number, chunk) in (0..).zip(&chunks) {
        let bytes = parterre_domain::encode(chunk);
        commands.push(Command::StageChunk(StageChunk {
            event,
            upload,
            number,
            bytes,
        }));
    }
    commands.push(Command::AddTickets(AddTickets {
        event,
        upload,
        chunks: u32::try_from(chunks.len()).unwrap(),
        tickets: rows * seats,
        sections: rows / 50 + 1,
        with_places: false,
        tiers: vec![tier],
    }));
    commands.push(Command::Publish(Publish {
        event,
        at: None,
        due_at: None,
    }));
    commands
}

fn about() -> About {
    About {
        title: "A Night of Song".into(),
        category: "concert".into(),
        venue: "Old Hall".into(),
        city: "Lisbon".into(),
        starts_at: START + std::time::Duration::from_secs(1_000_000),
        sale_opens_at: None,
        sale_closes_at: None,
        currency: "EUR".parse().unwrap(),
        description: String::new(),
        image_url: None,
        max_tickets: 4,
        hold_seconds: 10,
    }
}

/// The id of a buyer's reservation.
pub(crate) fn id(buyer: u32) -> ReservationId {
    ReservationId::from_number(u128::from(buyer) + 1_000)
}

pub(crate) fn reserving(event: EventId, buyer: u32, tickets: &[u32]) -> Reserve {
    let tickets = tickets.iter().map(|&ticket| ReservedTicket {
        id: TicketId(ticket),
        tier: 0,
    });
    Reserve {
        event,
        reservation: id(buyer),
        token: Token::new([u8::try_from(buyer % 256).unwrap(); 32]),
        tickets: tickets.collect(),
        idempotency: None,
    }
}

pub(crate) fn idempotency(buyer: u32) -> Idempotency {
    Idempotency {
        key: format!("the key of buyer {buyer:04}"),
        fingerprint: [u8::try_from(buyer % 256).unwrap(); 32],
    }
}

pub(crate) fn driver<S: Store>(store: &S, clock: &Clock, core: u8) -> Driver<S> {
    counted(store, clock, core, &Metrics::new().unwrap())
}

/// The same with metrics that the test looks at.
pub(crate) fn counted<S: Store>(
    store: &S,
    clock: &Clock,
    core: u8,
    metrics: &Metrics,
) -> Driver<S> {
    let marker = keys::marker([core; 16], 0);
    Driver::new(store.clone(), clock.clone(), metrics.clone(), marker)
}

pub(crate) fn queued(command: Command, clock: &Clock) -> Queued {
    let deadline = clock.now() + limits::COMMAND_DEADLINE;
    Queued {
        command,
        deadline,
        note: None,
    }
}

/// Runs commands that must succeed, each in a batch of its own.
pub(crate) async fn succeed<S: Store>(store: &S, clock: &Clock, commands: Vec<Command>) {
    let driver = driver(store, clock, 255);
    for command in commands {
        let outcomes = driver.run(&[queued(command, clock)]).await;
        outcomes
            .into_iter()
            .for_each(|outcome| drop(outcome.unwrap()));
    }
}

/// Every key and value of a store, and the rev they are true at.
pub(crate) async fn everything<S: Store>(store: &S) -> (Rev, Rows) {
    let snapshot = store.snapshot().await.unwrap();
    let range = Range {
        start: Vec::new(),
        end: vec![u8::MAX],
    };
    let rows = snapshot.range(&range, usize::MAX).await.unwrap();
    (snapshot.rev(), Rows(rows.into_iter().collect()))
}

/// That the log has no hole, and that folding it from its beginning gives the states
/// and counts that are stored.
pub(crate) async fn assert_log_is_whole<S: Store>(store: &S, event: EventId, total: u32) {
    let (head, rows) = everything(store).await;
    let page = store.log_after(Rev::default(), usize::MAX).await.unwrap();
    let mut states = States::all_free(total);
    let mut counts = CountsChange::default();
    // FoundationDB's positions have gaps.
    let first = page.records.first();
    let counted = first.is_some_and(|(rev, _)| rev.position.sequence() == 1);
    for (sequence, (rev, record)) in (1..).zip(&page.records) {
        let whole = rev.position.sequence() == sequence;
        assert!(whole || !counted, "the log has a hole");
        for change in decode_record(record).unwrap().events {
            if change.event == event {
                counts.add(change.counts);
                for (ticket, state) in change.tickets {
                    states.set(ticket, state);
                }
            }
        }
    }
    let newest = page.records.last().map(|(rev, _)| *rev);
    assert_eq!(newest, Some(head));
    let stored = invariants::states(&rows, event, total);
    assert_eq!(states.to_letters(), stored.to_letters());
    let folded = parterre_domain::Counts::all_free(total).after(counts);
    assert_eq!(folded, stored.count());
}
