//! A sale opens and closes by itself, in front of everybody.

use std::time::Duration;

use parterre_domain::wire::api::EventStatus::{Closed, OnSale, Upcoming};
use parterre_loadtest::now;

use crate::story::{Buyer, Cluster, SOON, Watcher, about, hall};

/// A core commits it so soon; as much again to tell of it on a machine that is busy.
const PROMPT: Duration = Duration::from_secs(1 + 1);

#[tokio::test]
async fn a_sale_opens_and_closes_by_itself_on_every_screen() {
    let cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let mut about = about("Soon");
    let opens_at = now() + Duration::from_secs(4);
    let closes_at = opens_at + Duration::from_secs(4);
    about.sale_opens_at = Some(opens_at);
    about.sale_closes_at = Some(closes_at);
    let event = hall(&mut cluster.admin(), &about, 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let screen = Watcher::of(&edge.origin(), id).await;

    let refused = buyer.tries(id, &[1]).await.expect_err("it isn't open yet");
    assert!(now() < opens_at, "this machine is too slow to tell");
    assert_eq!(
        (refused.problem.status, refused.slug.as_str()),
        (425, "not-on-sale")
    );
    let wait = refused.retry_after.expect("when it opens");
    assert!(
        wait <= Duration::from_secs(5) && !wait.is_zero(),
        "{wait:?}"
    );
    assert_eq!(buyer.reads_about(id).await.summary.status, Upcoming);

    for (number, (at, status)) in [(opens_at, OnSale), (closes_at, Closed)].iter().enumerate() {
        let what = format!("a screen is told that it is {status:?}");
        let seen = screen
            .until(&what, SOON, |seen| seen.details.len() > number)
            .await;
        let (heard_at, detail) = &seen.details[number];
        assert_eq!(detail.summary.status, *status);
        assert!(heard_at >= at, "{status:?} too early: {heard_at:?}");
        let late = heard_at.since(*at);
        assert!(late <= PROMPT, "{status:?} {late:?} late");
        let reached = screen.reaches(detail.rev, SOON).await;
        assert!(detail.rev > event.rev);
        assert_eq!(
            buyer.looks(id).await.rev,
            detail.rev,
            "it has a rev as any change"
        );
        assert_eq!(buyer.reads_about(id).await, *detail);
        if *status == OnSale {
            buyer.reserves(id, &[1]).await;
        }
        assert_eq!(reached.wrong, []);
    }
    let refused = buyer.tries(id, &[2]).await.expect_err("it is closed");
    assert_eq!(
        (refused.problem.status, refused.slug.as_str()),
        (425, "not-on-sale")
    );
    assert_eq!(refused.retry_after, None, "it never opens again");
    let shown = buyer.looks(id).await;
    assert_eq!(shown.counts.pending, 1, "what was reserved in time stays");
    assert_eq!(screen.seen().wrong, []);
}
