use std::collections::BTreeMap;
use std::time::Duration;

use parterre_domain::{Life, Position, SalePhase, Timestamp};

use super::*;

fn rev(sequence: u64) -> Rev {
    rev_of(1, sequence)
}

fn rev_of(epoch: u32, sequence: u64) -> Rev {
    Rev {
        epoch,
        position: Position::from_sequence(sequence),
    }
}

fn record(total: u32) -> EventRecord {
    let about = r#"{"title": "A", "venue": "B", "city": "C", "category": "d",
        "starts_at": "2026-12-01T19:00:00.000Z", "currency": "EUR"}"#;
    EventRecord {
        id: EventId::new(Timestamp::from_millis(1), 1),
        about: serde_json::from_str(about).unwrap(),
        life: Life::Published,
        phase: SalePhase::Open,
        tiers: Vec::new(),
        uploads: Vec::new(),
        total,
        created_at: Timestamp::from_millis(1),
        cancelling: false,
    }
}

/// A cell last touched at 10 and fetched at 20.
fn cell(total: u32) -> Cell {
    let snapshot = EventSnapshot {
        read_at: rev(20),
        record: record(total),
        rev: rev(10),
        states: States::all_free(total),
    };
    Cell::new(snapshot, Arc::default())
}

fn change(tickets: &[(u32, TicketState)]) -> EventChange {
    let tickets = tickets.iter().map(|&(id, state)| (TicketId(id), state));
    EventChange {
        tickets: tickets.collect(),
        ..EventChange::new(record(0).id)
    }
}

fn delta(caught: CatchUp) -> Delta {
    match caught {
        CatchUp::Delta(delta) => delta,
        other => panic!("a delta was expected: {other:?}"),
    }
}

#[test]
fn what_the_snapshot_has_seen_is_passed_over_and_the_rest_applied_once() {
    let cell = cell(1_000);
    let now = Instant::now();
    let sold = change(&[(1, TicketState::Sold)]);
    assert!(!cell.apply([(rev(15), &sold), (rev(20), &sold)], now));
    assert_eq!(cell.rev(), rev(10));
    assert!(cell.apply([(rev(21), &sold)], now));
    assert!(!cell.apply([(rev(21), &sold)], now));
    let view = cell.view();
    assert_eq!((view.rev, view.counts.sold), (rev(21), 1));
    assert_eq!(view.counts, view.states.count());
}

#[test]
fn a_client_gets_what_it_lacks_and_no_guess() {
    let cell = cell(1_000);
    let now = Instant::now();
    let (pending, sold) = (TicketState::Pending, TicketState::Sold);
    cell.apply([(rev(30), &change(&[(1, pending), (2, pending)]))], now);
    let mut with_record = change(&[(1, sold)]);
    with_record.record = Some(Box::new(record(1_000)));
    cell.apply([(rev(40), &with_record)], now);

    let from_start = delta(cell.catch_up(rev(10)));
    assert_eq!((from_start.from, from_start.rev), (rev(10), rev(40)));
    let changes: Vec<_> = from_start.changes.iter().collect();
    assert_eq!(changes, [(TicketId(1), sold), (TicketId(2), pending)]);
    assert!(from_start.record_changed);
    assert_eq!(from_start.counts, cell.view().counts);
    assert_eq!(delta(cell.catch_up(rev(30))).changes.len(), 1);
    assert_eq!(
        delta(cell.catch_up(rev(35))).changes.len(),
        1,
        "between two commits"
    );

    assert_eq!(cell.catch_up(rev(40)), CatchUp::UpToDate);
    assert_eq!(cell.catch_up(rev(41)), CatchUp::Ahead);
    assert_eq!(cell.catch_up(rev(9)), CatchUp::Snapshot, "before the ring");
    for other in [rev_of(0, 40), rev_of(2, 40)] {
        assert_eq!(cell.catch_up(other), CatchUp::Snapshot, "another epoch");
    }
}

