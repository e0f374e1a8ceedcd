//! The cores as an edge reaches them: a pool of connections or a line within the process,
//! an order to try them in, and a bound on every call.

use std::slice;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parterre_gate::dial::Dialer;
use parterre_gate::within::{Caller, NoAnswer};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use parterre_domain::limits;
use parterre_domain::wire::feed::{SECRET_HEADER, checksum};

use crate::config::Reach;

/// The cores, in the order of the configuration.
#[derive(Debug)]
pub struct Cores {
    cores: Arc<[Core]>,
    line: Line,
    secret: HeaderValue,
    pub(crate) dialer: Dialer,
}

/// What calls travel by.
#[derive(Debug)]
enum Line {
    /// Connections to other processes.
    Network(Client<Dialer, Full<Bytes>>),
    /// To the core of this process.
    Within(Caller),
}

/// One core.
#[derive(Debug)]
pub(crate) struct Core {
    /// Such as `http://127.0.0.1:8081`, without a slash at the end.
    pub(crate) origin: String,
    /// Until when it is tried last, because it, or its store, couldn't be reached.
    shunned_until: Mutex<Option<Instant>>,
    /// A permit for each call that is under way.
    calls: Semaphore,
}

/// A setting that names no core.
#[derive(Debug, thiserror::Error)]
#[error("not the origin of a core: {0:?}; write it like http://127.0.0.1:8081")]
pub struct BadOrigin(String);

/// No core answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no core answers")]
pub struct CoreUnavailable;

/// Why a call to one core gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It can't have seen the call.
    Unreached,
    /// It may have seen the call, or done it.
    Unanswered,
}

impl Cores {
    /// Cores that are there.
    ///
    /// # Errors
    ///
    /// When an origin is none of `http://` or `https://`, or there is none.
    pub fn new(reach: &Reach, secret: &str, dialer: Dialer) -> Result<Self, BadOrigin> {
        let (origins, line) = match reach {
            Reach::Network(origins) => (&origins[..], Line::Network(client(&dialer))),
            Reach::Within { line, feed } => (slice::from_ref(feed), Line::Within(line.clone())),
        };
        let cores: Arc<[Core]> = origins
            .iter()
            .map(|origin| Core::new(origin))
            .collect::<Result<_, _>>()?;
        if cores.is_empty() {
            return Err(BadOrigin(String::new()));
        }
        let mut secret =
            HeaderValue::try_from(secret).map_err(|_| BadOrigin("a secret of text".to_owned()))?;
        secret.set_sensitive(true);
        Ok(Self {
            cores,
            line,
            secret,
            dialer,
        })
    }

    /// The same cores over connections of the caller's own, if it needs any. A connection
    /// runs on the thread that made it: a shard that has its own never waits for another.
    pub(crate) fn apart(&self) -> Self {
        let line = match &self.line {
            Line::Network(_) => Line::Network(client(&self.dialer)),
            Line::Within(caller) => Line::Within(caller.clone()),
        };
        Self {
            cores: Arc::clone(&self.cores),
            line,
            secret: self.secret.clone(),
            dialer: self.dialer.clone(),
        }
    }

    /// The core that the feed comes from at the `attempt`-th try.
    pub(crate) fn nth(&self, attempt: usize) -> &Core {
        &self.cores[attempt % self.cores.len()]
    }

    /// What a call must carry.
    pub(crate) fn secret(&self) -> (HeaderName, HeaderValue) {
        (HeaderName::from_static(SECRET_HEADER), self.secret.clone())
    }

    /// The order in which calls about `key` try the cores: by rendezvous hashing, so that
    /// every edge sends one event's calls to one core, and few move when a core goes; those
    /// that couldn't be reached just now come last.
    pub(crate) fn ranked(&self, key: &[u8], now: Instant) -> Vec<&Core> {
        let mut ranked: Vec<&Core> = self.cores.iter().collect();
        if ranked.len() > 1 {
            ranked.sort_by_cached_key(|core| {
                let score = mix(checksum(key) ^ mix(checksum(core.origin.as_bytes())));
                (core.is_shunned(now), score)
            });
        }
        ranked
    }

