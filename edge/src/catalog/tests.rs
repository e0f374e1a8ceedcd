use parterre_domain::{CountsChange, Life, Position, SalePhase, TicketState};

use super::*;

fn rev(sequence: u64) -> Rev {
    Rev {
        epoch: 1,
        position: Position::from_sequence(sequence),
    }
}

fn event(number: u64) -> EventId {
    EventId::new(Timestamp::from_millis(1), number.into())
}

/// An event that begins so many hours after 1970.
fn record(number: u64, hours: i64, city: &str) -> EventRecord {
    let about = format!(
        r#"{{"title": "Event {number}", "venue": "Hall", "city": {city:?}, "category": "music",
            "starts_at": "1970-01-01T00:00:00.000Z", "currency": "EUR"}}"#
    );
    let mut about: parterre_domain::About = serde_json::from_str(&about).unwrap();
    about.starts_at = Timestamp::from_millis(hours * 3_600_000);
    EventRecord {
        id: event(number),
        about,
        life: Life::Published,
        phase: SalePhase::Open,
        tiers: Vec::new(),
        uploads: Vec::new(),
        total: 100,
        created_at: Timestamp::from_millis(1),
        cancelling: false,
    }
}

fn entry(number: u64, hours: i64, city: &str, touched: u64) -> CatalogEntry {
    CatalogEntry {
        record: record(number, hours, city),
        counts: Counts::all_free(100),
        rev: rev(touched),
    }
}

fn loaded(entries: Vec<(u64, CatalogEntry)>) -> Catalog {
    let catalog = Catalog::default();
    let entries = entries.into_iter();
    catalog.load(
        entries
            .map(|(read_at, entry)| (rev(read_at), entry))
            .collect(),
        rev(20),
    );
    catalog
}

fn log(changes: Vec<EventChange>) -> LogRecord {
    LogRecord {
        at: Timestamp::from_millis(1),
        events: changes,
    }
}

fn sale(number: u64, tickets: i32) -> EventChange {
    let mut change = EventChange::new(event(number));
    let step = CountsChange::of_step(TicketState::Free, TicketState::Sold);
    (0..tickets).for_each(|_| change.counts.add(step));
    change
}

#[test]
fn relative_counts_are_applied_exactly_once() {
    let catalog = loaded(vec![(25, entry(1, 1, "A", 10)), (20, entry(2, 2, "A", 10))]);
    let frame = [
        (rev(24), log(vec![sale(1, 1), sale(2, 1)])),
        (rev(26), log(vec![sale(1, 2), sale(2, 2)])),
    ];
    let applied = catalog.apply(&frame);
    assert_eq!(applied.changed, [event(1), event(2)]);
    catalog.apply(&frame);
    let sold = |number| catalog.programme().get(event(number)).unwrap().counts.sold;
    assert_eq!(
        (sold(1), sold(2)),
        (2, 3),
        "what the page had seen is passed over"
    );
    assert_eq!(catalog.position(), rev(26));
}

#[test]
fn a_newly_published_event_appears_with_its_record_and_a_draft_does_not() {
    let catalog = loaded(vec![]);
    let mut published = EventChange::new(event(1));
    published.record = Some(Box::new(record(1, 5, "A")));
    published.withdrawn_before = 2;
    let draft = sale(2, 1);
    let applied = catalog.apply(&[(rev(30), log(vec![published, draft]))]);
    assert_eq!(
        (applied.changed, applied.published),
        (vec![event(1)], vec![event(1)])
    );
    let programme = catalog.programme();
    assert_eq!(programme.len(), 1);
    assert_eq!(programme.get(event(1)).unwrap().rev, rev(30));
    let counts = programme.get(event(1)).unwrap().counts;
    assert_eq!((counts.free, counts.withdrawn()), (98, 2), "of the draft");

    // Its cell, counted ticket by ticket, knows of three more that are gone.
    let counts = Counts {
        free: 95,
        ..Counts::all_free(100)
    };
    catalog.apply(&[(rev(31), log(vec![sale(1, 1)]))]);
    assert!(!catalog.correct(event(1), counts, rev(30)));
    let free = |catalog: &Catalog| catalog.programme().get(event(1)).unwrap().counts.free;
    assert_eq!(
        free(&catalog),
        97,
        "a count from before a change is too old"
    );
    assert!(catalog.correct(event(1), counts, rev(31)), "it is news");
    assert!(!catalog.correct(event(1), counts, rev(32)), "it isn't");
    assert_eq!(free(&catalog), 95);
}

#[test]
fn an_event_that_moves_is_listed_once_at_its_new_time() {
    let catalog = loaded(vec![(20, entry(1, 1, "A", 10)), (20, entry(2, 2, "A", 10))]);
    let mut moved = EventChange::new(event(1));
    moved.record = Some(Box::new(record(1, 3, "B")));
    assert!(
        catalog
            .apply(&[(rev(30), log(vec![moved]))])
            .records_changed
    );
    let programme = catalog.programme();
    let order: Vec<_> = programme.iter().map(|entry| entry.record.id).collect();
    assert_eq!(order, [event(2), event(1)]);
    let in_b = Wish {
        city: Some("b".to_owned()),
        limit: 10,
        ..Wish::default()
    };
    let found = programme.search(&in_b, Timestamp::from_millis(0));
    assert_eq!(found.entries.len(), 1);
}

#[test]
fn walking_by_cursor_meets_every_event_once_in_order() {
    // Many begin at once, so that the cursor must tell them apart by id.
    let entries = (0..500).map(|n| (20, entry(n, i64::try_from(n % 7).unwrap(), "A", 10)));
    let programme = loaded(entries.collect()).programme();
    for limit in [1, 3, 100] {
        let mut wish = Wish {
            limit,
            ..Wish::default()
        };
        let mut met = Vec::new();
        loop {
            let page = programme.search(&wish, Timestamp::from_millis(0));
            assert!(page.entries.len() <= limit);
            met.extend(page.entries.iter().map(|entry| entry.at()));
            match page.next {
                Some(next) => wish.after = Some(next),
                None => break,
            }
        }
        assert_eq!(met.len(), 500, "limit {limit}");
        assert!(met.is_sorted_by(|a, b| a < b), "limit {limit}");
    }
}

#[test]
fn a_list_begins_now_and_ends_before_its_end() {
    let entries = (0..10).map(|n| (20, entry(n, i64::try_from(n).unwrap(), "A", 10)));
    let programme = loaded(entries.collect()).programme();
    let hour = |hours: i64| Timestamp::from_millis(hours * 3_600_000);
    let check = |from: Option<i64>, to: Option<i64>, expected: std::ops::Range<u64>| {
        let wish = Wish {
            from: from.map(hour),
            to: to.map(hour),
            limit: 100,
            ..Wish::default()
        };
        let page = programme.search(&wish, hour(4));
        let found: Vec<_> = page.entries.iter().map(|entry| entry.record.id).collect();
        let expected: Vec<_> = expected.map(event).collect();
        assert_eq!(found, expected, "{from:?} {to:?}");
        assert_eq!(page.next, None);
    };
    check(None, None, 4..10);
    check(Some(0), None, 0..10);
    check(Some(0), Some(3), 0..3);
    check(Some(9), Some(9), 0..0);
    check(Some(20), None, 0..0);
}
