//! The public API as an OpenAPI document. The table here is held against the routes by a
//! test, so that neither knows a call that the other doesn't.

use serde_json::{Value, json};

use parterre_domain::openapi::{Document, Operation};
use parterre_domain::wire::api::{
    Availability, CheckoutAnswer, CheckoutRequest, EventDetail, EventList, LayoutBody, Reservation,
    ReserveRequest, TicketList,
};
use parterre_domain::wire::live::{FromClient, JSON, MSGPACK, ToClient};
use parterre_domain::{JwkSet, Rev, Slug, TicketState, limits};

/// What reads carry.
const READ: &[&str] = &[
    "ETag",
    "Cache-Control",
    "Content-Encoding",
    "Vary",
    "Parterre-Rev",
    "Parterre-Stale",
];

/// A time and an event.
const EVENT_CURSOR: &str = "^[0-9a-f]{16}[0-7][0-9A-HJKMNP-TV-Z]{25}$";
/// The first ticket of a page, as short as it can be written: up to [`LAST_CURSOR`].
const TICKET_CURSOR: &str = "^(0|[1-9][0-9]{0,4}|1[0-9]{5}|200000)$";
/// The cursor behind the last ticket of the largest event.
const LAST_CURSOR: u32 = 200_000;
const _: () = assert!(LAST_CURSOR == limits::TICKETS_PER_EVENT);

/// What answers carry that stay the same.
const STILL: &[&str] = &["ETag", "Cache-Control", "Content-Encoding", "Vary"];

const ABOUT: &str = "Everybody's view of what is on sale: lists, events, tickets, live; and a \
buyer's way from a reservation to the tickets. Reads come from memory, in JSON or MessagePack, \
and go on when the core is down; then they carry `Parterre-Stale`. An error is a problem of \
RFC 9457.";

/// The table.
pub(crate) fn document() -> Document {
    let document = Document::new("Parterre", ABOUT);
    let operations = std::iter::once(programme())
        .chain(one_event())
        .chain(live())
        .chain(reserving())
        .chain(paying())
        .chain(around());
    operations.fold(document, |document, operation| {
        // Any call may come from a client that asks too much.
        document.with(operation.refuses(&[Slug::SlowDown]))
    })
}

fn programme() -> Operation {
    let limit = page(limits::EVENTS_PER_PAGE, limits::DEFAULT_EVENTS_PER_PAGE);
    let name = json!({"type": "string", "maxLength": limits::NAME_CHARS});
    let time = json!({"type": "string", "format": "date-time"});
    Operation::get(
        "/v1/events",
        "listEvents",
        "Lists published events, soonest first.",
    )
    .query("category", name.clone(), "Only of this kind.")
    .query("city", name.clone(), "Only in this city.")
    .query(
        "from",
        time.clone(),
        "Only events that begin no earlier; now by default.",
    )
    .query("to", time, "Only events that begin earlier than this.")
    .query(
        "q",
        name,
        "Each word begins a word of title, venue, city or category.",
    )
    .query("limit", limit, "Events in a page.")
    .query(
        "cursor",
        json!({"type": "string", "pattern": EVENT_CURSOR}),
        "`next_cursor` of the page before.",
    )
    .answers::<EventList>(200, "A page of events.", READ)
    .cached::<EventList>(READ)
    .refuses(&[Slug::Malformed, Slug::Invalid])
}

