//! What one live connection may ask for, and in which words.

use parterre_domain::wire::live::{CloseCode, FromClient, ToClient};
use parterre_domain::{EventId, TicketState::Pending};
use parterre_loadtest::wire::{Heard, Live};
use tokio::time::timeout;

use crate::story::{Administrator, Buyer, Client, SOON, Standalone, Watcher, about, hall};

/// Events that one connection may watch.
const MOST: usize = 100;

#[tokio::test]
async fn who_unsubscribes_hears_no_more_of_that_event_and_goes_on_with_others() {
    let server = Standalone::start().await;
    let mut events = Vec::new();
    for title in ["Left", "Kept"] {
        events.push(
            hall(&mut server.admin(), &about(title), 20)
                .await
                .summary
                .id,
        );
    }
    let [left, kept] = events[..] else {
        unreachable!("two events")
    };
    let mut buyer = Buyer::at(server.edge());
    let mut client = Client::at(&server.edge()).await;
    for event in [left, kept] {
        buyer.finds(event).await;
        client.subscribes(event, None).await;
        let first = client.hears().await;
        assert!(matches!(first, ToClient::Snapshot { event: of, .. } if of == event));
    }
    let somebody_else = Watcher::of(&server.edge(), left).await;

    client.says(&FromClient::Unsubscribe { event: left }).await;
    // Unsubscribing is done when what was said after it is answered.
    client.subscribes(kept, None).await;
    assert!(matches!(client.hears().await, ToClient::Snapshot { .. }));
    for ticket in [1, 2, 3] {
        buyer.reserves(left, &[ticket]).await;
        somebody_else.sees(ticket, Pending).await;
        buyer.reserves(kept, &[ticket]).await;
        let heard = client.hears().await;
        assert!(
            matches!(heard, ToClient::Delta { event, .. } if event == kept),
            "{heard:?}"
        );
    }
    client.subscribes(left, None).await;
    match client.hears().await {
        ToClient::Snapshot { event, states, .. } => {
            assert_eq!(event, left);
            assert!(states.starts_with("fpppf"), "{states}");
        }
        other => panic!("a snapshot, not {other:?}"),
    }
}

#[tokio::test]
async fn binary_frames_lead_to_the_same_states_as_the_cores() {
    let server = Standalone::start().await;
    // Many, so that a few changes weigh less than all states.
    let id = hall(&mut server.admin(), &about("An Evening"), 2_000).await;
    let id = id.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    let packed = Live::packed(&server.edge()).await.expect("an upgrade");
    let screens = [
        Watcher::over(packed, id, None).await,
        Watcher::of(&server.edge(), id).await,
    ];
    for ticket in 0..5 {
        let reserved = buyer.reserves(id, &[ticket, ticket + 20]).await;
        if ticket % 2 == 0 {
            buyer.releases(&reserved).await;
        }
    }
    let mut administrator = Administrator::at(server.admin());
    administrator
        .changes(id, &serde_json::json!({"title": "A Night"}))
        .await;
    administrator.withdraws(id, &[1_999]).await;
    let store = administrator.store(id).await;
    for screen in &screens {
        let seen = screen.reaches(store.rev, SOON).await;
        let fold = seen.fold.expect("a fold");
        assert_eq!(fold.states().to_letters(), store.states);
        assert_eq!(fold.counts(), store.counts);
        assert_eq!((seen.wrong, seen.ended), (vec![], None));
        let titles = seen.details.iter().map(|(_, detail)| &detail.summary.title);
        assert!(titles.eq(["A Night"]), "{:?}", seen.details);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_subscriptions_on_one_connection_end_it_and_harm_nobody() {
    let server = Standalone::start().await;
    let mut events: Vec<EventId> = Vec::new();
    for number in 0..=MOST {
        let title = format!("Evening {number}");
        events.push(
            hall(&mut server.admin(), &about(&title), 20)
                .await
                .summary
                .id,
        );
    }
    let (more, watched) = events.split_last().expect("events");
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(*more).await;

    // As many as may be, each with its snapshot.
    let mut client = Client::at(&server.edge()).await;
    for &event in watched {
        client.subscribes(event, None).await;
        let heard = client.hears().await;
        assert!(matches!(heard, ToClient::Snapshot { event: of, .. } if of == event));
    }
    client.subscribes(*more, None).await;
    match client.hears().await {
        ToClient::Error { code, detail } => {
            assert_eq!(code, "invalid");
            assert!(detail.contains(&MOST.to_string()), "{detail}");
        }
        other => panic!("an error, not {other:?}"),
    }
    // The connection stays.
    buyer.reserves(watched[MOST - 1], &[3]).await;
    assert!(matches!(client.hears().await, ToClient::Delta { .. }));

    let code = sent_away(
        Live::connect(&server.edge()).await.expect("one more"),
        &events,
    )
    .await;
    assert_eq!(code, CloseCode::Abuse as u16);
    buyer.reserves(watched[0], &[3]).await;
    let heard = client.hears().await;
    assert!(
        matches!(heard, ToClient::Delta { event, .. } if event == watched[0]),
        "{heard:?}"
    );
}

/// Subscribes ten thousand times, and hears what comes meanwhile, up to the close.
async fn sent_away(mut live: Live, events: &[EventId]) -> u16 {
    for number in 0..10_000 {
        let event = events[number % events.len()];
        if live.subscribe(event, None).await.is_err() {
            break;
        }
        if number % 10 == 0
            && let Ok(Ok(Heard::Closed(code, _))) =
                timeout(std::time::Duration::ZERO, live.hear()).await
        {
            return code;
        }
    }
    loop {
        let heard = timeout(SOON, live.hear()).await.expect("it hears nothing");
        if let Heard::Closed(code, _) = heard.expect("a right frame") {
            return code;
        }
    }
}
