//! One keep-alive HTTP connection, made again when it broke.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

use super::Origin;

/// How long a call may take in all: longer than an edge tries to forward one.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// A request to make, perhaps several times.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
    /// When the request was handed to the connection.
    pub sent: Instant,
    /// When the whole answer had arrived.
    pub answered: Instant,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// No connection came about: the server surely did nothing.
    #[error("can't connect: {0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("no answer: {0}")]
    Lost(String),
}

/// One connection at a time to one origin.
#[derive(Debug)]
pub struct Client {
    origin: Origin,
    sender: Option<SendRequest<Full<Bytes>>>,
    connects: u64,
}

impl Call {
    /// A call without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A write with a JSON body.
    pub fn post(path: impl Into<String>, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self::new(Method::POST, path).with_body("application/json", body)
    }

    /// With a body of some type.
    #[must_use]
    pub fn with_body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self
    }

    /// With a header; one that can't be a header is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.with(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// What is asked for, for messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn request(&self, origin: &Origin) -> Result<Request<Full<Bytes>>, Broken> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(HOST, origin.authority())
            .body(Full::new(self.body.clone()))
            .map_err(|error| Broken::NotSent(error.to_string()))?;
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        Ok(request)
    }
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        self.answered - self.sent
    }
}

impl Client {
    /// A client that connects when it is first used.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            sender: None,
            connects: 0,
        }
    }

    /// How many connections were made so far: what holds "on one connection" begins anew
    /// with each.
    pub fn connects(&self) -> u64 {
        self.connects
    }

    /// Makes a call.
    ///
    /// # Errors
    ///
    /// When no whole answer came; [`Broken`] says whether the server may have acted.
    pub async fn send(&mut self, call: &Call) -> Result<Answer, Broken> {
        let request = call.request(&self.origin)?;
        let mut sender = self.ready().await?;
        let sent = Instant::now();
        match tokio::time::timeout(PATIENCE, exchange(&mut sender, request, sent)).await {
            Ok(Ok(answer)) => {
                self.sender = Some(sender);
                Ok(answer)
            }
            Ok(Err(error)) => Err(Broken::Lost(error.to_string())),
            Err(_) => Err(Broken::Lost(format!("none in {PATIENCE:?}"))),
        }
    }

    /// The connection, if it still stands, else a new one.
    async fn ready(&mut self) -> Result<SendRequest<Full<Bytes>>, Broken> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let not_sent = |error: &dyn std::fmt::Display| Broken::NotSent(error.to_string());
        let connect = TcpStream::connect(self.origin.authority());
        let stream = tokio::time::timeout(CONNECT, connect)
            .await
            .map_err(|_| not_sent(&format!("not in {CONNECT:?}")))?
            .map_err(|error| not_sent(&error))?;
        stream.set_nodelay(true).map_err(|error| not_sent(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| not_sent(&error))?;
        // Ends with the sender or with the socket; either way whoever calls hears of it.
        tokio::spawn(connection);
        self.connects += 1;
        Ok(sender)
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    sent: Instant,
) -> Result<Answer, hyper::Error> {
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
        sent,
        answered: Instant::now(),
    })
}
