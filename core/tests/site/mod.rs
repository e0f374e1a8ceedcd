//! A small language for tests of a whole core through its sockets: start one, call it as
//! an administrator or as an edge, look at answers.
#![allow(
    dead_code,
    reason = "each test binary uses its own part of the language"
)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "fdb")]
#[path = "../cluster/mod.rs"]
mod cluster;
mod contract;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use contract::Contract;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parterre_core::clock::Clock;
use parterre_core::config::{AdminToken, Config, Payments, StoreConfig};
use parterre_core::store::Failure;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What administrators of a test's core say.
pub(crate) const TOKEN: &str = "an administrator's token, 32 bytes or more";
/// What edges of a test's core say.
pub(crate) const SECRET: &str = "a cluster's secret";
/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a core may drain.
const DRAIN: Duration = Duration::from_secs(10);

/// A running core.
pub(crate) struct World {
    pub(crate) listen: SocketAddr,
    pub(crate) probe: parterre_core::Probe,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), Failure>>,
    client: Client<HttpConnector, Full<Bytes>>,
    /// What the core says of itself; every answer is held against it.
    contract: Contract,
    /// Where the state lies instead of in memory, if anywhere.
    #[cfg(feature = "fdb")]
    _database: Option<cluster::FoundationDb>,
}

/// A request in the making.
pub(crate) struct Call<'a> {
    world: &'a World,
    method: String,
    path: String,
    request: http::request::Builder,
    body: Bytes,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// A core's settings on ports that the system picks.
pub(crate) fn config(store: StoreConfig) -> Config {
    Config {
        store,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        public_url: "http://127.0.0.1:1".into(),
        cluster_secret: SECRET.into(),
        admin_tokens: vec![AdminToken {
            name: "test".into(),
            hash: Sha256::digest(TOKEN).into(),
        }],
        signing_keys: vec![[7; 32]],
        payments: Payments::Sandbox,
        tls: None,
        dialer: parterre_gate::dial::Dialer::default(),
    }
}

impl World {
    /// A core over an empty store: in memory, or with `PARTERRE_TEST_STORE=foundationdb`
    /// in a cluster of its own.
    pub(crate) async fn start() -> Self {
        Self::with(config(StoreConfig::Memory)).await
    }

    /// A core with these settings.
    pub(crate) async fn with(config: Config) -> Self {
        Self::with_clock(config, &Clock::Wall).await
    }

    /// A core with these settings whose time is moved by hand.
    #[cfg_attr(
        not(feature = "fdb"),
        expect(unused_mut, reason = "it stays in memory")
    )]
    pub(crate) async fn with_clock(mut config: Config, clock: &Clock) -> Self {
        #[cfg(feature = "fdb")]
        let database = cluster::instead_of_memory(&mut config.store);
        let core = parterre_core::build_with_clock(config, clock.clone())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let (listen, probe) = (core.address(), core.probe());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(core.run(async {
            drop(stopped.await);
            Instant::now() + DRAIN
        }));
        let mut world = Self {
            listen,
            probe,
            stop: Some(stop),
            running,
            client: Client::builder(TokioExecutor::new()).build_http(),
            contract: Contract::default(),
            #[cfg(feature = "fdb")]
            _database: database,
        };
        let document = world.call("GET", "/openapi.json").send().await;
        world.contract = Contract::new(document.is(200).json());
        world
    }

    /// Tells the core to stop, without waiting for it.
    pub(crate) fn tell_to_stop(&mut self) {
        self.stop.take();
    }

    /// Waits for the core's end; gives how it ended.
    pub(crate) async fn ended(mut self) -> Result<(), Failure> {
        self.tell_to_stop();
        let ended = tokio::time::timeout(PATIENCE, self.running).await;
        ended.expect("the core ends in time").unwrap()
    }

    /// A call on the main listener, by nobody in particular.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        self.request(method, self.listen, path)
    }

    /// A call by an administrator.
    pub(crate) fn admin(&self, method: &str, path: &str) -> Call<'_> {
        self.call(method, path)
            .header("authorization", &format!("Bearer {TOKEN}"))
    }

    /// A call by an edge.
    pub(crate) fn edge(&self, method: &str, path: &str) -> Call<'_> {
        self.call(method, path)
            .header("parterre-cluster-secret", SECRET)
    }

    fn request(&self, method: &str, address: SocketAddr, path: &str) -> Call<'_> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://{address}{path}"));
        Call {
            world: self,
            method: method.to_owned(),
            path: path.to_owned(),
            request,
            body: Bytes::new(),
        }
    }

    /// A new draft; gives its id.
    pub(crate) async fn draft(&self, change: Value) -> String {
        let reply = self
            .admin("POST", "/admin/v1/events")
            .json(&about(change))
            .send()
            .await;
        reply.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// A published event of so many tickets in one row at 45.00; gives its id.
    pub(crate) async fn published(&self, tickets: usize) -> String {
        self.published_with(tickets, json!({})).await
    }

    /// The same, with other settings.
    pub(crate) async fn published_with(&self, tickets: usize, change: Value) -> String {
        let event = self.draft(change).await;
        let path = format!("/admin/v1/events/{event}/tickets");
        self.admin("POST", &path)
            .json(&row(tickets))
            .send()
            .await
            .is(200);
        let path = format!("/admin/v1/events/{event}/publish");
        self.admin("POST", &path).send().await.is(200);
        event
    }

    /// Reserves tickets as an edge would.
    pub(crate) async fn reserve(&self, event: &str, tickets: &[u32]) -> Reply {
        let path = format!("/v1/events/{event}/reservations");
        self.edge("POST", &path)
            .json(&json!({ "tickets": tickets }))
            .send()
            .await
    }

    /// Reserves tickets and pays for them at the sandbox; gives the reservation.
    pub(crate) async fn buy(&self, event: &str, tickets: &[u32]) -> Value {
        let reservation = self.reserve(event, tickets).await.is(201).json();
        self.check_out(&reservation).await;
        self.pay(&reservation).await;
        reservation
    }

    /// Begins a checkout at the sandbox.
    pub(crate) async fn check_out(&self, reservation: &Value) {
        let path = format!("/v1/reservations/{}/checkout", id(reservation));
        let body = json!({
            "buyer": {"name": "Ada", "email": "ada@example.org"},
            "success_url": "https://shop.example/yes",
            "cancel_url": "https://shop.example/no",
        });
        let call = self.edge("POST", &path).token(reservation);
        call.json(&body).send().await.is(200);
    }

    /// Pays what is checked out. No webhook reaches a core without an edge, so it hears of
    /// the payment when it asks the provider: here on an attempt to release.
    pub(crate) async fn pay(&self, reservation: &Value) {
        let pay = format!("/sandbox/{}/pay?behave=silent", id(reservation));
        let call = self.edge("POST", &pay).header("accept", "application/json");
        call.send().await.is(200);
        let path = format!("/v1/reservations/{}", id(reservation));
        let release = self.edge("DELETE", &path).token(reservation).send().await;
        assert_eq!(release.problem(409, "conflict")["state"], "paid");
    }

    /// What an administrator gets.
    pub(crate) async fn shown(&self, path: &str) -> Value {
        self.admin("GET", path).send().await.is(200).json()
    }

    /// The states of an event's tickets, a letter each.
    pub(crate) async fn states(&self, event: &str) -> String {
        let path = format!("/admin/v1/events/{event}/availability");
        let availability = self.admin("GET", &path).send().await.is(200).json();
        availability["states"].as_str().unwrap().to_owned()
    }
}