fn one_event() -> [Operation; 5] {
    let limit = page(limits::TICKETS_PER_PAGE, limits::DEFAULT_TICKETS_PER_PAGE);
    let text = json!({"type": "string", "maxLength": limits::NAME_CHARS});
    [
        Operation::get("/v1/events/{id}", "getEvent", "Shows an event.")
            .id("The event.")
            .answers::<EventDetail>(200, "The event.", READ)
            .leads_to("getLayout", "$response.body#/id")
            .leads_to("getAvailability", "$response.body#/id")
            .leads_to("listTickets", "$response.body#/id")
            .leads_to("listSimilarEvents", "$response.body#/id")
            .leads_to("reserve", "$response.body#/id")
            .cached::<EventDetail>(READ)
            .refuses(&[Slug::Malformed]),
        Operation::get(
            "/v1/events/{id}/layout",
            "getLayout",
            "Shows everything about an event's tickets that never changes, in columns.",
        )
        .id("The event.")
        .answers::<LayoutBody>(200, "The layout.", READ)
        .cached::<LayoutBody>(READ)
        .refuses(&[Slug::Malformed]),
        Operation::get(
            "/v1/events/{id}/availability",
            "getAvailability",
            "Shows everything about an event's tickets that changes.",
        )
        .id("The event.")
        .answers::<Availability>(200, "The availability.", READ)
        .cached::<Availability>(READ)
        .refuses(&[Slug::Malformed]),
        Operation::get(
            "/v1/events/{id}/tickets",
            "listTickets",
            "Lists an event's tickets.",
        )
        .id("The event.")
        .query_of::<TicketState>("state", "Only in this state.")
        .query("section", text.clone(), "Only in the section of this name.")
        .query("tier", text, "Only of the tier with this id.")
        .query("limit", limit, "Tickets in a page.")
        .query(
            "cursor",
            json!({"type": "string", "pattern": TICKET_CURSOR}),
            "`next_cursor` of the page before.",
        )
        .answers::<TicketList>(200, "A page of tickets.", READ)
        .cached::<TicketList>(READ)
        .refuses(&[Slug::Malformed, Slug::Invalid]),
        Operation::get(
            "/v1/events/{id}/similar",
            "listSimilarEvents",
            "Lists events of the same category or in the same city: free tickets first, then the nearest in date.",
        )
        .id("The event.")
        .query(
            "limit",
            page(limits::EVENTS_PER_PAGE, limits::DEFAULT_EVENTS_PER_PAGE),
            "Events at most.",
        )
        .answers::<EventList>(200, "Events like it; there is no next page.", READ)
        .cached::<EventList>(READ)
        .refuses(&[Slug::Malformed, Slug::Invalid]),
    ]
}

fn live() -> [Operation; 2] {
    let subprotocols = json!({"type": "array", "items": {"enum": [JSON, MSGPACK]}});
    [Operation::get(
        "/v1/live",
        "live",
        "Becomes a WebSocket that pushes snapshots and deltas of the events subscribed to.",
    )
    .header(
        "Sec-WebSocket-Protocol",
        subprotocols,
        "How messages are to be written: the first that the edge speaks is taken.",
    )
    .answers_nothing(
        101,
        "The connection is a WebSocket now; `x-messages` says what travels on it.",
        &["Sec-WebSocket-Protocol"],
    )
    .hears::<FromClient>("client")
    .tells::<ToClient>("server")
    .refuses(&[Slug::UpgradeRequired, Slug::Malformed, Slug::Busy]),
    Operation::get(
        "/v1/events/{id}/live",
        "watch",
        "Tells what changes of an event as Server-Sent Events: `event` is the op, `data` the message, `id` the rev.",
    )
    .id("The event.")
    .header_of::<Rev>("Last-Event-ID", "What the client has: it is told what it lacks.")
    .tells::<ToClient>("server")
    .answers_as(200, "Events for as long as the client listens.", &["Cache-Control"], "text/event-stream")
    .refuses(&[Slug::Malformed, Slug::Busy, Slug::CoreUnavailable])]
}

/// What any call may answer that a core decides.
const CORE: &[Slug] = &[Slug::CoreUnavailable, Slug::Busy, Slug::OutcomeUnknown];
/// What a call that takes no body may answer to one that brings one all the same.
const FORWARDED: &[Slug] = &[Slug::Malformed, Slug::TooLarge];

