//! A buyer who leaves the choice of tickets to the house, within limits.

use std::collections::BTreeSet;

use parterre_domain::EventId;
use parterre_domain::wire::api::{BestWish, TicketsUpload};
use parterre_loadtest::wire::{Refused, Reserved};

use crate::story::{Buyer, Standalone, about, ticket, tier};

/// Tickets in a row.
const ROW: u32 = 4;

/// Two rows of stalls, tickets 0 to 7, and two of the cheaper balcony, 8 to 15.
async fn house() -> (Standalone, EventId, Buyer) {
    let server = Standalone::start().await;
    let place = |at: u32| {
        let (section, tier) = if at < 8 {
            ("Stalls", "dear")
        } else {
            ("Balcony", "cheap")
        };
        ticket(section, at / ROW + 1, at % ROW + 1, tier)
    };
    let upload = TicketsUpload {
        tiers: vec![tier("dear", 9_000), tier("cheap", 2_500)],
        tickets: (0..16).map(place).collect(),
    };
    let event = server.admin().publish(&about("A Choice"), &upload).await;
    let id = event.expect("an event on sale").summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    (server, id, buyer)
}

fn best(count: u16) -> BestWish {
    BestWish {
        count,
        tier: None,
        section: None,
        together: true,
    }
}

#[tokio::test]
async fn the_best_are_of_the_tier_and_the_section_that_were_wished_for() {
    let (_server, event, mut buyer) = house().await;
    let cheap = BestWish {
        tier: Some("cheap".to_owned()),
        ..best(3)
    };
    let cheap = buyer
        .tries_wish(event, cheap)
        .await
        .expect("there are many");
    assert!(
        cheap
            .reservation
            .tickets
            .iter()
            .all(|ticket| ticket.tier == "cheap")
    );
    assert_eq!(cheap.reservation.total.0, 3 * 2_500);
    assert!(side_by_side(&cheap), "{:?}", cheap.reservation.tickets);

    let stalls = BestWish {
        section: Some("Stalls".to_owned()),
        ..best(4)
    };
    let stalls = buyer
        .tries_wish(event, stalls)
        .await
        .expect("there are many");
    assert!(
        stalls
            .reservation
            .tickets
            .iter()
            .all(|ticket| ticket.section == "Stalls")
    );
    assert!(side_by_side(&stalls), "{:?}", stalls.reservation.tickets);

    // No ticket is both.
    let neither = BestWish {
        tier: Some("cheap".to_owned()),
        section: Some("Stalls".to_owned()),
        ..best(1)
    };
    cant_be_met(
        &buyer
            .tries_wish(event, neither)
            .await
            .expect_err("there is none"),
    );
}

#[tokio::test]
async fn together_is_never_dropped_silently() {
    let (_server, event, mut buyer) = house().await;
    // One or two side by side are left in each row, and no three.
    let taken = buyer.reserves(event, &[1, 5, 9, 13]).await;
    let before = buyer.looks_after(event, &taken).await;
    let refused = buyer
        .tries_wish(event, best(3))
        .await
        .expect_err("no three");
    cant_be_met(&refused);
    assert_eq!(buyer.looks(event).await, before, "nothing was reserved");

    let apart = BestWish {
        together: false,
        ..best(3)
    };
    let apart = buyer
        .tries_wish(event, apart)
        .await
        .expect("enough are free");
    let ids: BTreeSet<u32> = apart
        .reservation
        .tickets
        .iter()
        .map(|ticket| ticket.id.0)
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_disjoint(&BTreeSet::from([1, 5, 9, 13])), "{ids:?}");

    // More than there are can't be met either way: 9 are free.
    for together in [true, false] {
        let all = BestWish {
            together,
            ..best(10)
        };
        cant_be_met(&buyer.tries_wish(event, all).await.expect_err("too many"));
    }
    let pairs = buyer
        .tries_wish(event, best(2))
        .await
        .expect("a pair is left");
    assert!(side_by_side(&pairs), "{:?}", pairs.reservation.tickets);
}

fn cant_be_met(refused: &Refused) {
    assert_eq!(
        (refused.problem.status, refused.slug.as_str()),
        (409, "tickets-taken")
    );
    let taken = refused.problem.taken.as_deref();
    assert_eq!(taken.map(<[_]>::len), Some(0), "{refused:?}");
}

fn side_by_side(reserved: &Reserved) -> bool {
    let tickets = &reserved.reservation.tickets;
    let mut ids: Vec<u32> = tickets.iter().map(|ticket| ticket.id.0).collect();
    ids.sort_unstable();
    let one_row = ids.iter().all(|id| id / ROW == ids[0] / ROW);
    one_row && ids.windows(2).all(|pair| pair[0] + 1 == pair[1])
}
