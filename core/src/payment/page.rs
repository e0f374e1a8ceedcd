//! The sandbox provider's hosted page, as plain as can be.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use parterre_domain::sandbox::{Behaviour, SandboxSession, SandboxState};
use parterre_domain::{Refusal, ReservationId};
use serde::Deserialize;

use crate::context::Context;
use crate::http::answer::{Failed, Params, Part, Reply};
use crate::lane::Rejected;

/// `/sandbox/{session}` and what its buttons post to.
pub fn routes() -> Router<Context> {
    Router::new()
        .route("/sandbox/{session}", get(show))
        .route("/sandbox/{session}/pay", post(pay))
        .route("/sandbox/{session}/decline", post(decline))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
    #[serde(default)]
    behave: Behaviour,
}

async fn show(State(context): State<Context>, Part(id): Part) -> Reply {
    let session = find(&context, &id).await?;
    Ok(page(&context, &session, ""))
}

async fn decline(State(context): State<Context>, Part(id): Part) -> Reply {
    let session = find(&context, &id).await?;
    let notice = "The card was declined. Nothing was charged; you can try again.";
    Ok(page(&context, &session, notice))
}

async fn pay(
    State(context): State<Context>,
    Part(id): Part,
    Params(how): Params<How>,
    headers: HeaderMap,
) -> Reply {
    let session = find(&context, &id).await?;
    let paid = context.payments.sandbox.pay(&session, how.behave).await;
    let json = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes() == b"application/json");
    match paid {
        Ok(session) if json => {
            Ok(Json(serde_json::json!({ "state": session.state })).into_response())
        }
        Ok(session) => Ok(Redirect::to(&session.success_url).into_response()),
        Err(Rejected::Refused(refusal)) if !json => {
            Ok(page(&context, &session, &refusal.to_string()))
        }
        Err(rejected) => Err(rejected.into()),
    }
}

async fn find(context: &Context, id: &str) -> Result<SandboxSession, Failed> {
    let id: ReservationId = id
        .parse()
        .map_err(|_| Refusal::NotFound("payment session"))?;
    let found = context.payments.sandbox.find(id).await?;
    Ok(found.ok_or(Refusal::NotFound("payment session"))?)
}

fn page(context: &Context, session: &SandboxSession, notice: &str) -> Response {
    let state = context.payments.sandbox.state(session);
    let id = session.reservation;
    let said = match state {
        SandboxState::Open => "",
        SandboxState::Paid => "This was paid. You can close the page.",
        SandboxState::Refunded => "This was paid, and the money went back.",
        SandboxState::Closed => "This session is closed. Nothing was charged.",
    };
    let button = |path: &str, text: &str| {
        format!("<form method=post action=\"/sandbox/{id}/{path}\"><button>{text}</button></form>")
    };
    let buttons = match state {
        SandboxState::Open => [
            button("pay", "Pay"),
            button("pay?behave=late", "Pay; the shop hears of it late"),
            button("pay?behave=double", "Pay; the shop hears of it twice"),
            button("pay?behave=silent", "Pay; the shop never hears of it"),
            button("decline", "Let the card be declined"),
            format!(
                "<p><a href=\"{}\">Walk away</a></p>",
                escape(&session.cancel_url)
            ),
        ]
        .concat(),
        SandboxState::Paid | SandboxState::Refunded | SandboxState::Closed => {
            format!(
                "<p><a href=\"{}\">Back to the shop</a></p>",
                escape(&session.success_url)
            )
        }
    };
    let (amount, notice) = (amount(session), escape(notice));
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Sandbox payment</title><link rel=icon href=\"data:,\">\
         <style>body{{font:1rem/1.5 system-ui;max-width:30rem;margin:2rem auto;\
         padding:0 1rem}}button{{font:inherit;padding:.5rem 1rem;margin:.25rem 0}}</style>\
         <main><h1>Sandbox payment</h1><p>No money moves here. To pay: <strong>{amount}</strong>.</p>\
         <p role=status><strong>{notice} {said}</strong></p>{buttons}</main></html>"
    );
    ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

fn amount(session: &SandboxSession) -> String {
    let currency = session.currency;
    let minor = session.amount.0;
    match currency.decimals() {
        0 => format!("{minor} {currency}"),
        decimals => {
            let one = 10_i64.pow(decimals);
            let width = decimals as usize;
            format!("{}.{:0width$} {currency}", minor / one, minor % one)
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
