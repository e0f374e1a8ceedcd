//! Publish, browse, reserve, pay, own: and a second screen sees each step.

use parterre_domain::ReservationState::{Paid, Released};
use parterre_domain::TicketState::{Free, Pending, Sold};

use crate::story::{Buyer, SOON, Standalone, Watcher, about, hall, parterre};

#[tokio::test]
async fn a_ticket_is_published_reserved_paid_and_owned_while_a_second_screen_watches() {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 40).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(id).await;
    assert_eq!(buyer.looks(id).await.states, "f".repeat(40));
    let screen = Watcher::of(&server.edge(), id).await;
    screen.sees(7, Free).await;

    let reserved = buyer.reserves(id, &[7, 8]).await;
    assert_eq!(reserved.reservation.total.0, 2 * 4_200);
    let mut tickets = reserved.reservation.tickets.iter();
    assert!(tickets.all(|ticket| ticket.pass.is_none()), "not paid yet");
    screen.sees(7, Pending).await;
    screen.sees(8, Pending).await;

    buyer.pays(&reserved, "prompt").await;
    buyer.waits_for(&reserved, Paid).await;
    screen.sees(7, Sold).await;
    let owned = buyer.reads(&reserved).await;
    assert!(owned.tickets.iter().all(|ticket| ticket.state == Sold));

    let edge = server.edge().to_string();
    for ticket in &owned.tickets {
        let pass = ticket.pass.as_deref().expect("what is paid for has a pass");
        let said = at_the_door(pass, &edge).expect("the pass is right");
        assert!(said.contains(&format!("ticket {}\n", ticket.id)), "{said}");
        let forged = pass.replacen("eyJ", "eyK", 2);
        assert!(at_the_door(&forged, &edge).is_none(), "{forged}");
    }

    let store = server
        .admin()
        .availability(id)
        .await
        .expect("the core's word");
    let seen = screen.reaches(store.rev, SOON).await;
    assert_eq!(
        seen.fold.expect("a fold").states().to_letters(),
        store.states
    );
    assert_eq!(seen.wrong, []);
}

/// What `parterre check-ticket` says of a pass; none when it lets nobody in.
fn at_the_door(pass: &str, edge: &str) -> Option<String> {
    let checked = parterre(&["check-ticket", pass, "--edge", edge]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    checked.status.success().then_some(said)
}

#[tokio::test]
async fn a_released_ticket_is_free_on_every_screen_and_for_the_next_buyer() {
    let server = Standalone::start().await;
    let event = hall(&mut server.admin(), &about("An Evening"), 40).await;
    let id = event.summary.id;
    let (mut first, mut second) = (Buyer::at(server.edge()), Buyer::at(server.edge()));
    first.finds(id).await;
    let screen = Watcher::of(&server.edge(), id).await;
    let reserved = first.reserves(id, &[3]).await;
    screen.sees(3, Pending).await;

    let refused = second.tries(id, &[2, 3]).await.expect_err("3 is taken");
    assert_eq!(refused.slug, "tickets-taken");
    let taken = refused.problem.taken.expect("the tickets in the way");
    assert_eq!(
        taken.iter().map(|taken| taken.id.0).collect::<Vec<_>>(),
        [3]
    );

    let released = first.shop.release(reserved.reservation.id, &reserved.token);
    released.await.expect("an answer").expect("a release");
    first.waits_for(&reserved, Released).await;
    screen.sees(3, Free).await;
    second.reserves(id, &[2, 3]).await;
    screen.sees(3, Pending).await;
    assert_eq!(screen.seen().wrong, []);
}
