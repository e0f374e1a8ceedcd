//! What a core answers: writes, and reads of reservations.
//!
//! A call is checked against what the edge knows, then made at the core that its event
//! belongs to, at the next one if that can't be reached. Every call that is forwarded may
//! be repeated: a reservation because the edge names it before the first attempt, the
//! others by their own rules.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use parterre_gate::body::{self, Bounds};

use parterre_domain::upload::is_json;
use parterre_domain::wire::api::{BestWish, ReserveRequest};
use parterre_domain::wire::feed::{RESERVATION_HEADER, SECRET_HEADER};
use parterre_domain::{
    EventId, Life, Object, Problem, Refusal, ReservationId, SalePhase, Slug, TakenTicket, TicketId,
    TicketState, limits,
};

use crate::cell::View;
use crate::clock;
use crate::context::Edge;
use crate::cores::{Cores, Silence, strip_hop_by_hop};
use crate::http::{Body, REQUEST_ID};
use crate::metrics::{ForwardOutcome, Metrics};

/// Hands a shard's calls on to cores.
#[derive(Debug)]
pub struct Forwarder {
    cores: Cores,
    metrics: Arc<Metrics>,
}

const SECRET: HeaderName = HeaderName::from_static(SECRET_HEADER);
const RESERVATION: HeaderName = HeaderName::from_static(RESERVATION_HEADER);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Forwarder {
    /// A shard's forwarder, over connections of its own where calls need any.
    pub(crate) fn new(edge: &Edge) -> Self {
        Self {
            cores: edge.cores.apart(),
            metrics: Arc::clone(&edge.metrics),
        }
    }

    /// A new reservation of an event: refused here if a wanted ticket is known to be
    /// gone, else decided by a core.
    ///
    /// # Errors
    ///
    /// With a problem to answer.
    pub(crate) async fn reserve(
        &self,
        edge: &Edge,
        event: EventId,
        parts: Parts,
        body: Incoming,
        id: &HeaderValue,
    ) -> Result<Response<Body>, Problem> {
        let body = body::read(&parts.headers, body, BODY).await?;
        let has_key = parts.headers.contains_key(IDEMPOTENCY_KEY);
        if !has_key && let Some(taken) = known_taken(edge, event, &parts, &body) {
            self.metrics.refusals_taken.inc();
            return Err(Problem::from(&Refusal::TicketsTaken(taken)));
        }
        let mut request = request(&parts, body, id)?;
        let random = fastrand::u128(..);
        let reservation = ReservationId::new(clock::now(), random).to_string();
        let reservation = HeaderValue::try_from(reservation)
            .map_err(|_| Slug::Internal.problem("the reservation can't be named"))?;
        request.headers_mut().insert(RESERVATION, reservation);
        self.send(request, &event.to_bytes(), id).await
    }

    /// Any other call.
    ///
    /// # Errors
    ///
    /// With a problem to answer.
    pub(crate) async fn forward(
        &self,
        parts: Parts,
        body: Incoming,
        id: &HeaderValue,
    ) -> Result<Response<Body>, Problem> {
        let body = body::read(&parts.headers, body, BODY).await?;
        let key = parts.uri.path().to_owned();
        let request = request(&parts, body, id)?;
        self.send(request, key.as_bytes(), id).await
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
        key: &[u8],
        id: &HeaderValue,
    ) -> Result<Response<Body>, Problem> {
        let began = Instant::now();
        let mut may_be_done = false;
        let mut without_store = None;
        for core in self.cores.ranked(key, began) {
            let left = limits::FORWARD_DEADLINE.saturating_sub(began.elapsed());
            if left < limits::FORWARD_LEAST {
                break;
            }
            let patience = left.min(limits::FORWARD_ATTEMPT);
            match self.cores.call(core, request.clone(), patience).await {
                Ok(answer) => {
                    let is_last_word = !is_without_store(&answer);
                    let answer = cleaned(answer);
                    if is_last_word {
                        self.metrics
                            .forwarded(ForwardOutcome::Answered, began.elapsed());
                        return Ok(answer);
                    }
                    core.shun(Instant::now());
                    tracing::warn!(core = core.origin, request_id = ?id, "a core is without its store");
                    without_store = Some(answer);
                }
                Err(silence) => {
                    may_be_done |= silence == Silence::Unanswered;
                    tracing::warn!(core = core.origin, ?silence, request_id = ?id, "a core didn't answer");
                }
            }
        }
        match without_store {
            // A core's own words say more, unless another one may have done it.
            Some(answer) if !may_be_done => {
                self.metrics
                    .forwarded(ForwardOutcome::Answered, began.elapsed());
                Ok(answer)
            }
            _ => Err(self.gave_up(request.method(), may_be_done, began.elapsed())),
        }
    }

    fn gave_up(&self, method: &Method, may_be_done: bool, took: Duration) -> Problem {
        let outcome = if may_be_done {
            ForwardOutcome::Unanswered
        } else {
            ForwardOutcome::Unreached
        };
        self.metrics.forwarded(outcome, took);
        if may_be_done && *method != Method::GET {
            Slug::OutcomeUnknown
                .problem("a core may have done it and didn't answer; ask again, with the same Idempotency-Key if there was one")
        } else {
            Slug::CoreUnavailable.problem("no core answers; nothing was done")
        }
    }
}

