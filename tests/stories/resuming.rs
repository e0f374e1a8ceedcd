//! Somebody comes back and says what they have.

use parterre_domain::wire::live::ToClient;
use parterre_domain::{EventId, Position, Rev, TicketId};

use crate::story::{Buyer, Client, Cluster, SOON, Standalone, about, hall, until};

/// A server, an event, and the rev at which a client left it.
async fn left() -> (Standalone, EventId, Buyer, Rev) {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 400).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    let mut client = Client::at(&server.edge()).await;
    client.subscribes(id, None).await;
    match client.hears().await {
        ToClient::Snapshot { rev, .. } => (server, id, buyer, rev),
        other => panic!("a snapshot, not {other:?}"),
    }
}

#[tokio::test]
async fn who_missed_little_gets_it_in_one_delta() {
    let (server, id, mut buyer, left) = left().await;
    let first = buyer.reserves(id, &[1]).await;
    let second = buyer.reserves(id, &[2]).await;
    buyer.releases(&second).await;
    let last = until("the edge hears of the release", SOON, async || {
        let shown = buyer.looks(id).await;
        (shown.rev > second.rev).then_some(shown)
    })
    .await;

    let mut client = Client::at(&server.edge()).await;
    client.subscribes(id, Some(left)).await;
    assert_eq!(
        client.hears().await,
        ToClient::Resumed {
            event: id,
            rev: left
        }
    );
    match client.hears().await {
        ToClient::Delta {
            from,
            rev,
            changes,
            counts,
            ..
        } => {
            assert_eq!((from, rev, counts), (left, last.rev, last.counts));
            // Every ticket that was touched, even one that is again as it was.
            assert_eq!(
                (changes.p, changes.f),
                (vec![TicketId(1)], vec![TicketId(2)])
            );
        }
        other => panic!("a delta, not {other:?}"),
    }
    // Who missed nothing hears only what is new.
    let mut other = Client::at(&server.edge()).await;
    other.subscribes(id, Some(last.rev)).await;
    assert_eq!(
        other.hears().await,
        ToClient::Resumed {
            event: id,
            rev: last.rev
        }
    );
    let third = buyer.reserves(id, &[3]).await;
    assert!(third.rev > first.rev);
    for client in [&mut client, &mut other] {
        match client.hears().await {
            ToClient::Delta {
                from, rev, changes, ..
            } => {
                assert_eq!((from, rev), (last.rev, third.rev));
                assert_eq!(changes.p, [TicketId(3)]);
            }
            other => panic!("a delta, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn who_comes_from_another_epoch_gets_a_snapshot() {
    let (server, id, mut buyer, left) = left().await;
    let reserved = buyer.reserves(id, &[1]).await;
    let last = buyer.looks_after(id, &reserved).await;
    for epoch in [left.epoch + 1, left.epoch.wrapping_sub(1)] {
        let mut client = Client::at(&server.edge()).await;
        client.subscribes(id, Some(Rev { epoch, ..left })).await;
        let mut heard = client.hears().await;
        // What is said of the event may be another too.
        if matches!(heard, ToClient::Event { .. }) {
            heard = client.hears().await;
        }
        match heard {
            ToClient::Snapshot { rev, states, .. } => {
                assert_eq!((rev, states), (last.rev, last.states.clone()));
            }
            other => panic!("a snapshot, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn who_is_ahead_hears_nothing_until_the_edge_has_passed_it() {
    let (server, id, mut buyer, left) = left().await;
    let (one, next) = (
        buyer.reserves(id, &[1]).await.rev,
        buyer.reserves(id, &[2]).await.rev,
    );
    // Ahead by more commits than two, and by fewer than all that will follow. A store may
    // have more positions than commits.
    let [one, next] = [one, next].map(|rev| rev.position.sequence());
    let ahead = Rev {
        epoch: left.epoch,
        position: Position::from_sequence(next + 20 * (next - one)),
    };
    let mut client = Client::at(&server.edge()).await;
    client.subscribes(id, Some(ahead)).await;
    assert_eq!(
        client.hears().await,
        ToClient::Resumed {
            event: id,
            rev: ahead
        }
    );
    let mut ticket = 3;
    let passed = loop {
        let reserved = buyer.reserves(id, &[ticket]).await;
        if reserved.rev > ahead {
            break reserved;
        }
        ticket += 1;
        assert!(ticket < 400, "{ahead} is never passed");
    };
    assert!(ticket > 4, "it wasn't ahead");
    match client.hears().await {
        ToClient::Delta { from, rev, .. } => {
            assert!(from <= ahead && rev >= passed.rev, "{from} to {rev}");
        }
        other => panic!("nothing before a delta past {ahead}, but {other:?}"),
    }
}

#[tokio::test]
async fn who_connects_while_the_core_is_gone_hears_that_first() {
    let mut cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let before = buyer.looks(id).await;
    cluster.core.kill();
    let call = parterre_loadtest::wire::Call::get("/v1/events");
    until("the edge is stale", SOON, async || {
        let answer = buyer.calls(&call).await;
        answer.header("parterre-stale").map(str::to_owned)
    })
    .await;

    let mut client = Client::at(&edge.origin()).await;
    match client.hears().await {
        ToClient::Stale { seconds } => assert!(seconds >= 2),
        other => panic!("first that it is stale, not {other:?}"),
    }
    client.subscribes(id, None).await;
    match client.hears().await {
        ToClient::Snapshot { rev, states, .. } => {
            assert_eq!((rev, states), (before.rev, before.states));
        }
        other => panic!("a snapshot, not {other:?}"),
    }
    cluster.restart();
    assert_eq!(client.hears().await, ToClient::Fresh);
}
