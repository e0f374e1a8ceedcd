//! The events of a run, published over the admin API. They stay in the server, as what
//! was reserved of them does, under a title that says what they are.

use std::time::{Duration, Instant};

use http::Method;
use parterre_domain::{EventId, Timestamp};

use super::plan::{Events, Plan};
use crate::smoke::{about, upload};
use crate::wire::{Admin, Call, Client, Failure};

/// How long every edge may take to show a new event.
const SHOWN: Duration = Duration::from_secs(30);
/// Between two looks at whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// When a sale opens for which no time is set yet: later than any run lasts.
const LATER: Duration = Duration::from_secs(24 * 3_600);

/// Sees to it that every edge shows the events of a plan.
pub(super) async fn prepare(plan: &Plan, token: &str) -> Result<Vec<EventId>, Failure> {
    let events = match &plan.events {
        Events::Existing(events) => events.clone(),
        Events::Own {
            count,
            tickets,
            opens_later,
        } => publish(plan, token, *count, *tickets, *opens_later).await?,
    };
    for edge in &plan.run.server.edges {
        let mut client = Client::new(edge.clone());
        for event in &events {
            is_shown(&mut client, *event).await?;
        }
    }
    Ok(events)
}

async fn publish(
    plan: &Plan,
    token: &str,
    count: usize,
    tickets: u32,
    opens_later: bool,
) -> Result<Vec<EventId>, Failure> {
    let mut admin = Admin::new(plan.run.server.core.clone(), token);
    let mut events = Vec::with_capacity(count);
    for number in 1..=count.max(1) {
        let mut about = about(number, plan.run.seed, plan.hold_seconds())?;
        about.title = format!("Load test: {}, event {number}", plan.name);
        about.sale_opens_at = opens_later.then(|| crate::now() + LATER);
        let published = admin.publish(&about, &upload(tickets)).await?;
        events.push(published.summary.id);
    }
    Ok(events)
}

async fn is_shown(client: &mut Client, event: EventId) -> Result<(), Failure> {
    let deadline = Instant::now() + SHOWN;
    let call = Call::get(format!("/v1/events/{event}/availability"));
    loop {
        let status = client.send(&call).await?.status;
        if status.is_success() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let what = format!("{event} isn't shown after {SHOWN:?}: {status}");
            return Err(Failure::Odd(what));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Sets when the sale of an event opens.
pub(super) async fn opens(
    plan: &Plan,
    token: &str,
    event: EventId,
    at: Timestamp,
) -> Result<(), Failure> {
    let mut admin = Admin::new(plan.run.server.core.clone(), token);
    let body = serde_json::json!({ "sale_opens_at": at });
    let call = Call::new(Method::PATCH, format!("/admin/v1/events/{event}"))
        .with_body("application/json", body.to_string());
    let answer = admin.call(call).await?;
    match answer.refusal()? {
        None => Ok(()),
        Some(refused) => Err(Failure::Odd(refused.problem.detail)),
    }
}
