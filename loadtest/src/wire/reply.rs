//! From a raw answer to a typed one.

use std::time::Duration;

use parterre_domain::Problem;
use serde::de::DeserializeOwned;

use super::{Answer, Broken};

/// A typed answer, or a refusal, or a failure.
pub type Reply<T> = Result<Result<T, Refused>, Failure>;

/// A problem that the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The last part of `type`, such as `tickets-taken`.
    pub slug: String,
    /// The whole problem.
    pub problem: Problem,
    /// When to come back, where the server says so.
    pub retry_after: Option<Duration>,
}

/// Neither an answer nor a refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// An answer that API.md doesn't allow.
    #[error("{0}")]
    Odd(String),
}

impl From<tokio::task::JoinError> for Failure {
    /// A part of the load tester itself has panicked.
    fn from(ended: tokio::task::JoinError) -> Self {
        Self::Odd(ended.to_string())
    }
}

impl Refused {
    /// Whether the write may have happened all the same.
    pub fn leaves_unknown(&self) -> bool {
        self.slug == "outcome-unknown"
    }

    /// Whether coming back later is the thing to do.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.slug.as_str(),
            "core-unavailable" | "busy" | "slow-down"
        )
    }
}

impl Answer {
    /// The JSON body of an answer that has this status, or the refusal.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn read<T: DeserializeOwned>(&self, expected: u16) -> Reply<T> {
        typed(self, expected)
    }

    /// The refusal that it is; none when it is a success or a 304.
    ///
    /// # Errors
    ///
    /// When it is a refusal that API.md doesn't allow.
    pub fn refusal(&self) -> Result<Option<Refused>, Failure> {
        refused(self)
    }
}

/// The refusal in an answer; none when the answer is a success or a 304.
pub(super) fn refused(answer: &Answer) -> Result<Option<Refused>, Failure> {
    if answer.status.is_success() || answer.status.is_redirection() {
        return Ok(None);
    }
    let odd = |what: String| {
        let body = String::from_utf8_lossy(&answer.body);
        let body: String = body.chars().take(200).collect();
        Failure::Odd(format!("{}: {what}: {body}", answer.status))
    };
    let problem: Problem = serde_json::from_slice(&answer.body)
        .map_err(|error| odd(format!("not a problem ({error})")))?;
    if answer.header("content-type") != Some("application/problem+json") {
        return Err(odd("a problem of another content type".to_owned()));
    }
    if problem.status != answer.status.as_u16() {
        return Err(odd(format!("a problem that says {}", problem.status)));
    }
    let retry_after = answer
        .header("retry-after")
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    let slug = match problem.kind.strip_prefix("/problems/") {
        Some(slug) => slug.to_owned(),
        None => return Err(odd(format!("a problem of type {}", problem.kind))),
    };
    Ok(Some(Refused {
        slug,
        problem,
        retry_after,
    }))
}

/// The JSON body of an answer with one of these statuses.
pub(super) fn typed<T: DeserializeOwned>(answer: &Answer, expected: u16) -> Reply<T> {
    if let Some(refused) = refused(answer)? {
        return Ok(Err(refused));
    }
    if answer.status.as_u16() != expected {
        let status = answer.status;
        return Err(Failure::Odd(format!("{status} where {expected} belongs")));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(body) => Ok(Ok(body)),
        Err(error) => {
            let body: String = String::from_utf8_lossy(&answer.body)
                .chars()
                .take(200)
                .collect();
            Err(Failure::Odd(format!(
                "an unexpected body ({error}): {body}"
            )))
        }
    }
}
