//! The order in which the core and the provider are asked, so that no crash between two
//! steps loses money or tickets.

use http::HeaderMap;
use parterre_domain::command::{
    Answer, BeginCheckout, Command, Expire, OpenCheckout, OutboxAnswered, ProviderWord, Release,
    SettlePayment,
};
use parterre_domain::wire::api::{CheckoutAnswer, CheckoutRequest};
use parterre_domain::{
    EventId, FieldError, OutboxId, OutboxRecord, ProviderCall, Refusal, ReservationId,
    ReservationRecord, ReservationState, Timestamp, keys, limits,
};

use super::{BadSignature, Closing, Paid, Payments, Unreachable};
use crate::lane::{Committed, Rejected};
use crate::layouts::read;
use crate::store::Store;

/// Why a webhook wasn't taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// There is no such provider.
    #[error("there is no such payment provider")]
    NoProvider,
    /// It isn't the provider's.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// It is, but couldn't be acted on; the provider will send it again.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Payments {
    /// Begins a checkout, or finds the one that is open: the intent is committed, then
    /// the provider opens its session under the reservation's name, then the session is
    /// committed. A crash in between heals when this is called again, or at expiry.
    ///
    /// # Errors
    ///
    /// See [`Rejected`].
    pub async fn checkout(
        &self,
        reservation: &ReservationRecord,
        request: CheckoutRequest,
    ) -> Result<CheckoutAnswer, Rejected> {
        check(&request)?;
        let (event, id) = (reservation.event, reservation.id);
        let CheckoutRequest {
            buyer,
            success_url,
            cancel_url,
        } = request;
        let provider = self.name().to_owned();
        let begin = BeginCheckout {
            event,
            reservation: id,
            provider,
            buyer,
            success_url,
            cancel_url,
        };
        let begun = self.record(Command::BeginCheckout(begin)).await?;
        let session = match session(&begun) {
            Some(session) => session,
            None => {
                let session = self
                    .open(&begun)
                    .await
                    .map_err(|_| Refusal::ProviderUnreachable)?;
                let open = OpenCheckout {
                    event,
                    reservation: id,
                    session: session.clone(),
                };
                self.record(Command::OpenCheckout(open)).await?;
                session
            }
        };
        Ok(CheckoutAnswer {
            redirect_url: session.url,
            expires_at: begun.expires_at,
        })
    }

    /// Releases a reservation. With a checkout the provider closes its session first; if
    /// that was paid the payment is settled instead.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`] when it was paid, [`Refusal::ProviderUnreachable`] when the
    /// provider doesn't answer; see [`Rejected`].
    pub async fn release(&self, reservation: &ReservationRecord) -> Result<Committed, Rejected> {
        let (event, id) = (reservation.event, reservation.id);
        let pending = reservation.state == ReservationState::Pending;
        let word = match self.ask(reservation).await {
            Some(Ok(Closing::Paid(paid))) if pending => {
                self.settle(paid).await?;
                ProviderWord::NotAsked
            }
            Some(Err(_)) if pending => return Err(Refusal::ProviderUnreachable.into()),
            Some(_) => ProviderWord::Closed,
            None => ProviderWord::NotAsked,
        };
        self.lanes
            .submit(Command::Release(Release {
                event,
                reservation: id,
                word,
            }))
            .await
    }

    /// Ends a reservation whose time has run out; with a checkout only on the provider's
    /// word.
    ///
    /// # Errors
    ///
    /// See [`Rejected`]; the entry in the due index stays then.
    pub async fn expire(&self, id: ReservationId, due_at: Timestamp) -> Result<(), Rejected> {
        let found = self.find(id).await?;
        let event = found
            .as_ref()
            .map_or(EventId::from_number(0), |record| record.event);
        let pending = found.filter(|record| {
            record.state == ReservationState::Pending && self.clock.now() >= record.expires_at
        });
        let word = match &pending {
            None => ProviderWord::NotAsked,
            Some(record) => match self.ask(record).await {
                None => ProviderWord::NotAsked,
                Some(Ok(Closing::Closed)) => ProviderWord::Closed,
                Some(Ok(Closing::Paid(paid))) => return self.settle(paid).await,
                Some(Err(_)) => ProviderWord::Unreachable,
            },
        };
        self.lanes
            .submit(Command::Expire(Expire {
                event,
                reservation: id,
                word,
                due_at,
            }))
            .await
            .map(drop)
    }

    /// Takes a provider's notice.
    ///
    /// # Errors
    ///
    /// See [`WebhookError`].
    pub async fn webhook(
        &self,
        provider: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), WebhookError> {
        let taken = self.take_notice(provider, headers, body).await;
        let outcome = match &taken {
            Ok(()) => "taken",
            Err(WebhookError::NoProvider | WebhookError::Signature(_)) => "refused",
            Err(WebhookError::Rejected(_)) => "failed",
        };
        self.metrics.webhooks.with_label_values(&[outcome]).inc();
        taken
    }

    async fn take_notice(
        &self,
        provider: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), WebhookError> {
        if provider != self.name() {
            return Err(WebhookError::NoProvider);
        }
        match self.verify(headers, body)? {
            Some(paid) => Ok(self.settle(paid).await?),
            None => Ok(()),
        }
    }

    /// Makes a call that the outbox asks for.
    ///
    /// # Errors
    ///
    /// See [`Rejected`]; the entry in the due index stays then.
    pub async fn call(&self, id: OutboxId, due_at: Timestamp) -> Result<(), Rejected> {
        let snapshot = self
            .store
            .snapshot()
            .await
            .map_err(|_| Rejected::Unavailable)?;
        let found: Option<OutboxRecord> = read(&snapshot, &keys::outbox(id))
            .await
            .map_err(|failure| Rejected::Broken(failure.0))?;
        drop(snapshot);
        let event = found
            .as_ref()
            .map_or(EventId::from_number(0), |record| record.event);
        let done = match &found {
            Some(record) if record.due_at == due_at => self.make(record).await,
            _ => false,
        };
        let answered = OutboxAnswered {
            event,
            outbox: id,
            done,
            due_at,
        };
        self.lanes
            .submit(Command::OutboxAnswered(answered))
            .await
            .map(drop)
    }

    /// Delivers a webhook of the sandbox provider.
    ///
    /// # Errors
    ///
    /// See [`Rejected`]; the entry in the due index stays then.
    pub async fn deliver(&self, session: [u8; 16], due_at: Timestamp) -> Result<(), Rejected> {
        self.sandbox
            .deliver(ReservationId::from_bytes(session), due_at)
            .await
    }

    /// A reservation's record as it is now.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn find(&self, id: ReservationId) -> Result<Option<ReservationRecord>, Rejected> {
        let snapshot = self
            .store
            .snapshot()
            .await
            .map_err(|_| Rejected::Unavailable)?;
        read(&snapshot, &keys::reservation(id))
            .await
            .map_err(|failure| Rejected::Broken(failure.0))
    }

    async fn make(&self, record: &OutboxRecord) -> bool {
        match &record.call {
            ProviderCall::Refund(payment) => self.refund(payment, record.event).await.is_ok(),
            ProviderCall::CloseSession(_) => match self.find(record.reservation).await {
                Ok(Some(reservation)) => match self.close(&reservation).await {
                    Ok(Closing::Closed) => true,
                    Ok(Closing::Paid(paid)) => self.settle(paid).await.is_ok(),
                    Err(_) => false,
                },
                Ok(None) => true,
                Err(_) => false,
            },
        }
    }

    /// Has the provider close a reservation's checkout; none when there isn't one. A
    /// session that was opened just before a crash is found by opening it again.
    async fn ask(&self, record: &ReservationRecord) -> Option<Result<Closing, Unreachable>> {
        let checkout = record.checkout.as_ref()?;
        if checkout.session.is_none()
            && let Err(unreachable) = self.open(record).await
        {
            return Some(Err(unreachable));
        }
        Some(self.close(record).await)
    }

    async fn settle(&self, paid: Paid) -> Result<(), Rejected> {
        let Paid {
            event,
            reservation,
            payment,
            amount,
            currency,
        } = paid;
        let provider = self.name().to_owned();
        let settle = SettlePayment {
            event,
            reservation,
            provider,
            payment,
            amount,
            currency,
        };
        self.lanes
            .submit(Command::SettlePayment(settle))
            .await
            .map(drop)
    }

    async fn record(&self, command: Command) -> Result<ReservationRecord, Rejected> {
        match self.lanes.submit(command).await?.answer {
            Answer::Reservation(record) | Answer::Replayed(record) => Ok(*record),
            other => Err(Rejected::Broken(format!("a checkout answered {other:?}"))),
        }
    }
}

