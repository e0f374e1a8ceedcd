//! The calls of the public API that a buyer makes.

use std::time::Instant;

use http::{HeaderName, Method};
use parterre_domain::wire::api::{
    Availability, CheckoutAnswer, CheckoutRequest, EventDetail, Reservation, ReserveRequest,
};
use parterre_domain::{Buyer, EventId, ReservationId, Rev};
use serde::Deserialize;

use super::reply::{refused, typed};
use super::{Call, Client, Failure, Origin, Reply};

/// The header that makes a repeated write happen once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A buyer's side of one edge.
#[derive(Debug)]
pub struct Shop {
    client: Client,
}

/// A reservation as its buyer was told of it.
#[derive(Clone, Debug)]
pub struct Reserved {
    /// The body.
    pub reservation: Reservation,
    /// The proof that it is the buyer's.
    pub token: String,
    /// Its commit.
    pub rev: Rev,
    /// When the request left.
    pub sent: Instant,
    /// When the answer was there.
    pub answered: Instant,
}

/// What the sandbox's page says after paying.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Paid {
    /// Where the session stands: `open`, `paid`, `refunded` or `closed`.
    pub state: String,
}

impl Shop {
    /// A buyer at an edge.
    pub fn new(edge: Origin) -> Self {
        Self {
            client: Client::new(edge),
        }
    }

    /// The connection below, for calls that have no name here.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// One event.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; so for every call here.
    pub async fn event(&mut self, event: EventId) -> Reply<EventDetail> {
        let call = Call::get(format!("/v1/events/{event}"));
        typed(&self.client.send(&call).await?, 200)
    }

    /// The states of an event's tickets.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn availability(&mut self, event: EventId) -> Reply<Availability> {
        let call = Call::get(format!("/v1/events/{event}/availability"));
        typed(&self.client.send(&call).await?, 200)
    }

    /// Reserves tickets.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn reserve(
        &mut self,
        event: EventId,
        wish: &ReserveRequest,
        key: Option<&str>,
    ) -> Reply<Reserved> {
        let mut call = Call::post(format!("/v1/events/{event}/reservations"), wish);
        if let Some(key) = key {
            call = call.with(IDEMPOTENCY_KEY, key);
        }
        let answer = self.client.send(&call).await?;
        let reservation: Reservation = match typed(&answer, 201)? {
            Ok(reservation) => reservation,
            Err(refused) => return Ok(Err(refused)),
        };
        let rev = answer
            .header("parterre-rev")
            .and_then(|text| text.parse().ok());
        let location = format!("/v1/reservations/{}", reservation.id);
        let told = match (rev, reservation.token.clone()) {
            (Some(rev), Some(token)) if answer.header("location") == Some(&location) => Reserved {
                reservation,
                token,
                rev,
                sent: answer.sent,
                answered: answer.answered,
            },
            _ => {
                let what = "a 201 without its token, Location or Parterre-Rev";
                return Err(Failure::Odd(what.to_owned()));
            }
        };
        Ok(Ok(told))
    }

    /// A reservation as it is.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn reservation(&mut self, id: ReservationId, token: &str) -> Reply<Reservation> {
        let call = Call::get(format!("/v1/reservations/{id}")).bearer(token);
        typed(&self.client.send(&call).await?, 200)
    }

    /// Releases a reservation.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn release(&mut self, id: ReservationId, token: &str) -> Reply<()> {
        let path = format!("/v1/reservations/{id}");
        let call = Call::new(Method::DELETE, path).bearer(token);
        let answer = self.client.send(&call).await?;
        match refused(&answer)? {
            Some(refused) => Ok(Err(refused)),
            None if answer.status.as_u16() == 204 => Ok(Ok(())),
            None => Err(Failure::Odd(format!("{} for a release", answer.status))),
        }
    }

    /// Begins to pay.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn checkout(&mut self, id: ReservationId, token: &str) -> Reply<CheckoutAnswer> {
        let body = CheckoutRequest {
            buyer: Buyer {
                name: "Load Tester".to_owned(),
                email: "load@example.org".to_owned(),
            },
            success_url: "https://shop.example.org/thanks".to_owned(),
            cancel_url: "https://shop.example.org/again".to_owned(),
        };
        let call = Call::post(format!("/v1/reservations/{id}/checkout"), &body).bearer(token);
        typed(&self.client.send(&call).await?, 200)
    }

    /// Pays at the sandbox's page, behind the edge whatever the public URL says;
    /// `behave` is `prompt`, `late`, `double` or `silent`.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn pay(&mut self, redirect_url: &str, behave: &str) -> Result<Paid, Failure> {
        let path = path_of(redirect_url);
        let call = Call::new(Method::POST, format!("{path}/pay?behave={behave}"));
        let answer = self.client.send(&call).await?;
        if answer.status.as_u16() != 200 && answer.status.as_u16() != 409 {
            let status = answer.status;
            return Err(Failure::Odd(format!("{status} for a payment")));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::Odd(format!("an unexpected body for a payment: {error}")))
    }
}

/// The path of an absolute URL.
fn path_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else {
        return url;
    };
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn a_url_is_followed_behind_the_edge() {
        assert_eq!(path_of("https://shop.example/sandbox/1"), "/sandbox/1");
        assert_eq!(path_of("https://shop.example"), "/");
        assert_eq!(path_of("/sandbox/1"), "/sandbox/1");
    }
}
