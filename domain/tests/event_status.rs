//! An event's status is the first word that holds: cancelled, else closed, upcoming, sold
//! out, on sale. Every life, phase and number of free tickets.

use parterre_domain::wire::api::EventStatus::{
    self, Cancelled, Closed, Draft, OnSale, SoldOut, Upcoming,
};
use parterre_domain::{Counts, EventId, EventRecord, Life, SalePhase, Timestamp};

fn record(life: Life, phase: SalePhase) -> EventRecord {
    let about = r#"{"title": "T", "category": "C", "venue": "V", "city": "C",
        "starts_at": "2100-01-01T00:00:00.000Z", "currency": "EUR"}"#;
    EventRecord {
        id: EventId::from_number(1),
        about: serde_json::from_str(about).expect("an event"),
        life,
        phase,
        tiers: Vec::new(),
        uploads: Vec::new(),
        total: 10,
        created_at: Timestamp::from_millis(0),
        cancelling: false,
    }
}

#[test]
fn the_first_word_that_holds_is_the_status() {
    let phases = [SalePhase::Closed, SalePhase::Upcoming, SalePhase::Open];
    let at = Timestamp::from_millis(0);
    // A life, and for each phase its status with free tickets and with none.
    let rows: [(Life, [[EventStatus; 2]; 3]); 5] = [
        (Life::Draft, [[Draft; 2]; 3]),
        (Life::Scheduled { at }, [[Draft; 2]; 3]),
        (
            Life::Published,
            [[Closed; 2], [Upcoming; 2], [OnSale, SoldOut]],
        ),
        (Life::Cancelled, [[Cancelled; 2]; 3]),
        (Life::Dropped, [[Cancelled; 2]; 3]),
    ];
    // Free, pending and sold of ten; the others are withdrawn.
    let with_free = [(10, 0, 0), (1, 9, 0), (1, 0, 9), (1, 0, 0)];
    let without = [(0, 10, 0), (0, 0, 10), (0, 0, 0), (0, 5, 5)];
    for (life, of_phase) in rows {
        for (phase, of_free) in phases.into_iter().zip(of_phase) {
            for (tickets, expected) in [with_free, without].into_iter().zip(of_free) {
                for (free, pending, sold) in tickets {
                    let counts = Counts {
                        total: 10,
                        free,
                        pending,
                        sold,
                    };
                    let status = EventStatus::of(&record(life, phase), &counts);
                    assert_eq!(status, expected, "{life:?} {phase:?} {counts:?}");
                }
            }
        }
    }
}