    /// Makes one call to one core and reads the whole answer, within `patience`, of which a
    /// rush may spend a part on waiting for its turn.
    pub(crate) async fn call(
        &self,
        core: &Core,
        mut request: Request<Full<Bytes>>,
        patience: Duration,
    ) -> Result<Response<Bytes>, Silence> {
        let (name, secret) = self.secret();
        request.headers_mut().insert(name, secret);
        let deadline = tokio::time::Instant::now() + patience;
        let turn = timeout_at(deadline, core.calls.acquire()).await;
        let _turn = turn.map_err(|_| Silence::Unreached)?;
        let answer = timeout_at(deadline, self.exchange(core, request)).await;
        answer.unwrap_or_else(|_| {
            core.shun(Instant::now());
            Err(Silence::Unanswered)
        })
    }

    async fn exchange(
        &self,
        core: &Core,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Silence> {
        match &self.line {
            Line::Network(client) => over_network(client, core, request).await,
            Line::Within(caller) => caller.call(request).await.map_err(|none| match none {
                NoAnswer::Closed => Silence::Unreached,
                NoAnswer::Dropped => Silence::Unanswered,
            }),
        }
    }

    /// Fetches a structure of the feed's kind from any core; none when there is no such
    /// thing.
    pub(crate) async fn fetch<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &[u8],
    ) -> Result<Option<T>, CoreUnavailable> {
        let ranked = self.ranked(key, Instant::now());
        for (at, core) in ranked.iter().enumerate() {
            let patience = match at + 1 < ranked.len() {
                true => limits::CORE_FETCH_ATTEMPT,
                false => limits::CORE_FETCH,
            };
            match self.fetch_from(core, path, patience).await {
                Ok(found) => return Ok(found),
                Err(reason) => {
                    tracing::warn!(core = core.origin, path, reason, "can't fetch from a core");
                }
            }
        }
        Err(CoreUnavailable)
    }

    /// The same from one core, with a reason for the log when it fails.
    pub(crate) async fn fetch_from<T: DeserializeOwned>(
        &self,
        core: &Core,
        path: &str,
        patience: Duration,
    ) -> Result<Option<T>, String> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = path.parse().map_err(|_| "not a path".to_owned())?;
        let answer = self.call(core, request, patience).await;
        let answer = answer.map_err(|silence| format!("{silence:?}"))?;
        match answer.status() {
            StatusCode::OK => parterre_domain::decode(answer.body())
                .map(Some)
                .map_err(|error| error.to_string()),
            StatusCode::NOT_FOUND => Ok(None),
            other => {
                core.shun(Instant::now());
                Err(other.to_string())
            }
        }
    }
}

async fn over_network(
    client: &Client<Dialer, Full<Bytes>>,
    core: &Core,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Silence> {
    let uri = core.uri(request.uri())?;
    *request.uri_mut() = uri.clone();
    let response = client.request(request).await.map_err(|error| {
        if error.is_connect() {
            core.shun(Instant::now());
            Silence::Unreached
        } else {
            Silence::Unanswered
        }
    })?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, limits::CORE_ANSWER_BYTES);
    let body = body.collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            tracing::error!(core = core.origin, %uri, "a core's answer is too long");
        }
        Silence::Unanswered
    })?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

fn client(dialer: &Dialer) -> Client<Dialer, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(limits::KEEP_ALIVE_TO_CORE)
        .pool_max_idle_per_host(limits::CORE_CALLS)
        .build(dialer.clone())
}

