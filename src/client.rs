//! A client of the admin API, and of what anybody may read.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use parterre_domain::{Problem, limits};
use parterre_gate::dial::Dialer;
use serde::de::DeserializeOwned;

use crate::run::Ended;

const JSON: &str = "application/json";

/// A client of one core's admin API. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    core: String,
    token: Option<String>,
    http: HttpClient<Dialer, Full<Bytes>>,
}

impl Client {
    /// A client of the core at an origin.
    pub(crate) fn new(core: &str, token: &str, dialer: Dialer) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..Self::anonymous(core, dialer)
        }
    }

    /// A client without a token, of anybody who answers everybody.
    pub(crate) fn anonymous(origin: &str, dialer: Dialer) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).build(dialer);
        Self {
            core: origin.trim_end_matches('/').to_owned(),
            token: None,
            http,
        }
    }

    /// Sends a body and reads the answer. A core that is busy or away is asked again.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<T, String> {
        let bytes = self.call(Method::POST, path, kind, body).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| format!("{path}: the answer can't be read: {error}"))
    }

    /// Reads.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let bytes = self.call(Method::GET, path, JSON, Bytes::new()).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| format!("{path}: the answer can't be read: {error}"))
    }

    /// Whether the core is there and takes the token; asked once.
    pub(crate) async fn greet(&self) -> Result<(), Ended> {
        let path = "/admin/v1/events?limit=1";
        let core = &self.core;
        match self.once(&Method::GET, path, JSON, Bytes::new()).await {
            Ok(Answer { status, .. }) if status.is_success() => Ok(()),
            Ok(Answer { status, body, .. })
                if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) =>
            {
                let said = said(&body);
                Err(Ended::cannot(format!(
                    "{core}: {said}; name another with --token or --token-file"
                )))
            }
            Ok(Answer { status, body, .. }) => {
                Err(Ended::cannot(format!("{core}: {status}: {}", said(&body))))
            }
            Err(error) => Err(Ended::cannot(format!(
                "no core answers at {core}: {error}; start one or name another with --core"
            ))),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Bytes, String> {
        let mut last = String::new();
        for attempt in 1..=limits::IMPORT_TRIES {
            let mut wait = Duration::from_millis(100 * u64::from(attempt.min(10)));
            match self.once(&method, path, kind, body.clone()).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer.body),
                Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                    last = said(&answer.body);
                    wait = answer
                        .retry_after
                        .unwrap_or(wait)
                        .min(limits::IMPORT_WAIT_MAX);
                }
                Ok(answer) => return Err(format!("{}: {}", answer.status, said(&answer.body))),
                // A call that may have been done isn't repeated: it could be done twice.
                Err(error) if method == Method::GET || error.surely_not_done => {
                    last = error.what;
                }
                Err(error) => return Err(format!("{path}: {error}")),
            }
            tokio::time::sleep(wait).await;
        }
        Err(format!("{} is busy or away: {last}", self.core))
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.core))
            .header(header::CONTENT_TYPE, kind);
        let request = match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let request = request
            .body(Full::from(body))
            .map_err(|error| CallError::before(&error))?;
        let answered = async {
            let response = self.http.request(request).await.map_err(|error| {
                if error.is_connect() {
                    CallError::before(&error)
                } else {
                    CallError::after(&error)
                }
            })?;
            let status = response.status();
            let retry_after = retry_after(response.headers());
            let body = response.into_body().collect().await;
            Ok(Answer {
                status,
                retry_after,
                body: body.map_err(|error| CallError::after(&error))?.to_bytes(),
            })
        };
        tokio::time::timeout(limits::IMPORT_CALL, answered)
            .await
            .unwrap_or_else(|_| {
                Err(CallError {
                    what: format!("no answer within {:?}", limits::IMPORT_CALL),
                    surely_not_done: false,
                })
            })
    }
}

/// What a core answered.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
struct CallError {
    what: String,
    surely_not_done: bool,
}

impl CallError {
    /// Nothing had been sent.
    fn before(error: &dyn Error) -> Self {
        Self {
            what: chain(error),
            surely_not_done: true,
        }
    }

    /// The request was under way.
    fn after(error: &dyn Error) -> Self {
        Self {
            what: chain(error),
            surely_not_done: false,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// An error and what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// What a problem says: its detail, then each field.
fn said(body: &[u8]) -> String {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return String::from_utf8_lossy(body).chars().take(200).collect();
    };
    let fields = problem
        .errors
        .unwrap_or_default()
        .into_iter()
        .map(|error| format!("{}: {}", error.field, error.reason));
    std::iter::once(problem.detail)
        .chain(fields)
        .collect::<Vec<_>>()
        .join("; ")
}
