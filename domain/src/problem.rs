//! RFC 9457 problems: the one place where an outcome becomes a status code.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FieldError, Refusal, TakenTicket, Timestamp};

/// The body of an error answer, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Problem {
    /// `/problems/<slug>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the slug means, in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and what to do.
    pub detail: String,
    /// With `tickets-taken`: which tickets are in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Vec<TakenTicket>>,
    /// With `conflict` and `reservation-ended`: the state that forbids it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// With `outside-creation-window` and `not-on-sale`: when to come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Timestamp>,
    /// With `invalid`: every field that breaks a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
    /// Seconds for the `Retry-After` header; not part of the body.
    #[serde(skip)]
    pub retry_after: Option<u32>,
}

/// Every kind of problem, with its status, slug and title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table in `Slug::parts` says what each is")]
pub enum Slug {
    Malformed,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    TicketsTaken,
    Conflict,
    IdempotencyMismatch,
    OutsideCreationWindow,
    ReservationEnded,
    TooLarge,
    UriTooLong,
    UnsupportedMediaType,
    UpgradeRequired,
    HeadersTooLarge,
    Invalid,
    NotOnSale,
    SlowDown,
    Internal,
    CoreUnavailable,
    Busy,
    OutcomeUnknown,
}

impl Slug {
    /// Status, slug, title.
    pub const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (400, "malformed", "The request can't be read"),
            Self::Unauthorized => (401, "unauthorized", "A token is needed"),
            Self::Forbidden => (403, "forbidden", "The token is wrong"),
            Self::NotFound => (404, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => (
                405,
                "method-not-allowed",
                "The path doesn't take this method",
            ),
            Self::TooSlow => (408, "too-slow", "The request came too slowly"),
            Self::TicketsTaken => (409, "tickets-taken", "Tickets are taken"),
            Self::Conflict => (409, "conflict", "The state doesn't allow this"),
            Self::IdempotencyMismatch => (
                409,
                "idempotency-mismatch",
                "The key belongs to another request",
            ),
            Self::OutsideCreationWindow => (409, "outside-creation-window", "Bulk writes wait"),
            Self::ReservationEnded => (410, "reservation-ended", "The reservation has ended"),
            Self::TooLarge => (413, "too-large", "The body is too large"),
            Self::UriTooLong => (414, "uri-too-long", "The address is too long"),
            Self::UnsupportedMediaType => (
                415,
                "unsupported-media-type",
                "The body's type isn't taken here",
            ),
            Self::HeadersTooLarge => (431, "headers-too-large", "The headers are too large"),
            Self::Invalid => (422, "invalid", "The request breaks a rule"),
            Self::NotOnSale => (425, "not-on-sale", "Not on sale"),
            Self::UpgradeRequired => (426, "upgrade-required", "A WebSocket is needed"),
            Self::SlowDown => (429, "slow-down", "Too many requests"),
            Self::Internal => (500, "internal", "Something broke"),
            Self::CoreUnavailable => (503, "core-unavailable", "No core answers"),
            Self::Busy => (503, "busy", "The core's queue is full"),
            Self::OutcomeUnknown => (504, "outcome-unknown", "The outcome isn't known"),
        }
    }

    /// A problem of this kind.
    pub fn problem(self, detail: impl Into<String>) -> Problem {
        let (status, slug, title) = self.parts();
        Problem {
            kind: format!("/problems/{slug}"),
            title: title.into(),
            status,
            detail: detail.into(),
            taken: None,
            state: None,
            opens_at: None,
            errors: None,
            retry_after: match self {
                Self::SlowDown | Self::CoreUnavailable | Self::Busy => Some(1),
                _ => None,
            },
        }
    }
}

impl Problem {
    /// The last part of the type.
    pub fn slug(&self) -> &'static str {
        ALL.iter()
            .map(|slug| slug.parts().1)
            .find(|slug| self.kind.strip_prefix("/problems/") == Some(slug))
            .unwrap_or("internal")
    }

    /// The body as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The same problem, with a `Retry-After` of so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

const ALL: [Slug; 23] = [
    Slug::Malformed,
    Slug::Unauthorized,
    Slug::Forbidden,
    Slug::NotFound,
    Slug::MethodNotAllowed,
    Slug::TooSlow,
    Slug::TicketsTaken,
    Slug::Conflict,
    Slug::IdempotencyMismatch,
    Slug::OutsideCreationWindow,
    Slug::ReservationEnded,
    Slug::TooLarge,
    Slug::UriTooLong,
    Slug::UnsupportedMediaType,
    Slug::UpgradeRequired,
    Slug::HeadersTooLarge,
    Slug::Invalid,
    Slug::NotOnSale,
    Slug::SlowDown,
    Slug::Internal,
    Slug::CoreUnavailable,
    Slug::Busy,
    Slug::OutcomeUnknown,
];

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NotFound(_) | Refusal::NoTicket { .. } => Slug::NotFound.problem(detail),
            Refusal::TicketsTaken(taken) => Self {
                taken: Some(taken.clone()),
                ..Slug::TicketsTaken.problem(detail)
            },
            Refusal::Conflict { state, .. } => Self {
                state: Some((*state).into()),
                ..Slug::Conflict.problem(detail)
            },
            Refusal::IdempotencyMismatch => Slug::IdempotencyMismatch.problem(detail),
            Refusal::ReservationEnded(state) => Self {
                state: Some(state.as_str().into()),
                ..Slug::ReservationEnded.problem(detail)
            },
            Refusal::NotOnSale { opens_at, .. } => Self {
                opens_at: *opens_at,
                ..Slug::NotOnSale.problem(detail)
            },
            Refusal::OutsideCreationWindow { opens_at } => Self {
                opens_at: Some(*opens_at),
                ..Slug::OutsideCreationWindow.problem(detail)
            },
            Refusal::Invalid(errors) => Self {
                errors: Some(errors.clone()),
                ..Slug::Invalid.problem(detail)
            },
            Refusal::ProviderUnreachable => Slug::CoreUnavailable.problem(detail).retry_after(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_knows_its_slug_and_no_other() {
        for slug in ALL {
            assert_eq!(slug.problem("").slug(), slug.parts().1);
        }
        let mut other = Slug::Conflict.problem("");
        other.kind = "/problems/another-conflict".into();
        assert_eq!(other.slug(), "internal");
    }
}
