//! Somebody who buys, and expects to be served.

use parterre_domain::wire::api::{
    Availability, BestWish, CheckoutAnswer, EventDetail, Reservation, ReserveRequest,
};
use parterre_domain::{EventId, ReservationState, TicketId};
use parterre_loadtest::wire::{Answer, Call, Failure, Origin, Refused, Reserved, Shop};

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

    /// What the edge shows of an event once it has heard of a reservation.
    pub(crate) async fn looks_after(
        &mut self,
        event: EventId,
        reserved: &Reserved,
    ) -> Availability {
        until("the edge hears of a reservation", SOON, async || {
            let shown = self.looks(event).await;
            (shown.rev >= reserved.rev).then_some(shown)
        })
        .await
    }

    /// What the edge says of an event.
    pub(crate) async fn reads_about(&mut self, event: EventId) -> EventDetail {
        let reply = self.shop.event(event).await;
        reply.expect("an answer").expect("the event")
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
        self.tries_wish(event, best).await
    }

    /// Tries to reserve the best that fit a wish.
    pub(crate) async fn tries_wish(
        &mut self,
        event: EventId,
        best: BestWish,
    ) -> Result<Reserved, Refused> {
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

    /// Gives a reservation back.
    pub(crate) async fn releases(&mut self, reserved: &Reserved) {
        let id = reserved.reservation.id;
        let released = self.shop.release(id, &reserved.token).await;
        released.expect("an answer").expect("a release");
    }

    /// Tries to begin to pay.
    pub(crate) async fn tries_to_check_out(
        &mut self,
        reserved: &Reserved,
    ) -> Result<CheckoutAnswer, Refused> {
        let id = reserved.reservation.id;
        let checkout = self.shop.checkout(id, &reserved.token).await;
        checkout.expect("an answer")
    }

    /// Begins to pay.
    pub(crate) async fn checks_out(&mut self, reserved: &Reserved) -> CheckoutAnswer {
        let checkout = self.tries_to_check_out(reserved).await;
        checkout.unwrap_or_else(|refused| panic!("{}: {refused:?}", reserved.reservation.id))
    }

    /// Checks out and pays at the sandbox's page.
    pub(crate) async fn pays(&mut self, reserved: &Reserved, behave: &str) {
        let checkout = self.checks_out(reserved).await;
        let paid = self.shop.pay(&checkout.redirect_url, behave).await;
        let id = reserved.reservation.id;
        assert_eq!(paid.expect("an answer").state, "paid", "{id}");
    }

    /// Makes any call.
    pub(crate) async fn calls(&mut self, call: &Call) -> Answer {
        let answer = self.shop.client().send(call).await;
        answer.unwrap_or_else(|broken| panic!("{}: {broken}", call.name()))
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
