//! Payments: what a provider must be able to do, and what the core asks of one.
//!
//! The core never moves money. It asks a provider to open a session where the buyer
//! pays, to close it before tickets go back on sale, and to send money back; and it
//! believes nothing but the provider's own word. Read `flow` for the order of these
//! calls, `sandbox` for the provider that stands in for a real one.

mod flow;
pub mod page;
mod sandbox;
pub(crate) mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parterre_domain::{
    Currency, EventId, Money, PaymentId, ReservationId, ReservationRecord, Session, Timestamp,
    limits,
};
use parterre_gate::dial::Dialer;

pub use flow::WebhookError;
pub use sandbox::Sandbox;
pub use signature::BadSignature;

use crate::clock::Clock;
use crate::lane::Lanes;
use crate::metrics::Metrics;
use crate::store::any::AnyStore;

/// What the core asks of a payment provider. Every call is idempotent by the reservation
/// or the payment that it names.
pub trait Provider: Send + Sync {
    /// The provider's name in URLs and records.
    fn name(&self) -> &'static str;

    /// Opens the page where a reservation is paid, or finds the one that is open.
    fn open(
        &self,
        reservation: &ReservationRecord,
    ) -> impl Future<Output = Result<Session, Unreachable>> + Send;

    /// Makes sure that a session can't be paid any more, and says whether it was.
    fn close(
        &self,
        reservation: &ReservationRecord,
    ) -> impl Future<Output = Result<Closing, Unreachable>> + Send;

    /// Sends a payment back.
    fn refund(
        &self,
        payment: &PaymentId,
        event: EventId,
    ) -> impl Future<Output = Result<(), Unreachable>> + Send;

    /// Reads a notice that claims to be from the provider.
    ///
    /// # Errors
    ///
    /// When it isn't, or says nothing that can be read.
    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<Paid>, BadSignature>;
}

/// The provider didn't answer, or not in time. What was asked may have happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider doesn't answer: {0}")]
pub struct Unreachable(pub String);

/// What a provider says when asked to close a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Nobody can pay any more, and nobody has.
    Closed,
    /// It was paid.
    Paid(Paid),
}

/// A payment that a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The event of the purchase.
    pub event: EventId,
    /// What was paid.
    pub reservation: ReservationId,
    /// The provider's name for the payment.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
    /// Of what.
    pub currency: Currency,
}

/// Whichever provider a core was told to use.
#[derive(Clone)]
#[cfg_attr(
    test,
    expect(clippy::large_enum_variant, reason = "there is one a process")
)]
pub(crate) enum AnyProvider {
    Sandbox(Sandbox),
    #[cfg(test)]
    Unreachable,
}

/// The core's side of payments. Cheap to clone.
#[derive(Clone)]
pub struct Payments {
    provider: AnyProvider,
    sandbox: Sandbox,
    lanes: Lanes,
    store: AnyStore,
    clock: Clock,
    metrics: Metrics,
}

impl Payments {
    /// Payments through the sandbox provider, whose webhooks go to `public_url`, signed
    /// with a key made from the cluster's secret.
    pub fn sandbox(
        lanes: &Lanes,
        store: &AnyStore,
        clock: &Clock,
        metrics: &Metrics,
        public_url: &str,
        cluster_secret: &str,
        dialer: &Dialer,
    ) -> Self {
        let key = signature::derive(cluster_secret);
        let sandbox = Sandbox::new(
            lanes.clone(),
            store.clone(),
            clock.clone(),
            Arc::from(public_url),
            key,
            dialer.clone(),
        );
        Self {
            provider: AnyProvider::Sandbox(sandbox.clone()),
            sandbox,
            lanes: lanes.clone(),
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        }
    }

    fn name(&self) -> &'static str {
        match &self.provider {
            AnyProvider::Sandbox(provider) => provider.name(),
            #[cfg(test)]
            AnyProvider::Unreachable => "sandbox",
        }
    }

    async fn open(&self, reservation: &ReservationRecord) -> Result<Session, Unreachable> {
        let call = async {
            match &self.provider {
                AnyProvider::Sandbox(provider) => provider.open(reservation).await,
                #[cfg(test)]
                AnyProvider::Unreachable => Err(Unreachable("a test says so".into())),
            }
        };
        self.bounded("open", call).await
    }

    async fn close(&self, reservation: &ReservationRecord) -> Result<Closing, Unreachable> {
        let call = async {
            match &self.provider {
                AnyProvider::Sandbox(provider) => provider.close(reservation).await,
                #[cfg(test)]
                AnyProvider::Unreachable => Err(Unreachable("a test says so".into())),
            }
        };
        self.bounded("close", call).await
    }

    async fn refund(&self, payment: &PaymentId, event: EventId) -> Result<(), Unreachable> {
        let call = async {
            match &self.provider {
                AnyProvider::Sandbox(provider) => provider.refund(payment, event).await,
                #[cfg(test)]
                AnyProvider::Unreachable => Err(Unreachable("a test says so".into())),
            }
        };
        self.bounded("refund", call).await
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Option<Paid>, BadSignature> {
        match &self.provider {
            AnyProvider::Sandbox(provider) => provider.verify(headers, body, self.clock.now()),
            #[cfg(test)]
            AnyProvider::Unreachable => Err(BadSignature::Missing),
        }
    }

    /// A call that doesn't answer in time is one that doesn't answer.
    async fn bounded<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T, Unreachable>>,
    ) -> Result<T, Unreachable> {
        let timed = tokio::time::timeout(limits::PROVIDER_TIMEOUT, answer).await;
        let answer =
            timed.unwrap_or_else(|_| Err(Unreachable(format!("no answer within {:?}", PATIENCE))));
        let outcome = if answer.is_ok() {
            "answered"
        } else {
            "unreachable"
        };
        self.metrics
            .provider_calls
            .with_label_values(&[call, outcome])
            .inc();
        answer
    }
}

const PATIENCE: Duration = limits::PROVIDER_TIMEOUT;