fn session(record: &ReservationRecord) -> Option<parterre_domain::Session> {
    record.checkout.as_ref()?.session.clone()
}

fn check(request: &CheckoutRequest) -> Result<(), Refusal> {
    let mut errors = Vec::new();
    for (field, url) in [
        ("success_url", &request.success_url),
        ("cancel_url", &request.cancel_url),
    ] {
        let absolute = url.parse::<http::Uri>().is_ok_and(|uri| {
            uri.host().is_some_and(|host| !host.is_empty())
                && matches!(uri.scheme_str(), Some("http" | "https"))
        });
        if !absolute || url.len() > limits::URL_CHARS {
            let reason = format!(
                "must be an absolute http or https URL of at most {} characters",
                limits::URL_CHARS
            );
            errors.push(FieldError::new(field, reason));
        }
    }
    let buyer = &request.buyer;
    if buyer.name.trim().is_empty() || buyer.name.chars().count() > limits::NAME_CHARS {
        errors.push(FieldError::new(
            "buyer.name",
            format!("must have 1 to {} characters", limits::NAME_CHARS),
        ));
    }
    let parts = buyer
        .email
        .split_once('@')
        .filter(|(name, host)| !name.is_empty() && !host.is_empty());
    if parts.is_none()
        || buyer.email.chars().count() > limits::NAME_CHARS
        || buyer.email.contains(char::is_whitespace)
    {
        errors.push(FieldError::new("buyer.email", "must be an e-mail address"));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Invalid(errors))
    }
}
