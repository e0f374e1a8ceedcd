//! A shard on this thread over a hand-fed world, and clients that reach it by TCP.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use parterre_gate::admission::{Admission, Rules};
use parterre_gate::tls::Tls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use parterre_domain::wire::live::{FromClient, ToClient};
use parterre_domain::{Counts, EventId, Problem, Rev, Slug, TicketState, Timestamp};

use super::model::{FedCell, FedWorld, event};
use crate::cors::Cors;
use crate::live::hub::{Pace, World};
use crate::live::{Live, Surroundings};
use crate::metrics::LiveMetrics;
use crate::shard::{DoorClosed, Shard, Site};

/// How long a test waits for what must happen.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(super) struct FedSurroundings {
    world: FedWorld,
    changed: Rc<(RefCell<BTreeSet<EventId>>, Notify)>,
}

impl World for FedSurroundings {
    type Cell = FedCell;

    fn counts(&self, only: Option<&BTreeSet<EventId>>) -> (Rev, BTreeMap<EventId, Counts>) {
        self.world.counts(only)
    }
}

impl Surroundings for FedSurroundings {
    async fn load(&self, event: EventId) -> Result<FedCell, Slug> {
        tokio::task::yield_now().await;
        let cell = self.world.0.borrow().cells.get(&event).cloned();
        cell.ok_or(Slug::NotFound)
    }

    async fn wait_changed(&self) {
        self.changed.1.notified().await;
    }

    fn take_changed(&self) -> Vec<EventId> {
        self.changed.0.take().into_iter().collect()
    }

    fn stale(&self) -> Option<Duration> {
        None
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

struct FedSite(Rc<Live<FedSurroundings>>, Admission, Cors);

impl Site for FedSite {
    type World = FedSurroundings;
    type Body = Full<Bytes>;

    fn live(&self) -> &Rc<Live<FedSurroundings>> {
        &self.0
    }

    fn at_once(&self, _: &mut Request<Incoming>, _: Instant) -> Option<Response<Full<Bytes>>> {
        None
    }

    async fn respond(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Full<Bytes>> {
        Response::new(Full::from(request.uri().path().to_owned()))
    }

    fn admission(&self) -> &Admission {
        &self.1
    }

    fn cors(&self) -> &Cors {
        &self.2
    }

    fn tls(&self) -> Option<&Tls> {
        None
    }

    fn refuse(&self, problem: &Problem) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(problem.detail.clone()));
        *response.status_mut() = StatusCode::from_u16(problem.status).unwrap();
        response
    }

    fn bare(&self, status: StatusCode) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        response
    }

    fn answered(&self, _: &str, _: StatusCode, _: Duration) {}

    fn turned_away(&self, _: DoorClosed) {}
}

/// A running shard.
pub(super) struct Stage {
    surroundings: FedSurroundings,
    pub(super) live: Rc<Live<FedSurroundings>>,
    pub(super) metrics: LiveMetrics,
    pub(super) address: SocketAddr,
    stop: watch::Sender<bool>,
    shard: JoinHandle<std::io::Result<()>>,
}

impl Stage {
    pub(super) async fn open(pace: Pace, tickets: u32) -> Self {
        let surroundings = FedSurroundings {
            world: FedWorld::new(2, tickets),
            changed: Rc::default(),
        };
        let metrics = LiveMetrics::new(&prometheus::Registry::new()).unwrap();
        let live = Live::new(surroundings.clone(), pace, metrics.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let shard = Rc::new(Shard::new(
            FedSite(
                Rc::clone(&live),
                Admission::new(Rules::default()),
                Cors::default(),
            ),
            stopped,
        ));
        Self {
            surroundings,
            live,
            metrics,
            address,
            stop,
            shard: spawn_local(shard.run(listener, DEADLINE)),
        }
    }

    /// Commits a change of tickets and tells the shard.
    pub(super) fn commit(&self, number: u64, changes: &[(u32, TicketState)]) -> Rev {
        let rev = self.surroundings.world.commit(number, changes);
        self.surroundings
            .changed
            .0
            .borrow_mut()
            .insert(event(number));
        self.surroundings.changed.1.notify_one();
        rev
    }

    pub(super) fn cell(&self, number: u64) -> FedCell {
        self.surroundings.world.cell(number)
    }

    /// Tells the shard to stop.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the shard has ended.
    pub(super) async fn ended(self) {
        within(self.shard).await.unwrap().unwrap();
    }

    pub(super) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        self.connect_over(stream).await
    }

    pub(super) async fn connect_over(&self, stream: TcpStream) -> Client {
        let url = format!("ws://{}/v1/live", self.address);
        let (socket, _) = within(tokio_tungstenite::client_async(url, stream))
            .await
            .unwrap();
        Client(socket)
    }
}

/// Waits for something that must happen.
pub(super) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("it doesn't happen")
}

/// Polls until a condition holds.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "{what} doesn't happen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// An independent implementation of WebSocket.
pub(super) struct Client(pub(super) WebSocketStream<TcpStream>);

impl Client {
    pub(super) async fn say(&mut self, message: &FromClient) {
        let text = serde_json::to_string(message).unwrap();
        within(self.0.send(Message::text(text))).await.unwrap();
    }

    pub(super) async fn subscribe(&mut self, number: u64, since: Option<Rev>) {
        let event = event(number);
        self.say(&FromClient::Subscribe { event, since }).await;
    }

    pub(super) async fn frame(&mut self) -> Message {
        within(self.0.next()).await.expect("a frame").unwrap()
    }

    pub(super) async fn hear(&mut self) -> ToClient {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}
