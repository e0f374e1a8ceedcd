//! A reservation as the store keeps it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Currency, EventId, Money, ReservationId, TicketId, TicketState, Timestamp};

/// One buyer's claim on tickets of one event. Also the natural record of idempotency:
/// a repeat of the command that made it finds it and answers the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRecord {
    /// Its id.
    pub id: ReservationId,
    /// The event its tickets are of.
    pub event: EventId,
    /// What it claims or claimed, in the order asked for, with each ticket's tier; kept
    /// after the tickets have left it.
    pub tickets: Vec<ReservedTicket>,
    /// The sum of the tickets' prices when they were reserved.
    pub total: Money,
    /// What `total` is in.
    pub currency: Currency,
    /// Where it stands.
    pub state: ReservationState,
    /// What proves the buyer; kept so that a repeat can return it.
    pub token: Token,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it holds its tickets.
    pub expires_at: Timestamp,
    /// The checkout, once begun; at most one a reservation.
    pub checkout: Option<Checkout>,
    /// The payment that its tickets are or were sold for, or that is to go back.
    pub payment: Option<PaymentId>,
    /// When its tickets left it.
    pub ended_at: Option<Timestamp>,
    /// The client's key that remembers it.
    pub idempotency_key: Option<String>,
}

/// A ticket in a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedTicket {
    /// Which one.
    pub id: TicketId,
    /// An index into the event's tiers.
    pub tier: u16,
}

/// Where a reservation stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// It holds its tickets.
    Pending,
    /// Its tickets are sold.
    Paid,
    /// The buyer or a cancellation gave the tickets back.
    Released,
    /// Time ran out.
    Expired,
    /// Money must go back.
    RefundDue,
    /// Money went back.
    Refunded,
}

impl ReservationState {
    /// The state of its tickets while it has them; none once they have left it.
    pub const fn of_its_tickets(self) -> Option<TicketState> {
        match self {
            Self::Pending => Some(TicketState::Pending),
            Self::Paid => Some(TicketState::Sold),
            Self::Released | Self::Expired | Self::RefundDue | Self::Refunded => None,
        }
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::RefundDue => "refund_due",
            Self::Refunded => "refunded",
        }
    }
}

/// A checkout at a payment provider. The intent is committed before the provider is
/// called; the provider's idempotency key is the reservation's id, so that a crash
/// between the two finds the session again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// Which provider, by its name in URLs.
    pub provider: String,
    /// Who pays.
    pub buyer: Buyer,
    /// Where the provider sends the buyer after paying.
    pub success_url: String,
    /// Where the provider sends the buyer who gave up.
    pub cancel_url: String,
    /// The provider's session, once it has answered.
    pub session: Option<Session>,
}

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    /// As the buyer wrote it.
    pub name: String,
    /// Where the provider may send a receipt.
    pub email: String,
}

/// A payment provider's page for one checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The provider's name for it.
    pub id: String,
    /// Where the buyer pays.
    pub url: String,
}

/// A provider's name for one payment; unique within the provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentId(pub String);

/// What became of one payment. Written in the transaction that acts on it, so that a
/// repeated notice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRecord {
    /// The provider's name for it.
    pub id: PaymentId,
    /// Which provider.
    pub provider: String,
    /// What it was for.
    pub reservation: ReservationId,
    /// How much.
    pub amount: Money,
    /// Of what.
    pub currency: Currency,
    /// When it was first heard of.
    pub at: Timestamp,
    /// Where the money is.
    pub outcome: PaymentOutcome,
}

/// Where a payment's money is. Exactly one of these at any time (invariant 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentOutcome {
    /// It bought the reservation's tickets.
    Tickets,
    /// It is to go back; the outbox holds the order.
    RefundDue,
    /// It went back.
    Refunded,
}

/// A call to a payment provider that must happen, written in the transaction that made
/// it necessary and retried until answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRecord {
    /// Names it; also the provider's idempotency key.
    pub id: OutboxId,
    /// Which provider.
    pub provider: String,
    /// The event it is about.
    pub event: EventId,
    /// The reservation it is about.
    pub reservation: ReservationId,
    /// What to ask.
    pub call: ProviderCall,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next: where its entry in the due index lies.
    pub due_at: Timestamp,
}

/// What the outbox asks of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderCall {
    /// Give a payment back.
    Refund(PaymentId),
    /// Make sure that nobody can pay any more; asked when an event is cancelled.
    CloseSession(String),
}

/// Names an outbox record; derived from what it is about, never random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutboxId(pub [u8; 16]);

impl OutboxId {
    /// Of the refund of a payment: FNV-1a, 128 bits, over provider and payment
    /// (<https://datatracker.ietf.org/doc/html/rfc9923>).
    pub fn of_refund(provider: &str, payment: &PaymentId) -> Self {
        let text = provider.bytes().chain([0]).chain(payment.0.bytes());
        let hash = text.fold(
            0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128,
            |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b),
        );
        Self(hash.to_be_bytes())
    }

    /// Of closing a reservation's session.
    pub fn of_session(reservation: ReservationId) -> Self {
        Self(reservation.to_bytes())
    }
}

/// What proves a buyer: 32 random bytes, as text 64 hexadecimal digits. Its `Debug`
/// hides it, so that no log can hold it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// From 32 random bytes.
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The bytes, for a comparison in constant time.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text that the buyer gets.
    pub fn to_text(self) -> String {
        crate::hex(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// A text that is not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a reservation's token")]
pub struct BadToken;

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(BadToken);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| BadToken)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BadToken)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&self.to_text())
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
                .parse()
                .map_err(D::Error::custom)
        } else {
            let bytes = bytes::Bytes::deserialize(deserializer)?;
            let bytes: [u8; 32] = bytes
                .as_ref()
                .try_into()
                .map_err(|_| D::Error::custom(BadToken))?;
            Ok(Self(bytes))
        }
    }
}
