//! The admin API as an OpenAPI document. The table here is held against the routes by a
//! test. What edges alone may call isn't in it: the calls of the public API are in an
//! edge's document, and the feed is no one else's.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::{MatchedPath, Query, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use parterre_domain::command::EventPatch;
use parterre_domain::openapi::{Document, Operation};
use parterre_domain::upload::SeatingPlan;
use parterre_domain::wire::admin::{AdminReservation, AuditList, Sales};
use parterre_domain::wire::api::{
    Availability, CreationWindowAnswer, EventList, LayoutBody, PublishAt, RefundRequest,
    TicketsAdded, TicketsRequest, TicketsUpload,
};
use parterre_domain::{About, CreationWindow, Slug, limits};
use serde_json::{Value, json};

use super::admin_lists::{AdminEvent, ReservationList};
use super::answer::Failed;
use crate::context::Context;

const ABOUT: &str = "What administrators do: events and their tickets, reservations, refunds. \
Every call but this document's needs a token that `parterre admin token` has made. Every \
write is one durable transaction, or a flag in one and bounded steps behind it.";

/// What a write carries.
const WRITTEN: &[&str] = &["Parterre-Rev", "Cache-Control"];
/// What a read of the store carries.
const READ: &[&str] = &["Cache-Control"];

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().render().to_string().into());

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/openapi.json", get(show))
}

/// What each call takes in its query.
static QUERIES: LazyLock<HashMap<(&'static str, &'static str), Vec<&'static str>>> =
    LazyLock::new(|| {
        let document = document();
        let operations = document.operations().iter();
        operations
            .map(|one| ((one.path, one.method.as_str()), one.query_names()))
            .collect()
    });

/// Refuses a query with a parameter that the document doesn't have: a misspelt one would
/// else be passed over, by calls that take none most of all.
pub(super) async fn documented_queries_only(request: Request, next: Next) -> Response {
    match unknown_parameter(&request) {
        None => next.run(request).await,
        Some(detail) => Failed::from(Slug::Malformed.problem(detail)).into_response(),
    }
}

fn unknown_parameter(request: &Request) -> Option<String> {
    let path = request.extensions().get::<MatchedPath>()?;
    let known = QUERIES.get(&(path.as_str(), request.method().as_str()))?;
    let given = match Query::<Vec<(String, String)>>::try_from_uri(request.uri()) {
        Ok(Query(given)) => given,
        Err(error) => return Some(error.body_text()),
    };
    let (name, _) = given.iter().find(|(name, _)| !known.contains(&&**name))?;
    Some(match known[..] {
        [] => format!("unknown parameter `{name}`: this call takes none"),
        _ => format!(
            "unknown parameter `{name}`: this call takes {}",
            known.join(", ")
        ),
    })
}

async fn show() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], DOCUMENT.clone()).into_response()
}

/// The table.
fn document() -> Document {
    let document = Document::new("Parterre, administration", ABOUT);
    let behind = lists()
        .into_iter()
        .chain(drafts())
        .chain(published())
        .chain(window())
        .chain(one_event())
        .chain(reservations());
    let behind = behind.map(|operation| {
        operation.needs("administrator").refuses(&[
            Slug::Malformed,
            Slug::CoreUnavailable,
            Slug::Busy,
            Slug::OutcomeUnknown,
        ])
    });
    let own = Operation::get("/openapi.json", "getDocument", "Shows this document.").answers_as(
        200,
        "An OpenAPI 3.1 document.",
        &[],
        "application/json",
    );
    let page = [
        parterre_page::document::page("/admin"),
        parterre_page::document::part(),
    ];
    behind
        .chain([own])
        .chain(page)
        .fold(document, Document::with)
}

