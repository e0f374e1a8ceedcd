//! Somebody who runs events, and expects to be obeyed.

use http::Method;
use parterre_domain::wire::api::{Availability, EventDetail, TicketsUpload};
use parterre_domain::{About, EventId, ReservationId};
use parterre_loadtest::wire::{Admin, Answer, Call};
use serde_json::{Value, json};

/// One administrator at one core.
pub(crate) struct Administrator {
    pub(crate) admin: Admin,
}

impl Administrator {
    pub(crate) fn at(admin: Admin) -> Self {
        Self { admin }
    }

    /// Makes a draft with its tickets.
    pub(crate) async fn drafts(&mut self, about: &About, upload: &TicketsUpload) -> EventId {
        let draft = self.admin.create(about).await.expect("a draft");
        let id = draft.summary.id;
        let path = format!("/admin/v1/events/{id}/tickets");
        let added = self.calls(Call::post(path, upload)).await;
        assert_eq!(added.status, 200, "{:?}", added.body);
        id
    }

    /// Asks for a draft to be published, in the creation window.
    pub(crate) async fn publishes(&mut self, event: EventId) -> Answer {
        let path = format!("/admin/v1/events/{event}/publish");
        self.calls(Call::new(Method::POST, path)).await
    }

    /// Changes what is said of an event.
    pub(crate) async fn changes(&mut self, event: EventId, patch: &Value) -> EventDetail {
        let call = Call::new(Method::PATCH, format!("/admin/v1/events/{event}"));
        let call = call.with_body("application/json", patch.to_string());
        let changed = self.calls(call).await.read(200);
        changed.expect("an answer").expect("a change")
    }

    /// Cancels an event.
    pub(crate) async fn cancels(&mut self, event: EventId) {
        let path = format!("/admin/v1/events/{event}/cancel");
        let answer = self.calls(Call::new(Method::POST, path)).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }

    /// Takes tickets out of the sale.
    pub(crate) async fn withdraws(&mut self, event: EventId, tickets: &[u32]) {
        self.turns(event, "withdraw", tickets).await;
    }

    /// Puts withdrawn tickets back.
    pub(crate) async fn restores(&mut self, event: EventId, tickets: &[u32]) {
        self.turns(event, "restore", tickets).await;
    }

    async fn turns(&mut self, event: EventId, how: &str, tickets: &[u32]) {
        let path = format!("/admin/v1/events/{event}/tickets/{how}");
        let call = Call::post(path, &json!({ "tickets": tickets }));
        let answer = self.calls(call).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }

    /// Gives the money back.
    pub(crate) async fn refunds(&mut self, reservation: ReservationId, return_to_sale: bool) {
        let path = format!("/admin/v1/reservations/{reservation}/refund");
        let call = Call::post(path, &json!({ "return_to_sale": return_to_sale }));
        let answer = self.calls(call).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
    }

    /// When bulk writes may run.
    pub(crate) async fn opens_daily(&mut self, from: &str, to: &str, tz: &str) {
        let window = json!({"mode": "daily", "from": from, "to": to, "tz": tz});
        let call = Call::new(Method::PUT, "/admin/v1/creation-window");
        let call = call.with_body("application/json", window.to_string());
        let answer = self.calls(call).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }

    /// The states of an event's tickets as the store has them.
    pub(crate) async fn store(&mut self, event: EventId) -> Availability {
        let availability = self.admin.availability(event).await;
        availability.expect("the core's word")
    }

    /// Reads anything.
    pub(crate) async fn reads(&mut self, path: &str) -> Value {
        let answer = self.calls(Call::get(path)).await;
        let read = answer.read(200).expect("an answer");
        read.unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
    }

    pub(crate) async fn calls(&mut self, call: Call) -> Answer {
        let name = call.name();
        let answer = self.admin.call(call).await;
        answer.unwrap_or_else(|broken| panic!("{name}: {broken}"))
    }
}
