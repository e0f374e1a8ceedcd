//! Somebody who buys, and expects to be served.

use parterre_domain::wire::api::{Availability, BestWish, Reservation, ReserveRequest};
use parterre_domain::{EventId, ReservationState, TicketId};
use parterre_loadtest::wire::{Failure, Origin, Refused, Reserved, Shop};

use super::{SOON, until};

/// One buyer on one connection.
pub(crate) struct Buyer {
    pub(crate) shop: Shop,
}

impl Buyer {
    pub(crate) fn at(edge: Origin) -> Self {
        Self {
            shop: Shop::new(edge),
        }
    }

    /// What the edge shows of an event.
    pub(crate) async fn looks(&mut self, event: EventId) -> Availability {
        let reply = self.shop.availability(event).await;
        reply.expect("an answer").expect("the availability")
    }

    /// Waits until the edge shows an event: it was published at a core.
    pub(crate) async fn finds(&mut self, event: EventId) {
        until("the edge shows the event", SOON, async || {
            self.shop.event(event).await.expect("an answer").ok()
        })
        .await;
    }

    /// Tries to reserve tickets.
    pub(crate) async fn tries(
        &mut self,
        event: EventId,
        tickets: &[u32],
    ) -> Result<Reserved, Refused> {
        let wish = ReserveRequest {
            tickets: Some(tickets.iter().copied().map(TicketId).collect()),
            best: None,
        };
        self.wishes(event, &wish).await.expect("an answer")
    }

    /// Tries to reserve the best there are, side by side.
    pub(crate) async fn tries_best(
        &mut self,
        event: EventId,
        count: u16,
    ) -> Result<Reserved, Refused> {
        let best = BestWish {
            count,
            tier: None,
            section: None,
            together: true,
        };
        let wish = ReserveRequest {
            tickets: None,
            best: Some(best),
        };
        self.wishes(event, &wish).await.expect("an answer")
    }

    async fn wishes(
        &mut self,
        event: EventId,
        wish: &ReserveRequest,
    ) -> Result<Result<Reserved, Refused>, Failure> {
        self.shop.reserve(event, wish, None).await
    }

    /// Reserves tickets that are free.
    pub(crate) async fn reserves(&mut self, event: EventId, tickets: &[u32]) -> Reserved {
        let reserved = self.tries(event, tickets).await;
        reserved.unwrap_or_else(|refused| panic!("{tickets:?} of {event}: {refused:?}"))
    }

    /// Checks out and pays at the sandbox's page.
    pub(crate) async fn pays(&mut self, reserved: &Reserved, behave: &str) {
        let id = reserved.reservation.id;
        let checkout = self.shop.checkout(id, &reserved.token).await;
        let checkout = checkout.expect("an answer").expect("a checkout");
        let paid = self.shop.pay(&checkout.redirect_url, behave).await;
        assert_eq!(paid.expect("an answer").state, "paid", "{id}");
    }

    /// How a reservation stands.
    pub(crate) async fn reads(&mut self, reserved: &Reserved) -> Reservation {
        let id = reserved.reservation.id;
        let reply = self.shop.reservation(id, &reserved.token).await;
        reply.expect("an answer").expect("the reservation")
    }

    /// Waits until a reservation is in a state.
    pub(crate) async fn waits_for(&mut self, reserved: &Reserved, state: ReservationState) {
        let what = format!("{} is {}", reserved.reservation.id, state.as_str());
        until(&what, SOON, async || {
            (self.reads(reserved).await.state == state).then_some(())
        })
        .await;
    }
}