#[test]
fn deltas_are_kept_for_a_minute() {
    let cell = cell(1_000);
    let start = Instant::now();
    let pending = change(&[(1, TicketState::Pending)]);
    let sold = change(&[(1, TicketState::Sold)]);
    cell.apply([(rev(30), &pending)], start);
    cell.apply([(rev(31), &sold)], start + limits::SINCE_KEPT);
    assert_eq!(delta(cell.catch_up(rev(10))).rev, rev(31));
    let later = start + limits::SINCE_KEPT + Duration::from_millis(1);
    cell.apply([(rev(32), &pending)], later);
    assert_eq!(cell.catch_up(rev(10)), CatchUp::Snapshot);
    assert_eq!(delta(cell.catch_up(rev(30))).rev, rev(32));
}

#[test]
fn what_weighs_more_than_a_snapshot_is_not_kept() {
    let cell = cell(1_000);
    let now = Instant::now();
    let all: Vec<_> = (0..1_000).map(|id| (id, TicketState::Pending)).collect();
    cell.apply([(rev(30), &change(&all))], now);
    assert_eq!(cell.catch_up(rev(10)), CatchUp::Snapshot);
    cell.apply([(rev(31), &change(&[(0, TicketState::Sold)]))], now);
    assert_eq!(delta(cell.catch_up(rev(30))).changes.len(), 1);
}

#[test]
fn after_a_gap_only_what_came_behind_the_snapshot_is_known() {
    let cell = cell(1_000);
    let now = Instant::now();
    cell.apply([(rev(30), &change(&[(1, TicketState::Sold)]))], now);
    let mut states = States::all_free(1_000);
    states.set(TicketId(2), TicketState::Sold);
    let reset = |read_at, touched| EventSnapshot {
        read_at,
        record: record(1_000),
        rev: touched,
        states: states.clone(),
    };
    cell.reset(reset(rev(50), rev(45)), now);
    assert_eq!(cell.catch_up(rev(30)), CatchUp::Snapshot);
    assert_eq!(cell.catch_up(rev(45)), CatchUp::UpToDate);
    assert!(!cell.apply([(rev(50), &change(&[(3, TicketState::Sold)]))], now));

    // A restore from a backup went back to before what a client has seen.
    cell.reset(reset(rev_of(2, 60), rev_of(1, 40)), now);
    assert_eq!(
        cell.catch_up(rev(45)),
        CatchUp::Snapshot,
        "never ahead of another epoch"
    );
    assert_eq!(cell.catch_up(rev(40)), CatchUp::UpToDate);
}

#[test]
fn folded_deltas_give_the_view_from_wherever_a_client_stands() {
    let seed = 11;
    let mut random = fastrand::Rng::with_seed(seed);
    let total = 2_000;
    let cell = cell(total);
    let now = Instant::now();
    let mut clients = BTreeMap::from([(cell.rev(), cell.view().states.clone())]);
    for sequence in 21..400 {
        let tickets: BTreeMap<u32, TicketState> = (0..random.u32(0..6))
            .map(|_| (random.u32(0..total), TicketState::ALL[random.usize(0..4)]))
            .collect();
        let tickets: Vec<_> = tickets.into_iter().collect();
        cell.apply([(rev(sequence), &change(&tickets))], now);
        let view = cell.view();
        clients.insert(view.rev, view.states.clone());
    }
    let view = cell.view();
    let mut brought = 0;
    for (since, mut states) in clients {
        match cell.catch_up(since) {
            CatchUp::Delta(delta) => {
                for (ticket, state) in delta.changes.iter() {
                    states.set(ticket, state);
                }
                brought += 1;
                assert_eq!(states, view.states, "seed {seed} from {since}");
            }
            CatchUp::UpToDate => assert_eq!(states, view.states, "seed {seed}"),
            CatchUp::Snapshot => assert_eq!(brought, 0, "seed {seed}: a hole at {since}"),
            CatchUp::Ahead => panic!("seed {seed}: {since} isn't ahead"),
        }
    }
    assert!(
        brought > 10,
        "seed {seed}: only {brought} clients got a delta"
    );
    assert_eq!(view.counts, view.states.count(), "seed {seed}");
}
