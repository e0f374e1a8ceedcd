//! An edge behind a core, and a client before it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parterre_edge::config::{Config, Reach};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::contract;
use crate::core::{Core, SECRET, id};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the edge says of itself: the same of every edge of these tests.
static DOCUMENT: OnceCell<Value> = OnceCell::const_new();

/// A live client.
pub(crate) type Client = WebSocketStream<TcpStream>;

pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    probe: parterre_edge::Probe,
    pub(crate) shared: std::sync::Arc<parterre_edge::context::Edge>,
    client: legacy::Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<std::io::Result<()>>,
}

/// What an edge of a test is told; change it before [`Edge::start`].
pub(crate) fn config(cores: &[&Core]) -> Config {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        cores: Reach::Network(cores.iter().map(|core| core.origin()).collect()),
        listen: free,
        cluster_secret: SECRET.to_owned(),
        cache_bytes: 64 << 20,
        shards: 2,
        drain: Duration::from_secs(5),
        feed_delay: Duration::ZERO,
        tls: None,
        cors: parterre_edge::cors::Cors::default(),
        dialer: parterre_gate::dial::Dialer::default(),
        clients: parterre_gate::admission::Rules::default(),
    }
}

impl Edge {
    pub(crate) async fn start(config: Config) -> Self {
        let process = parterre_edge::build(config).unwrap();
        let (address, probe) = (process.address(), process.probe());
        let shared = std::sync::Arc::clone(process.edge());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(process.run(async move {
            drop(stopped.await);
        }));
        Self {
            address,
            probe,
            shared,
            client: legacy::Client::builder(TokioExecutor::new()).build_http(),
            stop: Some(stop),
            running,
        }
    }

    /// An edge that has loaded a core's catalog.
    pub(crate) async fn behind(core: &Core) -> Self {
        let edge = Self::start(config(&[core])).await;
        edge.ready().await;
        edge
    }

    pub(crate) async fn ready(&self) {
        until("the catalog is loaded", async || self.probe.ready().is_ok()).await;
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.running.await.unwrap().unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        let (parts, body) = self.open(request).await.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    /// An answer whose body is still to come.
    pub(crate) async fn open(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = self.client.request(request).await.unwrap();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        self.check(&method, path, &response).await;
        response
    }

    /// That an answer is one that the edge's own document knows.
    async fn check<B>(&self, method: &Method, path: &str, response: &Response<B>) {
        let document = DOCUMENT.get_or_init(async || {
            let request = self.request(Method::GET, "/openapi.json");
            let request = request.body(Full::default()).unwrap();
            let document = self.client.request(request).await.unwrap();
            let document = document.into_body().collect().await.unwrap();
            serde_json::from_slice(&document.to_bytes()).unwrap()
        });
        let (status, headers) = (response.status(), response.headers());
        contract::check(document.await, method, path, status, headers);
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let uri = format!("http://{}{path}", self.address);
        Request::builder().method(method).uri(uri)
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Bytes> {
        let request = self.request(Method::GET, path);
        self.send(request.body(Full::default()).unwrap()).await
    }

    pub(crate) async fn live(&self) -> Client {
        self.live_by(None).await
    }

    /// A live client that asks for a subprotocol.
    pub(crate) async fn live_by(&self, subprotocol: Option<&str>) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let uri = format!("ws://{}/v1/live", self.address);
        let mut request = uri.into_client_request().unwrap();
        if let Some(subprotocol) = subprotocol {
            let name = SEC_WEBSOCKET_PROTOCOL;
            request
                .headers_mut()
                .insert(name, subprotocol.parse().unwrap());
        }
        let connected = tokio_tungstenite::client_async(request, stream).await;
        let (client, response) = connected.unwrap();
        self.check(&Method::GET, "/v1/live", &response).await;
        client
    }

    /// The body of an answer that must be 200.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}: {:?}", response.body());
        serde_json::from_slice(response.body()).unwrap()
    }

    pub(crate) async fn availability(&self, number: u32) -> Value {
        self.json(&format!("/v1/events/{}/availability", id(number)))
            .await
    }

    /// Waits until the edge's availability of an event is the core's.
    pub(crate) async fn agrees(&self, core: &Core, number: u32) {
        until("the edge has what the core has", async || {
            let (rev, letters) = core.letters(number);
            let body = self.availability(number).await;
            body["rev"] == rev.to_string() && body["states"] == letters
        })
        .await;
        let body = self.availability(number).await;
        let (_, letters) = core.letters(number);
        let free = letters.matches('f').count();
        assert_eq!(
            body["counts"]["free"], free,
            "counts are those of the states"
        );
        let detail = self.json(&format!("/v1/events/{}", id(number))).await;
        assert_eq!(detail["counts"], body["counts"]);
    }

    /// The value of a metric, its labels included in the name.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.probe.metrics();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name} in:\n{text}"))
            .parse()
            .unwrap()
    }
}

/// Polls a condition until it is true.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "it never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