impl Call<'_> {
    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With a body.
    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// With a body that nothing is said of.
    pub(crate) fn untyped(mut self, body: &'static str) -> Self {
        self.body = body.into();
        self
    }

    /// With a body of JSON.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With a reservation's token.
    pub(crate) fn token(self, reservation: &Value) -> Self {
        let token = reservation["token"].as_str().unwrap();
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends it and reads the answer.
    pub(crate) async fn send(self) -> Reply {
        let request = self.request.body(Full::new(self.body)).unwrap();
        let send = async {
            let response = self.world.client.request(request).await.unwrap();
            let (parts, body) = response.into_parts();
            Reply {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        };
        let reply = tokio::time::timeout(PATIENCE, send).await;
        let reply = reply.expect("an answer comes in time");
        self.world.contract.check(&self.method, &self.path, &reply);
        reply
    }
}

impl Reply {
    /// Fails unless the status is this one, and shows the body.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Fails unless it is a problem of this kind, and gives it.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, slug: &str) -> Value {
        let body = self.is(status);
        assert_eq!(body.header("content-type"), "application/problem+json");
        let problem = body.json();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        let title = problem["title"].as_str();
        assert!(title.is_some_and(|title| !title.is_empty()), "{problem}");
        problem
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {:?}", self.text());
        })
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no header {name}: {:?}", self.headers));
        value.to_str().unwrap()
    }
}

/// The id in an answer.
pub(crate) fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

/// The body that makes a draft, with some fields changed.
pub(crate) fn about(change: Value) -> Value {
    let mut about = json!({
        "title": "A Night of Song",
        "category": "concert",
        "venue": "Old Hall",
        "city": "Lisbon",
        "starts_at": "2099-05-01T19:00:00.000Z",
        "currency": "EUR",
    });
    for (field, value) in change.as_object().unwrap() {
        about[field] = value.clone();
    }
    about
}

/// An upload of one row.
pub(crate) fn row(tickets: usize) -> Value {
    let tickets: Vec<Value> = (1..=tickets)
        .map(|seat| json!({"section": "Stalls", "row": "A", "seat": seat.to_string(), "tier": "full"}))
        .collect();
    json!({"tiers": [{"id": "full", "name": "Full price", "price": 4_500}], "tickets": tickets})
}

/// Tries until a condition holds; fails when it doesn't in time.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let tried = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    tried.await.unwrap_or_else(|_| panic!("never: {what}"))
}