fn reserving() -> [Operation; 3] {
    let key = json!({"type": "string", "pattern": "^[!-~]{16,255}$"});
    [
        Operation::post(
            "/v1/events/{id}/reservations",
            "reserve",
            "Reserves tickets, by their ids or the best there are; all of them or none.",
        )
        .id("The event.")
        .header(
            "Idempotency-Key",
            key,
            "Random; a repeat with it answers the same.",
        )
        .takes::<ReserveRequest>("Either `tickets` or `best`.")
        .answers::<Reservation>(
            201,
            "They are yours until `expires_at`.",
            &["Location", "Parterre-Rev", "Cache-Control"],
        )
        .leads_to("getReservation", "$response.body#/id")
        .leads_to("release", "$response.body#/id")
        .leads_to("checkOut", "$response.body#/id")
        .refuses(&[
            Slug::TicketsTaken,
            Slug::Conflict,
            Slug::IdempotencyMismatch,
            Slug::NotOnSale,
        ])
        .refuses(CORE),
        Operation::get(
            "/v1/reservations/{id}",
            "getReservation",
            "Shows a reservation.",
        )
        .id("The reservation.")
        .needs("buyer")
        .answers::<Reservation>(
            200,
            "The reservation; once it is paid, with its passes.",
            &["Cache-Control"],
        )
        .refuses(FORWARDED)
        .refuses(CORE),
        Operation::delete(
            "/v1/reservations/{id}",
            "release",
            "Gives pending tickets back.",
        )
        .id("The reservation.")
        .needs("buyer")
        .answers_nothing(204, "The tickets are free.", &["Parterre-Rev"])
        .refuses(&[Slug::Conflict])
        .refuses(FORWARDED)
        .refuses(CORE),
    ]
}

fn paying() -> [Operation; 2] {
    [
        Operation::post(
            "/v1/reservations/{id}/checkout",
            "checkOut",
            "Opens a checkout at the payment provider.",
        )
        .id("The reservation.")
        .needs("buyer")
        .takes::<CheckoutRequest>("Who buys, and where to go afterwards.")
        .answers::<CheckoutAnswer>(200, "Send the buyer there.", &["Cache-Control"])
        .refuses(&[Slug::Conflict, Slug::ReservationEnded])
        .refuses(CORE),
        Operation::post(
            "/v1/payments/{provider}/webhook",
            "takeWebhook",
            "Takes a payment provider's signed call, byte for byte.",
        )
        .part(
            "provider",
            json!({"type": "string", "minLength": 1}),
            "Which provider.",
        )
        .takes_as("application/json", json!({}))
        .answers_nothing(204, "It is taken.", &[])
        .refuses(&[Slug::Malformed, Slug::TooLarge])
        .refuses(CORE),
    ]
}

fn around() -> [Operation; 7] {
    let session = json!({"type": "string"});
    let page = "text/html; charset=utf-8";
    let core = [CORE, FORWARDED].concat();
    [
        Operation::get(
            "/v1/keys",
            "listKeys",
            "Lists the public keys that verify passes.",
        )
        .answers::<JwkSet>(200, "A JWK set.", READ)
        .cached::<JwkSet>(READ)
        .refuses(&[Slug::Malformed]),
        Operation::get("/openapi.json", "getDocument", "Shows this document.")
            .answers_as(200, "An OpenAPI 3.1 document.", STILL, "application/json")
            .revalidated(STILL),
        parterre_page::document::page("/"),
        parterre_page::document::part(),
        Operation::get(
            "/sandbox/{session}",
            "showSandbox",
            "Shows the sandbox provider's page.",
        )
        .part(
            "session",
            session.clone(),
            "A session of the sandbox provider.",
        )
        .answers_as(200, "A page for people.", &[], page)
        .refuses(&core),
        Operation::post(
            "/sandbox/{session}/pay",
            "payInSandbox",
            "Pays at the sandbox provider.",
        )
        .part(
            "session",
            session.clone(),
            "A session of the sandbox provider.",
        )
        .query(
            "behave",
            json!({"type": "string", "enum": ["prompt", "late", "double", "silent"]}),
            "How the provider is to tell the shop.",
        )
        .answers_as(200, "What became of it.", &[], "application/json")
        .answers_nothing(303, "Back to the shop.", &["Location"])
        .refuses(&[Slug::Conflict, Slug::Malformed])
        .refuses(&core),
        Operation::post(
            "/sandbox/{session}/decline",
            "declineInSandbox",
            "Has the sandbox provider decline the card.",
        )
        .part("session", session, "A session of the sandbox provider.")
        .answers_as(200, "A page for people.", &[], page)
        .refuses(&core),
    ]
}

