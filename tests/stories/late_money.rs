//! Money that comes when the tickets have left their reservation: it takes them again if
//! all are still free, else it is owed back.

use parterre_domain::ReservationState::{Expired, Paid, RefundDue, Refunded, Released};
use parterre_domain::TicketState::{Free, Pending, Sold};
use parterre_loadtest::now;
use parterre_loadtest::wire::Reserved;

use crate::story::{
    Administrator, Buyer, Cluster, Notice, Plan, SOON, Watcher, about, hall, until,
};

#[tokio::test]
async fn late_money_takes_its_tickets_again_while_they_are_free() {
    let cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let mut short = about("Short");
    short.hold_seconds = 10;
    let id = hall(&mut cluster.admin(), &short, 20).await.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let screen = Watcher::of(&edge.origin(), id).await;

    let expired = buyer.reserves(id, &[4, 5]).await;
    let released = buyer.reserves(id, &[9]).await;
    for reserved in [&expired, &released] {
        buyer.checks_out(reserved).await;
    }
    buyer.releases(&released).await;
    buyer.waits_for(&released, Released).await;
    screen.sees(9, Free).await;
    buyer.waits_for(&expired, Expired).await;
    screen.sees(5, Free).await;

    for (reserved, ticket) in [(&expired, 5), (&released, 9)] {
        says_paid(&cluster, &mut buyer, reserved).await;
        buyer.waits_for(reserved, Paid).await;
        screen.sees(ticket, Sold).await;
        let owned = buyer.reads(reserved).await;
        let passes = owned.tickets.iter().filter(|ticket| ticket.pass.is_some());
        assert_eq!(passes.count(), owned.tickets.len(), "{owned:?}");
    }
    assert_eq!(screen.seen().wrong, []);
}

#[tokio::test]
async fn late_money_for_tickets_that_are_somebody_elses_is_owed_back() {
    let (cluster, edge) = Cluster::with_front(Plan::default()).await;
    let id = hall(&mut cluster.admin(), &about("An Evening"), 20).await;
    let id = id.summary.id;
    let (mut first, mut second) = (Buyer::at(edge.origin()), Buyer::at(edge.origin()));
    first.finds(id).await;
    let screen = Watcher::of(&edge.origin(), id).await;
    let given_up = first.reserves(id, &[4, 5]).await;
    first.checks_out(&given_up).await;
    first.releases(&given_up).await;
    // One of the two is enough: tickets come all together or not at all.
    let others = until("the edge hears that it is free", SOON, async || {
        second.tries(id, &[5]).await.ok()
    })
    .await;
    screen.sees(5, Pending).await;

    says_paid(&cluster, &mut first, &given_up).await;
    first.waits_for(&given_up, RefundDue).await;
    second.pays(&others, "prompt").await;
    second.waits_for(&others, Paid).await;
    screen.sees(5, Sold).await;
    assert_eq!(screen.state(4), Some(Free), "a part of it is not taken");
    assert_eq!(screen.seen().wrong, []);
}

#[tokio::test]
async fn money_that_comes_out_after_a_cancellation_is_refunded() {
    let cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let id = hall(&mut cluster.admin(), &about("An Evening"), 20).await;
    let id = id.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let unheard = buyer.reserves(id, &[4]).await;
    // The provider has the money, and the shop never hears of it by itself.
    buyer.pays(&unheard, "silent").await;
    Administrator::at(cluster.admin()).cancels(id).await;
    buyer.waits_for(&unheard, Refunded).await;
    until("its ticket is free of it", SOON, async || {
        let shown = buyer.looks(id).await;
        (shown.counts.pending + shown.counts.sold == 0).then_some(())
    })
    .await;
}

/// The provider tells of a payment that nobody waited for any more.
async fn says_paid(cluster: &Cluster, buyer: &mut Buyer, reserved: &Reserved) {
    let notice = Notice::paid(&reserved.reservation);
    let told = buyer
        .calls(&notice.signed("sandbox", cluster.secret(), now()))
        .await;
    assert!(told.status.is_success(), "{:?}", told.body);
}
