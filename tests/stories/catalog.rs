//! The counts of every event, for a page that lists them.

use std::collections::BTreeMap;

use parterre_domain::wire::live::{FromClient, ToClient};
use parterre_domain::{Counts, EventId};

use crate::story::{Administrator, Buyer, Client, SOON, Standalone, about, hall, until};

#[tokio::test]
async fn a_catalog_subscriber_hears_every_count_and_then_what_changed() {
    let server = Standalone::start().await;
    let mut events = Vec::new();
    for title in ["One", "Two", "Three"] {
        events.push(
            hall(&mut server.admin(), &about(title), 20)
                .await
                .summary
                .id,
        );
    }
    let mut administrator = Administrator::at(server.admin());
    let draft = administrator.admin.create(&about("A Draft")).await;
    let draft = draft.expect("a draft").summary.id;
    let mut buyer = Buyer::at(server.edge());
    for event in &events {
        buyer.finds(*event).await;
    }
    let mut client = Client::at(&server.edge()).await;
    client.says(&FromClient::Catalog {}).await;
    let (mut at, first) = hears_counts(&mut client).await;
    assert_eq!(first.keys().copied().collect::<Vec<_>>(), sorted(&events));
    assert!(!first.contains_key(&draft));
    assert!(first.values().all(|counts| counts.free == 20));

    for (number, event) in events.iter().enumerate() {
        let ticket = u32::try_from(number).expect("a small number");
        buyer.reserves(*event, &[ticket]).await;
        let store = administrator.store(*event).await;
        let (rev, changed) = hears_counts(&mut client).await;
        assert_eq!(
            changed,
            BTreeMap::from([(*event, store.counts)]),
            "and nothing else"
        );
        assert!(rev > at && rev >= store.rev);
        at = rev;
    }

    // Many changes within a second are told in few messages, the last of them with all.
    for ticket in 10..20 {
        for event in &events {
            buyer.reserves(*event, &[ticket]).await;
        }
    }
    let mut folded = BTreeMap::new();
    let mut messages = 0;
    until("all counts are told", SOON, async || {
        let (_, changed) = hears_counts(&mut client).await;
        messages += 1;
        folded.extend(changed);
        let done = folded.len() == 3 && folded.values().all(|counts| counts.pending == 11);
        done.then_some(())
    })
    .await;
    assert!(messages < 30, "{messages} messages for 30 changes");
}

async fn hears_counts(client: &mut Client) -> (parterre_domain::Rev, BTreeMap<EventId, Counts>) {
    match client.hears().await {
        ToClient::Counts { rev, events } => (rev, events),
        other => panic!("counts, not {other:?}"),
    }
}

fn sorted(events: &[EventId]) -> Vec<EventId> {
    let mut sorted = events.to_vec();
    sorted.sort();
    sorted
}
