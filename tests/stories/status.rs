//! An event's status in one word, as everybody sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use parterre_domain::wire::api::EventStatus::{Cancelled, Closed, OnSale, SoldOut, Upcoming};
use parterre_domain::wire::api::{EventList, EventStatus};
use parterre_domain::{EventId, Timestamp};
use parterre_loadtest::now;
use parterre_loadtest::wire::Call;

use crate::story::{Administrator, Buyer, SOON, Standalone, about, hall, until};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn the_status_is_the_first_word_that_holds() {
    let server = Standalone::start().await;
    let mut administrator = Administrator::at(server.admin());
    let mut buyer = Buyer::at(server.edge());
    let rows: [(&str, EventStatus, Option<Timestamp>, Timestamp, bool, bool); 7] = [
        ("on sale", OnSale, None, now() + DAY, false, false),
        ("sold out", SoldOut, None, now() + DAY, true, false),
        (
            "upcoming",
            Upcoming,
            Some(now() + DAY),
            now() + DAY * 2,
            false,
            false,
        ),
        (
            "upcoming, nothing free",
            Upcoming,
            Some(now() + DAY),
            now() + DAY * 2,
            true,
            false,
        ),
        ("past", Closed, None, now() - DAY, false, false),
        ("past, nothing free", Closed, None, now() - DAY, true, false),
        (
            "past and cancelled",
            Cancelled,
            None,
            now() - DAY,
            true,
            true,
        ),
    ];
    let mut expected = BTreeMap::new();
    for (title, status, opens_at, starts_at, nothing_free, cancelled) in rows {
        let mut about = about(title);
        about.sale_opens_at = opens_at.or(Some(now() - DAY * 30));
        about.starts_at = starts_at;
        let id = hall(&mut server.admin(), &about, 3).await.summary.id;
        if nothing_free {
            administrator.withdraws(id, &[0, 1, 2]).await;
        }
        if cancelled {
            administrator.cancels(id).await;
        }
        expected.insert(id, status);
    }
    for (&id, status) in &expected {
        buyer.finds(id).await;
        until(&format!("{id} is {status:?}"), SOON, async || {
            (buyer.reads_about(id).await.summary.status == *status).then_some(())
        })
        .await;
    }
    // A list may be a moment old.
    until("the list says the same", SOON, async || {
        let listed = listed(&mut buyer, "?from=2000-01-01T00:00:00Z&limit=100").await;
        (listed == expected).then_some(())
    })
    .await;
    let from_now = listed(&mut buyer, "?limit=100").await;
    let future = expected
        .iter()
        .filter(|(_, status)| matches!(status, OnSale | SoldOut | Upcoming));
    assert_eq!(
        from_now,
        future.map(|(id, status)| (*id, *status)).collect()
    );
}

#[tokio::test]
async fn what_is_sold_out_is_on_sale_again_when_somebody_changes_their_mind() {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("Wanted"), 3).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    let all = buyer.reserves(id, &[0, 1, 2]).await;
    until("it is sold out", SOON, async || {
        (buyer.reads_about(id).await.summary.status == SoldOut).then_some(())
    })
    .await;
    buyer.releases(&all).await;
    until("it is on sale again", SOON, async || {
        (buyer.reads_about(id).await.summary.status == OnSale).then_some(())
    })
    .await;
}

async fn listed(buyer: &mut Buyer, query: &str) -> BTreeMap<EventId, EventStatus> {
    let answer = buyer.calls(&Call::get(format!("/v1/events{query}"))).await;
    let list: EventList = answer.read(200).expect("an answer").expect("a list");
    let rows = list.events.iter().map(|event| (event.id, event.status));
    rows.collect()
}