fn page(most: usize, default: usize) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": most, "default": default})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::route::Route;

    const ID: &str = "01J0000000000000000000000A";

    /// The paths of a route, as the document writes them.
    fn paths(route: Route) -> &'static [&'static str] {
        match route {
            Route::Home => &["/"],
            Route::Part => &["/web/{version}/{folder}/{file}"],
            Route::Document => &["/openapi.json"],
            Route::Keys => &["/v1/keys"],
            Route::Events => &["/v1/events"],
            Route::Event(_) => &["/v1/events/{id}"],
            Route::Layout(_) => &["/v1/events/{id}/layout"],
            Route::Availability(_) => &["/v1/events/{id}/availability"],
            Route::Tickets(_) => &["/v1/events/{id}/tickets"],
            Route::Similar(_) => &["/v1/events/{id}/similar"],
            Route::Reserve(_) => &["/v1/events/{id}/reservations"],
            Route::Reservation(_) => &["/v1/reservations/{id}"],
            Route::Checkout(_) => &["/v1/reservations/{id}/checkout"],
            Route::Webhook => &["/v1/payments/{provider}/webhook"],
            Route::Live => &["/v1/live"],
            Route::Stream(_) => &["/v1/events/{id}/live"],
            Route::SandboxPage => &["/sandbox/{session}"],
            Route::SandboxButton => &["/sandbox/{session}/pay", "/sandbox/{session}/decline"],
        }
    }

    fn written() -> BTreeSet<(&'static str, &'static str)> {
        let document = document();
        let operations = document.operations().iter();
        operations
            .map(|operation| (operation.path, operation.method.as_str()))
            .collect()
    }

    #[test]
    fn every_operation_has_its_route_and_every_route_its_operations() {
        let written = written();
        for &(path, method) in &written {
            let asked = path
                .replace("{id}", ID)
                .replace("{provider}", "sandbox")
                .replace("{version}/{folder}/{file}", "1/shop/main.js")
                .replace("{session}", ID);
            let route = Route::of(&asked).unwrap_or_else(|| panic!("{path} has no route"));
            assert!(paths(route).contains(&path), "{path} leads to {route:?}");
            assert!(
                route.allow().split(", ").any(|taken| taken == method),
                "{route:?} doesn't take {method}"
            );
            for path in paths(route) {
                let told = written.iter().any(|(written, _)| written == path);
                assert!(told, "{path} isn't in the document");
            }
            let methods = route.allow().split(", ");
            for method in methods.filter(|method| *method != "HEAD") {
                assert!(
                    written.contains(&(path, method)),
                    "{method} {path} isn't in it"
                );
            }
        }
    }

    #[test]
    fn operations_have_names_of_their_own_and_links_lead_to_them() {
        let document = document();
        let names: BTreeSet<_> = document.operations().iter().map(|one| one.id).collect();
        assert_eq!(names.len(), document.operations().len());
        assert_eq!(written().len(), names.len(), "a call is described twice");
        let text = document.render().to_string();
        for link in text.split(r#""operationId":""#).skip(1) {
            let name = link.split('"').next().unwrap_or_default();
            assert!(names.contains(name), "{name}");
        }
    }
}