fn lists() -> [Operation; 3] {
    [
        Operation::get(
            "/admin/v1/events",
            "listEvents",
            "Lists all events, drafts too.",
        )
        .query("status", statuses(), "Only with this status.")
        .query("limit", page(), "Events in a page.")
        .query("cursor", text(), "`next_cursor` of the page before.")
        .answers::<EventList>(200, "A page of events.", READ)
        .refuses(&[Slug::Malformed, Slug::Invalid]),
        Operation::get(
            "/admin/v1/events/{id}/reservations",
            "listReservations",
            "Lists an event's reservations, without their tokens.",
        )
        .id("The event.")
        .query("state", states(), "Only in this state.")
        .query("limit", page(), "Reservations in a page.")
        .query("cursor", text(), "`next_cursor` of the page before.")
        .answers::<ReservationList>(200, "A page of reservations.", READ)
        .leads_to("getReservation", "$response.body#/reservations/0/id")
        .leads_to("refund", "$response.body#/reservations/0/id")
        .refuses(&[Slug::Malformed, Slug::Invalid]),
        Operation::get(
            "/admin/v1/audit",
            "listAudit",
            "Lists what administrators have changed, newest first; entries of one millisecond \
             come in any order. Entries are kept 400 days. What changed nothing, such as a \
             repeat or a refusal, has none.",
        )
        .query("limit", page(), "Entries in a page.")
        .query("cursor", text(), "`next_cursor` of the page before.")
        .answers::<AuditList>(200, "A page of the audit trail.", READ)
        .refuses(&[Slug::Malformed, Slug::Invalid]),
    ]
}

fn drafts() -> [Operation; 3] {
    [
        Operation::post(
            "/admin/v1/events",
            "createEvent",
            "Makes a draft of an event.",
        )
        .takes::<About>("What there is to say of it.")
        .answers::<AdminEvent>(201, "The draft.", WRITTEN)
        .leads_to("addTickets", "$response.body#/id")
        .leads_to("changeEvent", "$response.body#/id")
        .leads_to("publishEvent", "$response.body#/id")
        .leads_to("cancelEvent", "$response.body#/id")
        .leads_to("getEvent", "$response.body#/id"),
        Operation::post(
            "/admin/v1/events/{id}/tickets",
            "addTickets",
            "Adds tickets to a draft: all of them or none.",
        )
        .id("The draft.")
        .query(
            "price",
            text(),
            "In minor units, for every tier of a CSV or a plan.",
        )
        .query(
            "prices",
            text(),
            "`tier:amount,…`, for the tiers of a CSV or a plan.",
        )
        .query(
            "urgent",
            json!({"type": "boolean"}),
            "Whatever the creation window says.",
        )
        .takes::<TicketsUpload>("The tiers and the tickets.")
        .takes_as("text/csv", text())
        .takes_in::<SeatingPlan>("application/vnd.pretix.seating-plan+json")
        .answers::<TicketsAdded>(200, "How many there are now.", WRITTEN)
        .refuses(&[Slug::Conflict, Slug::OutsideCreationWindow]),
        Operation::post(
            "/admin/v1/events/{id}/publish",
            "publishEvent",
            "Shows an event to everybody, at one instant.",
        )
        .id("The event.")
        .query(
            "urgent",
            json!({"type": "boolean"}),
            "Whatever the creation window says.",
        )
        .answers::<AdminEvent>(200, "Everybody sees it.", WRITTEN)
        .answers::<PublishAt>(202, "Everybody will see it when the window opens.", WRITTEN)
        .refuses(&[Slug::Conflict, Slug::Invalid, Slug::Malformed]),
    ]
}

fn published() -> [Operation; 4] {
    [
        Operation::patch("/admin/v1/events/{id}", "changeEvent", "Changes an event.")
            .id("The event.")
            .takes::<EventPatch>("What is to change.")
            .answers::<AdminEvent>(200, "The event as it now is.", WRITTEN)
            .refuses(&[Slug::Conflict]),
        Operation::post(
            "/admin/v1/events/{id}/cancel",
            "cancelEvent",
            "Cancels an event; its reservations end in steps behind this.",
        )
        .id("The event.")
        .answers::<AdminEvent>(200, "Nothing of it is sold from here on.", WRITTEN),
        Operation::post(
            "/admin/v1/events/{id}/tickets/withdraw",
            "withdrawTickets",
            "Takes free tickets off sale: all of them or none.",
        )
        .id("The event.")
        .takes::<TicketsRequest>("Which.")
        .answers::<AdminEvent>(200, "The event as it now is.", WRITTEN)
        .refuses(&[Slug::TicketsTaken, Slug::Conflict]),
        Operation::post(
            "/admin/v1/events/{id}/tickets/restore",
            "restoreTickets",
            "Puts withdrawn tickets back on sale: all of them or none.",
        )
        .id("The event.")
        .takes::<TicketsRequest>("Which.")
        .answers::<AdminEvent>(200, "The event as it now is.", WRITTEN)
        .refuses(&[Slug::TicketsTaken, Slug::Conflict]),
    ]
}

