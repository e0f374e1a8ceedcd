//! Server-Sent Events: the same messages for one event, over plain HTTP.

use parterre_domain::Rev;
use parterre_domain::wire::api::EventStatus;
use parterre_domain::wire::live::ToClient;
use parterre_loadtest::fold::Fold;
use serde_json::json;

use crate::story::{Administrator, Buyer, Standalone, Stream, about, hall};

#[tokio::test]
async fn a_stream_tells_what_changes_and_goes_on_where_it_broke() {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 400).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;

    let mut stream = Stream::of(&server.edge(), id, None).await;
    let first = stream.tells().await;
    let mut fold = match first.message {
        ToClient::Snapshot {
            rev,
            counts,
            states,
            ..
        } => {
            assert_eq!(
                (first.op.as_str(), first.id),
                ("snapshot", Some(rev.to_string()))
            );
            Fold::new(rev, counts, &states).expect("a right snapshot")
        }
        other => panic!("a snapshot, not {other:?}"),
    };
    let reserved = buyer.reserves(id, &[3, 4]).await;
    let last = follows(&mut fold, &mut stream, reserved.rev).await;
    assert_eq!(last, reserved.rev.to_string());
    drop(stream);

    // It broke; meanwhile more happens.
    let missed = buyer.reserves(id, &[5]).await;
    let mut stream = Stream::of(&server.edge(), id, Some(&last)).await;
    let resumed = stream.tells().await;
    assert_eq!((resumed.op.as_str(), resumed.id), ("resumed", Some(last)));
    follows(&mut fold, &mut stream, missed.rev).await;

    let mut administrator = Administrator::at(server.admin());
    let changed = administrator
        .changes(id, &json!({"title": "Another"}))
        .await;
    let told = stream.tells().await;
    match told.message {
        ToClient::Event { detail, .. } => assert_eq!(*detail, changed),
        other => panic!("what changed, not {other:?}"),
    }
    assert_eq!(told.op, "event");
    follows(&mut fold, &mut stream, changed.rev).await;
    assert_eq!(
        fold.states().to_letters(),
        administrator.store(id).await.states
    );

    administrator.cancels(id).await;
    loop {
        if let ToClient::Event { detail, .. } = stream.tells().await.message {
            assert_eq!(detail.summary.status, EventStatus::Cancelled);
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_from_another_epoch_begins_with_a_snapshot() {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    let rev = buyer.looks(id).await.rev;
    let other = Rev {
        epoch: rev.epoch + 1,
        ..rev
    };
    let mut stream = Stream::of(&server.edge(), id, Some(&other.to_string())).await;
    let mut first = stream.tells().await;
    // What is said of the event may be another too.
    if first.op == "event" {
        first = stream.tells().await;
    }
    assert_eq!(
        (first.op.as_str(), first.id),
        ("snapshot", Some(rev.to_string()))
    );
}

/// Folds deltas up to a rev; the last one's id.
async fn follows(fold: &mut Fold, stream: &mut Stream, to: Rev) -> String {
    loop {
        let told = stream.tells().await;
        match told.message {
            ToClient::Delta {
                from,
                rev,
                counts,
                changes,
                ..
            } => {
                let applied = fold.apply(from, rev, counts, &changes);
                applied.unwrap_or_else(|wrong| panic!("{wrong}"));
                assert_eq!(
                    (told.op.as_str(), told.id),
                    ("delta", Some(rev.to_string()))
                );
            }
            other => panic!("a delta, not {other:?}"),
        }
        if fold.rev() >= to {
            return fold.rev().to_string();
        }
    }
}
