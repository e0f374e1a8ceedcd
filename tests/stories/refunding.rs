//! An administrator gives money back, and says whether the tickets are for sale again.

use parterre_domain::ReservationState::{Paid, Refunded};
use parterre_domain::TicketState::{Free, Sold, Withdrawn};

use crate::story::{Administrator, Buyer, Cluster, Plan, Watcher, about, hall};

#[tokio::test]
async fn a_refund_returns_tickets_to_the_sale_or_not_on_every_screen() {
    let (cluster, front) = Cluster::with_front(Plan::default()).await;
    let edges = [front, cluster.edge(&[]).await];
    let event = hall(&mut cluster.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edges[0].origin());
    let mut screens = Vec::new();
    for edge in &edges {
        Buyer::at(edge.origin()).finds(id).await;
        screens.push(Watcher::of(&edge.origin(), id).await);
    }
    let (returned, kept) = (
        buyer.reserves(id, &[3]).await,
        buyer.reserves(id, &[8]).await,
    );
    for reserved in [&returned, &kept] {
        buyer.pays(reserved, "prompt").await;
        buyer.waits_for(reserved, Paid).await;
    }
    for screen in &screens {
        screen.sees(8, Sold).await;
    }

    let mut administrator = Administrator::at(cluster.admin());
    administrator.refunds(returned.reservation.id, true).await;
    administrator.refunds(kept.reservation.id, false).await;
    // Said again, it is done already.
    administrator.refunds(kept.reservation.id, false).await;
    for reserved in [&returned, &kept] {
        buyer.waits_for(reserved, Refunded).await;
        let shown = buyer.reads(reserved).await;
        let passes = shown.tickets.iter().filter(|ticket| ticket.pass.is_some());
        assert_eq!(passes.count(), 0, "nobody comes in by it: {shown:?}");
    }
    let store = administrator.store(id).await;
    for (screen, edge) in screens.iter().zip(&edges) {
        screen.sees(3, Free).await;
        screen.sees(8, Withdrawn).await;
        assert_eq!(Buyer::at(edge.origin()).looks(id).await, store);
        assert_eq!(screen.seen().wrong, []);
    }
    buyer.reserves(id, &[3]).await;
    let refused = buyer.tries(id, &[8]).await.expect_err("it is withdrawn");
    assert_eq!(refused.slug, "tickets-taken");
    let taken = refused.problem.taken.expect("what is in the way");
    assert_eq!(taken[0].state, Withdrawn);
}