fn window() -> [Operation; 2] {
    [
        Operation::get(
            "/admin/v1/creation-window",
            "getCreationWindow",
            "Shows the hours in which bulk writes run, and hours that purchases speak for.",
        )
        .answers::<CreationWindowAnswer>(200, "The window.", READ),
        Operation::put(
            "/admin/v1/creation-window",
            "setCreationWindow",
            "Sets the hours in which bulk writes run.",
        )
        .takes::<CreationWindow>("The window.")
        .answers::<CreationWindowAnswer>(200, "The window as it now is.", READ),
    ]
}

fn one_event() -> [Operation; 4] {
    [
        Operation::get(
            "/admin/v1/events/{id}",
            "getEvent",
            "Shows an event, drafts too.",
        )
        .id("The event.")
        .answers::<AdminEvent>(200, "The event.", WRITTEN),
        Operation::get(
            "/admin/v1/events/{id}/availability",
            "getAvailability",
            "Shows the states of an event's tickets from the store, in one transaction.",
        )
        .id("The event.")
        .answers::<Availability>(200, "The availability.", WRITTEN),
        Operation::get(
            "/admin/v1/events/{id}/layout",
            "getLayout",
            "Shows everything about an event's tickets that never changes.",
        )
        .id("The event.")
        .answers::<LayoutBody>(200, "The layout.", READ),
        Operation::get(
            "/admin/v1/events/{id}/sales",
            "getSales",
            "Shows what of an event is sold, by tier and by the hour of the purchase.",
        )
        .id("The event.")
        .answers::<Sales>(200, "The sales, net of refunds.", WRITTEN),
    ]
}

fn reservations() -> [Operation; 2] {
    [
        Operation::get(
            "/admin/v1/reservations/{id}",
            "getReservation",
            "Shows a reservation.",
        )
        .id("The reservation.")
        .answers::<AdminReservation>(200, "The reservation, without its token.", READ),
        Operation::post(
            "/admin/v1/reservations/{id}/refund",
            "refund",
            "Refunds a paid reservation.",
        )
        .id("The reservation.")
        .takes::<RefundRequest>("Whether its tickets go back on sale.")
        .answers_nothing(202, "The provider will be told.", &["Parterre-Rev"])
        .refuses(&[Slug::Conflict]),
    ]
}

fn text() -> Value {
    json!({"type": "string"})
}

fn page() -> Value {
    json!({
        "type": "integer",
        "minimum": 1,
        "maximum": limits::EVENTS_PER_PAGE,
        "default": limits::DEFAULT_EVENTS_PER_PAGE,
    })
}

fn statuses() -> Value {
    let words = [
        "draft",
        "cancelled",
        "closed",
        "upcoming",
        "sold_out",
        "on_sale",
    ];
    json!({"type": "string", "enum": words})
}

fn states() -> Value {
    let words = [
        "pending",
        "paid",
        "released",
        "expired",
        "refund_due",
        "refunded",
    ];
    json!({"type": "string", "enum": words})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Every route for administrators, read off the source: axum doesn't list them.
    fn routed() -> BTreeSet<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
        let mut routed = BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for route in text.split(".route(").skip(1) {
                let mut quoted = route.split('"');
                let path = quoted.nth(1).unwrap_or_default();
                let handlers = route.split('"').nth(2).unwrap_or_default();
                let handlers = handlers.split('\n').next().unwrap_or_default();
                for method in ["get", "post", "put", "patch", "delete"] {
                    if handlers.contains(&format!("{method}(")) {
                        routed.insert((path.to_owned(), method.to_uppercase()));
                    }
                }
            }
        }
        routed.retain(|(path, _)| {
            ["/admin", "/web", "/openapi"]
                .iter()
                .any(|one| path.starts_with(one))
        });
        routed
    }

    #[test]
    fn the_document_has_every_route_for_administrators_and_no_other() {
        let document = document();
        let operations = document.operations().iter();
        let written: BTreeSet<_> = operations
            .map(|one| (one.path.to_owned(), one.method.as_str().to_owned()))
            .collect();
        assert!(written.len() > 10);
        assert_eq!(written, routed());
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document = document();
        let names: BTreeSet<_> = document.operations().iter().map(|one| one.id).collect();
        assert_eq!(names.len(), document.operations().len());
    }
}