impl Core {
    fn new(origin: &str) -> Result<Self, BadOrigin> {
        let trimmed = origin.trim_end_matches('/');
        let uri: Uri = trimmed.parse().map_err(|_| BadOrigin(origin.to_owned()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https"))
            || uri.authority().is_none()
            || uri.path() != "/"
        {
            return Err(BadOrigin(origin.to_owned()));
        }
        Ok(Self {
            origin: trimmed.to_owned(),
            shunned_until: Mutex::new(None),
            calls: Semaphore::new(limits::CORE_CALLS),
        })
    }

    /// A path and query at this core.
    fn uri(&self, path: &Uri) -> Result<Uri, Silence> {
        let path = path.path_and_query();
        let path = path.map_or("/", |path| path.as_str());
        let uri = format!("{}{path}", self.origin);
        uri.parse().map_err(|_| Silence::Unreached)
    }

    /// The same as the origin of a WebSocket.
    pub(crate) fn live_origin(&self) -> String {
        // `http` and `https` have counterparts that differ in the first letters alone.
        self.origin.replacen("http", "ws", 1)
    }

    /// Tries it last for a while.
    pub(crate) fn shun(&self, now: Instant) {
        if let Ok(mut until) = self.shunned_until.lock() {
            *until = Some(now + limits::CORE_SHUNNED);
        }
    }

    fn is_shunned(&self, now: Instant) -> bool {
        let until = self.shunned_until.lock().map_or(None, |until| *until);
        until.is_some_and(|until| now < until)
    }
}

/// Spreads a hash over all bits: the last step of SplitMix64
/// (<https://doi.org/10.1145/2714064.2660195>).
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Takes away the headers that belong to one connection (RFC 9110, 7.6.1).
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use parterre_gate::within::line;

    use super::*;

    fn at(origins: Vec<String>) -> Result<Cores, BadOrigin> {
        Cores::new(&Reach::Network(origins), "secret", Dialer::default())
    }

    fn cores(count: usize) -> Cores {
        let origins: Vec<_> = (0..count)
            .map(|n| format!("http://127.0.0.1:{}", 8_000 + n))
            .collect();
        at(origins).unwrap()
    }

    #[test]
    fn only_plain_origins_are_taken() {
        for bad in [
            "",
            "localhost:8081",
            "ftp://a:1",
            "https://",
            "http://a:1/x",
            "http://",
        ] {
            assert!(at(vec![bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(at(Vec::new()).is_err());
        assert_eq!(cores(1).nth(5).live_origin(), "ws://127.0.0.1:8000");
    }

    #[tokio::test]
    async fn a_call_within_the_process_says_whether_it_may_have_been_done() {
        let (line, mut calls) = line();
        let feed = "http://127.0.0.1:8081".to_owned();
        let reach = Reach::Within { line, feed };
        let cores = Cores::new(&reach, "secret", Dialer::default()).unwrap();
        let cores = cores.apart();
        let call = async || {
            let request = Request::post("/v1/x").body(Full::default()).unwrap();
            cores
                .call(cores.nth(0), request, limits::FORWARD_ATTEMPT)
                .await
        };
        let answering = async {
            let call = calls.next().await.unwrap();
            assert!(call.request.headers().contains_key(SECRET_HEADER));
            call.asker.answer(Response::new("done".into()));
            drop(calls.next().await.unwrap());
        };
        let calling = async {
            assert_eq!(call().await.unwrap().into_body(), "done");
            assert_eq!(call().await.unwrap_err(), Silence::Unanswered);
        };
        tokio::join!(answering, calling);
        drop(calls);
        assert_eq!(call().await.unwrap_err(), Silence::Unreached);
    }

    #[test]
    fn every_core_gets_its_share_and_few_calls_move_when_one_goes() {
        let now = Instant::now();
        let (three, four) = (cores(3), cores(4));
        let first =
            |cores: &Cores, key: u32| cores.ranked(&key.to_be_bytes(), now)[0].origin.clone();
        let mut shares = std::collections::BTreeMap::<String, u32>::new();
        let mut moved = 0;
        for key in 0..4_000 {
            *shares.entry(first(&four, key)).or_default() += 1;
            moved += u32::from(first(&three, key) != first(&four, key));
        }
        assert!(
            shares.values().all(|share| (800..1_200).contains(share)),
            "{shares:?}"
        );
        assert!((800..1_200).contains(&moved), "{moved}");
    }

    #[test]
    fn a_core_that_cant_be_reached_is_tried_last_for_a_while() {
        let cores = cores(2);
        let now = Instant::now();
        let first = cores.ranked(b"key", now)[0];
        first.shun(now);
        assert_eq!(cores.ranked(b"key", now)[1].origin, first.origin);
        let later = now + limits::CORE_SHUNNED;
        assert_eq!(cores.ranked(b"key", later)[0].origin, first.origin);
    }
}
