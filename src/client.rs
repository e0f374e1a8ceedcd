//! A client of the admin API.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parterre_domain::Problem;
use serde::de::DeserializeOwned;

/// How often a call is made again that a core was too busy for.
const TRIES: u32 = 30;
/// How long a call may take, an upload included.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client of one core's admin API. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    core: String,
    token: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the core at an origin.
    pub(crate) fn new(core: &str, token: &str) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Self {
            core: core.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
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
        let bytes = self
            .call(Method::GET, path, "application/json", Bytes::new())
            .await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| format!("{path}: the answer can't be read: {error}"))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Bytes, String> {
        let mut last = String::new();
        for attempt in 0..TRIES {
            match self.once(&method, path, kind, body.clone()).await {
                Ok((status, bytes)) if status.is_success() => return Ok(bytes),
                Ok((StatusCode::SERVICE_UNAVAILABLE, bytes)) => last = said(&bytes),
                Ok((status, bytes)) => return Err(format!("{status}: {}", said(&bytes))),
                // A call that may have been done isn't repeated: it could be done twice.
                Err(error) if method == Method::GET || error.is_connect() => {
                    last = error.to_string();
                }
                Err(error) => return Err(format!("{path}: {error}")),
            }
            tokio::time::sleep(Duration::from_millis(100 * u64::from(attempt + 1).min(10))).await;
        }
        Err(format!("{}: {last}; is a core running there?", self.core))
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.core))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, kind)
            .body(Full::from(body))?;
        let answered = async {
            let response = self.http.request(request).await?;
            let status = response.status();
            Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        tokio::time::timeout(PATIENCE, answered).await?
    }
}

#[derive(Debug)]
enum CallError {
    Connect(String),
    Other(String),
}

impl CallError {
    fn is_connect(&self) -> bool {
        matches!(self, Self::Connect(_))
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect(what) | Self::Other(what) => f.write_str(what),
        }
    }
}

impl From<hyper_util::client::legacy::Error> for CallError {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() {
            Self::Connect(error.to_string())
        } else {
            Self::Other(error.to_string())
        }
    }
}

impl From<hyper::Error> for CallError {
    fn from(error: hyper::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<http::Error> for CallError {
    fn from(error: http::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<tokio::time::error::Elapsed> for CallError {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Other(format!("no answer within {PATIENCE:?}"))
    }
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