/// Whether a core says that it can't reach its store, which another core may. It has done
/// nothing, and a core that is merely busy says so in another word.
fn is_without_store(answer: &Response<Bytes>) -> bool {
    let kind = format!("/problems/{}", Slug::CoreUnavailable.parts().1);
    answer.status() == StatusCode::SERVICE_UNAVAILABLE
        && serde_json::from_slice::<Problem>(answer.body()).is_ok_and(|it| it.kind == kind)
}

/// What the body of a call may be.
const BODY: Bounds = Bounds {
    bytes: limits::BODY_BYTES,
    patience: limits::BODY_PATIENCE,
    bytes_per_second: limits::BODY_RATE,
};

/// The request as a core gets it: what belongs to the client's connection and what only
/// edges may say is taken out.
fn request(parts: &Parts, body: Bytes, id: &HeaderValue) -> Result<Request<Full<Bytes>>, Problem> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = match parts.method {
        // The answer's body is dropped on its way to the client.
        Method::HEAD => Method::GET,
        ref method => method.clone(),
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path
        .parse()
        .map_err(|_| Slug::Malformed.problem("the path can't be forwarded"))?;
    let mut headers = parts.headers.clone();
    strip_hop_by_hop(&mut headers);
    for name in [SECRET, RESERVATION, HOST, CONTENT_LENGTH, EXPECT] {
        headers.remove(name);
    }
    headers.insert(REQUEST_ID, id.clone());
    *request.headers_mut() = headers;
    Ok(request)
}

/// A core's answer as the client gets it.
fn cleaned(answer: Response<Bytes>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    for name in [SECRET, RESERVATION, CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::new(body))
}

/// The wanted tickets that the edge knows to be gone; none when it can't be sure that the
/// core would refuse for that reason.
fn known_taken(
    edge: &Edge,
    event: EventId,
    parts: &Parts,
    body: &[u8],
) -> Option<Vec<TakenTicket>> {
    if edge.freshness.stale_seconds(Instant::now()).is_some() {
        return None;
    }
    let cell = edge.cells.peek(event)?;
    let kind = parts.headers.get(CONTENT_TYPE);
    if kind.is_some_and(|kind| !is_json(kind.as_bytes())) {
        return None;
    }
    let Object(wish): Object<ReserveRequest> = serde_json::from_slice(body).ok()?;
    taken_of(&cell.view(), &wish, clock::now())
}

fn taken_of(
    view: &View,
    wish: &ReserveRequest,
    now: parterre_domain::Timestamp,
) -> Option<Vec<TakenTicket>> {
    let record = &view.record;
    let is_open = record.life == Life::Published
        && record.phase == SalePhase::Open
        && record.phase_at(now) == SalePhase::Open;
    if !is_open {
        // The core says that nothing is on sale, which matters more.
        return None;
    }
    match (&wish.tickets, &wish.best) {
        (Some(tickets), None) => taken_among(view, tickets),
        (None, Some(best)) if cant_be_met(view, best) => Some(Vec::new()),
        _ => None,
    }
}

fn taken_among(view: &View, tickets: &[TicketId]) -> Option<Vec<TakenTicket>> {
    if tickets.len() > usize::from(view.record.about.max_tickets) {
        return None;
    }
    let mut sorted = tickets.to_vec();
    sorted.sort_unstable();
    let is_twice = sorted.windows(2).any(|pair| pair[0] == pair[1]);
    let mut taken = Vec::new();
    for &id in tickets {
        // A ticket that doesn't exist is for the core to refuse.
        let state = view.states.get(id)?;
        if state != TicketState::Free {
            taken.push(TakenTicket { id, state });
        }
    }
    (!taken.is_empty() && !is_twice).then_some(taken)
}

/// Whether fewer tickets are free than a wish asks for, whichever they are.
fn cant_be_met(view: &View, best: &BestWish) -> bool {
    let record = &view.record;
    let is_allowed = (1..=record.about.max_tickets).contains(&best.count);
    let tier_exists = |wanted: &String| record.tiers.iter().any(|tier| tier.id == *wanted);
    let section_exists = |wanted: &String| view.layout.sections.contains(wanted);
    is_allowed
        && best.tier.as_ref().is_none_or(tier_exists)
        && best.section.as_ref().is_none_or(section_exists)
        && view.counts.free < u32::from(best.count)
}
