//! The sandbox provider: behaves like a third party, moves no money.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use parterre_domain::command::{Answer, Command};
use parterre_domain::sandbox::{
    Behaviour, Deliveries, SandboxCommand, SandboxSession, SandboxState,
};
use parterre_domain::{
    Currency, EventId, Money, PaymentId, ReservationId, ReservationRecord, Session, Timestamp,
    keys, limits,
};
use parterre_gate::dial::Dialer;
use serde::{Deserialize, Serialize};

use super::signature::{self, BadSignature, Key};
use super::{Closing, Paid, Provider, Unreachable};
use crate::clock::Clock;
use crate::lane::{Lanes, Rejected};
use crate::layouts::read;
use crate::store::any::AnyStore;
use crate::store::{Failure, Store};

/// The header that carries the signature.
const SIGNATURE: &str = "sandbox-signature";

/// The sandbox provider. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    lanes: Lanes,
    store: AnyStore,
    clock: Clock,
    public_url: Arc<str>,
    key: Key,
    client: Client<Dialer, Full<Bytes>>,
}

/// The body of a webhook.
#[derive(Serialize, Deserialize)]
struct Notice {
    /// Names the notice; the same at each delivery.
    id: String,
    /// What happened.
    #[serde(rename = "type")]
    kind: String,
    event: EventId,
    reservation: ReservationId,
    payment: PaymentId,
    amount: Money,
    currency: Currency,
}

const PAID: &str = "session.paid";

impl Sandbox {
    pub(super) fn new(
        lanes: Lanes,
        store: AnyStore,
        clock: Clock,
        public_url: Arc<str>,
        key: Key,
        dialer: Dialer,
    ) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(dialer);
        Self {
            lanes,
            store,
            clock,
            public_url,
            key,
            client,
        }
    }

    /// A session as it is.
    pub(super) async fn find(
        &self,
        session: ReservationId,
    ) -> Result<Option<SandboxSession>, Failure> {
        let snapshot = self.store.snapshot().await?;
        read(&snapshot, &keys::sandbox(&session.to_bytes())).await
    }

    /// A session's state by the clock.
    pub(super) fn state(&self, session: &SandboxSession) -> SandboxState {
        session.state_at(self.clock.now())
    }

    /// The buyer pays.
    pub(super) async fn pay(
        &self,
        session: &SandboxSession,
        behaviour: Behaviour,
    ) -> Result<SandboxSession, Rejected> {
        let pay = SandboxCommand::Pay {
            event: session.event,
            session: session.reservation,
            behaviour,
        };
        self.submit(pay).await
    }

    /// Delivers the webhook that was due, and takes note of the answer.
    pub(super) async fn deliver(
        &self,
        id: ReservationId,
        due_at: Timestamp,
    ) -> Result<(), Rejected> {
        let found = self.find(id).await.map_err(|_| Rejected::Unavailable)?;
        let Some(session) = found else { return Ok(()) };
        let current = session.deliveries.due_at == Some(due_at);
        let taken = current && self.post(&session).await;
        let event = session.event;
        self.submit(SandboxCommand::Delivered {
            event,
            session: id,
            taken,
            due_at,
        })
        .await
        .map(drop)
    }

    async fn post(&self, session: &SandboxSession) -> bool {
        let notice = Notice {
            id: format!("notice-{}", session.reservation),
            kind: PAID.into(),
            event: session.event,
            reservation: session.reservation,
            payment: session.payment(),
            amount: session.amount,
            currency: session.currency,
        };
        let body = serde_json::to_vec(&notice).unwrap_or_default();
        let signed = signature::sign(&self.key, &body, self.clock.now());
        let request = Request::post(format!("{}/v1/payments/sandbox/webhook", self.public_url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signed)
            .body(Full::from(body));
        let Ok(request) = request else { return false };
        let answer =
            tokio::time::timeout(limits::PROVIDER_TIMEOUT, self.client.request(request)).await;
        matches!(answer, Ok(Ok(response)) if response.status().is_success())
    }

    async fn submit(&self, command: SandboxCommand) -> Result<SandboxSession, Rejected> {
        match self.lanes.submit(Command::Sandbox(command)).await?.answer {
            Answer::Sandbox(session) => Ok(*session),
            other => Err(Rejected::Broken(format!("the sandbox answered {other:?}"))),
        }
    }
}

impl Provider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn open(&self, reservation: &ReservationRecord) -> Result<Session, Unreachable> {
        let Some(checkout) = &reservation.checkout else {
            return Err(Unreachable("there is no checkout".into()));
        };
        let session = SandboxSession {
            reservation: reservation.id,
            event: reservation.event,
            amount: reservation.total,
            currency: reservation.currency,
            success_url: checkout.success_url.clone(),
            cancel_url: checkout.cancel_url.clone(),
            // Later than the reservation: as with a real provider, only closing it makes
            // sure that it isn't paid.
            expires_at: reservation.expires_at + limits::SETTLE_GRACE,
            state: SandboxState::Open,
            deliveries: Deliveries::default(),
        };
        let opened = self
            .submit(SandboxCommand::Open(Box::new(session)))
            .await
            .map_err(unreachable)?;
        let id = opened.reservation.to_string();
        Ok(Session {
            url: format!("{}/sandbox/{id}", self.public_url),
            id,
        })
    }

    async fn close(&self, reservation: &ReservationRecord) -> Result<Closing, Unreachable> {
        let close = SandboxCommand::Close {
            event: reservation.event,
            session: reservation.id,
        };
        let session = self.submit(close).await.map_err(unreachable)?;
        Ok(match session.state {
            SandboxState::Paid | SandboxState::Refunded => Closing::Paid(Paid {
                event: session.event,
                reservation: session.reservation,
                payment: session.payment(),
                amount: session.amount,
                currency: session.currency,
            }),
            SandboxState::Open | SandboxState::Closed => Closing::Closed,
        })
    }

    async fn refund(&self, payment: &PaymentId, event: EventId) -> Result<(), Unreachable> {
        let session = SandboxSession::of_payment(payment);
        let session =
            session.ok_or_else(|| Unreachable(format!("there is no payment {}", payment.0)))?;
        self.submit(SandboxCommand::Refund { event, session })
            .await
            .map(drop)
            .map_err(unreachable)
    }

    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<Paid>, BadSignature> {
        let header = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
        signature::check(&self.key, header, body, now)?;
        let notice: Notice = serde_json::from_slice(body).map_err(|_| BadSignature::Unreadable)?;
        let Notice {
            kind,
            event,
            reservation,
            payment,
            amount,
            currency,
            ..
        } = notice;
        Ok((kind == PAID).then_some(Paid {
            event,
            reservation,
            payment,
            amount,
            currency,
        }))
    }
}

fn unreachable(rejected: Rejected) -> Unreachable {
    Unreachable(rejected.to_string())
}
