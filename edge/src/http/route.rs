//! Which call a path means. Matched by hand: the hot reads pay for nothing else.

use http::Method;

use parterre_domain::{EventId, ReservationId};

use crate::metrics::RouteLabel;

/// A call of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The page.
    Home,
    /// A part of it.
    Part,
    /// The OpenAPI document.
    Document,
    /// The keys that verify passes.
    Keys,
    /// The list of events.
    Events,
    /// One event.
    Event(EventId),
    /// Its layout.
    Layout(EventId),
    /// Its availability.
    Availability(EventId),
    /// Its tickets.
    Tickets(EventId),
    /// Events like it.
    Similar(EventId),
    /// A new reservation of the event.
    Reserve(EventId),
    /// A reservation.
    Reservation(ReservationId),
    /// Its checkout.
    Checkout(ReservationId),
    /// A payment provider's call.
    Webhook,
    /// The sandbox provider's page.
    SandboxPage,
    /// A button of that page.
    SandboxButton,
    /// What changes of the event, by Server-Sent Events.
    Stream(EventId),
    /// The WebSocket, which the shard serves; asked for with another method.
    Live,
}

impl Route {
    /// The call that a path means; none when there is no such path, or an id in it can't
    /// be one.
    pub fn of(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/v1/events/") {
            return Self::of_event(rest);
        }
        match path {
            "/" => Some(Self::Home),
            "/openapi.json" => Some(Self::Document),
            "/v1/events" => Some(Self::Events),
            "/v1/keys" => Some(Self::Keys),
            "/v1/live" => Some(Self::Live),
            _ => Self::of_elsewhere(path),
        }
    }

    fn of_elsewhere(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/sandbox/") {
            return Self::of_sandbox(rest);
        }
        match path.strip_prefix("/web/") {
            Some(_) => Some(Self::Part),
            None => Self::of_money(path.strip_prefix("/v1/")?),
        }
    }

    fn of_event(rest: &str) -> Option<Self> {
        let (id, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let event: EventId = id.parse().ok()?;
        match tail {
            "" if rest.len() == id.len() => Some(Self::Event(event)),
            "layout" => Some(Self::Layout(event)),
            "availability" => Some(Self::Availability(event)),
            "tickets" => Some(Self::Tickets(event)),
            "similar" => Some(Self::Similar(event)),
            "live" => Some(Self::Stream(event)),
            "reservations" => Some(Self::Reserve(event)),
            _ => None,
        }
    }

    fn of_sandbox(rest: &str) -> Option<Self> {
        match rest.split_once('/') {
            None => Some(Self::SandboxPage),
            Some((_, "pay" | "decline")) => Some(Self::SandboxButton),
            Some(_) => None,
        }
    }

    fn of_money(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let route = match (parts.next()?, parts.next()?, parts.next()) {
            ("reservations", id, None) => Self::Reservation(id.parse().ok()?),
            ("reservations", id, Some("checkout")) => Self::Checkout(id.parse().ok()?),
            ("payments", provider, Some("webhook")) if !provider.is_empty() => Self::Webhook,
            _ => return None,
        };
        parts.next().is_none().then_some(route)
    }

    /// The methods that the path takes, for the header `Allow`.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Home
            | Self::Part
            | Self::Document
            | Self::Keys
            | Self::Events
            | Self::Event(_)
            | Self::Layout(_)
            | Self::Availability(_)
            | Self::Tickets(_)
            | Self::Similar(_)
            | Self::SandboxPage => "GET, HEAD",
            Self::Reserve(_) | Self::Checkout(_) | Self::Webhook | Self::SandboxButton => "POST",
            Self::Reservation(_) => "GET, HEAD, DELETE",
            Self::Live | Self::Stream(_) => "GET",
        }
    }

    /// Whether the path takes a method.
    pub(crate) fn takes(self, method: &Method) -> bool {
        self.allow()
            .split(", ")
            .any(|taken| taken == method.as_str())
    }

    /// Whether a core answers it.
    pub(crate) fn is_forwarded(self) -> bool {
        match self {
            Self::Reserve(_)
            | Self::Reservation(_)
            | Self::Checkout(_)
            | Self::Webhook
            | Self::SandboxPage
            | Self::SandboxButton => true,
            Self::Home
            | Self::Part
            | Self::Document
            | Self::Keys
            | Self::Events
            | Self::Event(_)
            | Self::Layout(_)
            | Self::Availability(_)
            | Self::Tickets(_)
            | Self::Similar(_)
            | Self::Stream(_)
            | Self::Live => false,
        }
    }

    /// Under which name requests are counted.
    pub(crate) fn label(self) -> RouteLabel {
        match self {
            Self::Home | Self::Part => RouteLabel::Page,
            Self::Document => RouteLabel::Document,
            Self::Keys => RouteLabel::Keys,
            Self::Events => RouteLabel::Events,
            Self::Event(_) => RouteLabel::Event,
            Self::Layout(_) => RouteLabel::Layout,
            Self::Availability(_) => RouteLabel::Availability,
            Self::Tickets(_) => RouteLabel::Tickets,
            Self::Similar(_) => RouteLabel::Similar,
            Self::Reserve(_) => RouteLabel::Reserve,
            Self::Reservation(_) => RouteLabel::Reservation,
            Self::Checkout(_) => RouteLabel::Checkout,
            Self::Webhook => RouteLabel::Webhook,
            Self::SandboxPage | Self::SandboxButton => RouteLabel::Sandbox,
            Self::Stream(_) => RouteLabel::Stream,
            Self::Live => RouteLabel::Live,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01J0000000000000000000000A";

    #[test]
    fn every_path_means_one_call_or_none() {
        let event: EventId = ID.parse().unwrap();
        let reservation: ReservationId = ID.parse().unwrap();
        let check = |path: &str, expected: Option<Route>| {
            assert_eq!(Route::of(&path.replace("ID", ID)), expected, "{path}");
        };
        check("/", Some(Route::Home));
        check("/web/1/shop/main.js", Some(Route::Part));
        check("/web", None);
        check("/v1/keys", Some(Route::Keys));
        check("/v1/events", Some(Route::Events));
        check("/v1/events/", None);
        check("/v1/events/ID", Some(Route::Event(event)));
        check("/v1/events/ID/", None);
        check("/v1/events/ID/layout", Some(Route::Layout(event)));
        check("/v1/events/ID/layout/", None);
        check(
            "/v1/events/ID/availability",
            Some(Route::Availability(event)),
        );
        check("/v1/events/ID/tickets", Some(Route::Tickets(event)));
        check("/v1/events/ID/similar", Some(Route::Similar(event)));
        check("/v1/events/ID/live", Some(Route::Stream(event)));
        check("/v1/events/ID/tickets/1", None);
        check("/v1/events/ID/reservations", Some(Route::Reserve(event)));
        check("/v1/events/not-an-id", None);
        check("/v1/reservations/ID", Some(Route::Reservation(reservation)));
        check(
            "/v1/reservations/ID/checkout",
            Some(Route::Checkout(reservation)),
        );
        check("/v1/reservations/ID/checkout/x", None);
        check("/v1/reservations", None);
        check("/v1/payments/sandbox/webhook", Some(Route::Webhook));
        check("/v1/payments//webhook", None);
        check("/sandbox/abc", Some(Route::SandboxPage));
        check("/sandbox/abc/pay", Some(Route::SandboxButton));
        check("/sandbox/abc/steal", None);
        check("/sandbox", None);
        check("/internal/v1/feed", None);
        check("/admin/v1/events", None);
        check("/v1/live", Some(Route::Live));
    }

    #[test]
    fn a_path_takes_the_methods_that_it_names() {
        let route = Route::of(&format!("/v1/reservations/{ID}")).unwrap();
        assert!(route.takes(&Method::DELETE) && route.takes(&Method::HEAD));
        assert!(!route.takes(&Method::POST));
        assert!(!Route::Events.takes(&Method::DELETE));
    }
}
