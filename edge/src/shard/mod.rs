//! Shards: one a core of the machine, each with its own thread, runtime, listener and
//! connections. The kernel spreads new connections over the listeners; nothing that
//! belongs to a connection is ever touched by another shard.
//!
//! A shard accepts, lets hyper read requests, hands upgrades to [`crate::live`] and all
//! else to the site's `respond`, and ends connections that do nothing for too long: one
//! look at all of them a second, instead of a timer for each request.

mod door;
mod request;
mod site;

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper::service::service_fn;
use parterre_gate::admission::Admission;
use parterre_gate::conversation::Arrival;
use parterre_gate::progress::{Progress, Watch};
use parterre_gate::tls::Tls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use parterre_domain::{Problem, Slug, limits};

use crate::cors::Cors;
use crate::live::{Live, Surroundings};

pub(crate) use self::door::DoorClosed;
pub use self::site::serve;

/// What a shard serves.
pub(crate) trait Site: 'static {
    /// What the live part needs.
    type World: Surroundings;
    /// The body of an answer.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// The shard's live part.
    fn live(&self) -> &Rc<Live<Self::World>>;
    /// Answers a request that came at `began` without waiting, if it can; else leaves it
    /// as it is.
    fn at_once(
        &self,
        request: &mut Request<Incoming>,
        began: Instant,
    ) -> Option<Response<Self::Body>>;
    /// Answers a request.
    fn respond(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>>;
    /// Who may come in.
    fn admission(&self) -> &Admission;
    /// Whose pages may read answers.
    fn cors(&self) -> &Cors;
    /// What is spoken beneath HTTP, if anything.
    fn tls(&self) -> Option<&Tls>;
    /// An answer with a problem as its body.
    fn refuse(&self, problem: &Problem) -> Response<Self::Body>;
    /// An answer without a body.
    fn bare(&self, status: StatusCode) -> Response<Self::Body>;
    /// Counts an answer that [`Self::respond`] hasn't given, to a request for this path;
    /// of a request that can't be read the path is empty.
    fn answered(&self, path: &str, status: StatusCode, took: Duration);
    /// Counts a connection that was closed at the door.
    fn turned_away(&self, why: DoorClosed);
}

/// In the extensions of an answer: its body goes on for as long as the client listens,
/// so the connection isn't idle however long ago the request was.
#[derive(Clone, Copy, Debug)]
pub struct LongLived;

/// Why a live connection is refused.
fn no_room() -> Problem {
    Slug::Busy
        .problem("this edge has no room for another live connection")
        .retry_after(limits::NO_ROOM_SECONDS)
}

/// The path that becomes a WebSocket.
const LIVE_PATH: &str = "/v1/live";

/// Serves on every listener, a thread each, until `stop` turns true; then stops
/// accepting, finishes what is in flight, closes live connections, and ends within
/// `drain`. `site` makes each shard's site on the shard's own thread.
///
/// # Errors
///
/// When a thread or its runtime can't be made. A shard that panics is an error too.
pub(crate) async fn serve_sites<S: Site>(
    site: impl Fn(usize) -> S + Clone + Send + 'static,
    listeners: Vec<StdListener>,
    drain: Duration,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut shards = Vec::new();
    for (number, listener) in listeners.into_iter().enumerate() {
        let (site, stop) = (site.clone(), stop.clone());
        let (ended, end) = oneshot::channel();
        std::thread::Builder::new()
            .name(format!("shard-{number}"))
            .spawn(move || {
                let outcome = run_thread(move || site(number), listener, drain, stop);
                if ended.send(outcome).is_err() {
                    tracing::debug!(shard = number, "nobody waits for the shard any more");
                }
            })?;
        shards.push(end);
    }
    for shard in shards {
        shard
            .await
            .map_err(|_| io::Error::other("a shard panicked"))??;
    }
    Ok(())
}

fn run_thread<S: Site>(
    site: impl FnOnce() -> S,
    listener: StdListener,
    drain: Duration,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener)?;
        let shard = Rc::new(Shard::new(site(), stop));
        shard.run(listener, drain).await
    })
}

/// One shard.
pub(crate) struct Shard<S> {
    site: S,
    /// Connections that speak HTTP.
    open: Cell<usize>,
    watch: Watch,
    gone: Notify,
    stop: watch::Receiver<bool>,
}

impl<S: Site> Shard<S> {
    /// A shard that ends when `stop` turns true.
    pub(crate) fn new(site: S, stop: watch::Receiver<bool>) -> Self {
        Self {
            site,
            open: Cell::default(),
            watch: Watch::default(),
            gone: Notify::new(),
            stop,
        }
    }

    /// Serves until told to stop, and then for at most `drain`.
    ///
    /// # Errors
    ///
    /// When the live part panics: its clients would hear nothing more and not know it.
    pub(crate) async fn run(
        self: Rc<Self>,
        listener: TcpListener,
        drain: Duration,
    ) -> io::Result<()> {
        let mut live = spawn_local(Rc::clone(self.site.live()).run(self.stop.clone()));
        let sweep = spawn_local(Rc::clone(&self).sweep());
        let bug = |_| io::Error::other("the live part of a shard panicked");
        tokio::select! {
            () = self.accept(listener) => {}
            ended = &mut live => return ended.map_err(bug),
        }
        let finish = async {
            live.await.map_err(bug)?;
            while self.open.get() > 0 {
                self.gone.notified().await;
            }
            Ok(())
        };
        let outcome = timeout(drain, finish).await;
        sweep.abort();
        outcome.unwrap_or_else(|_| {
            let left = self.len();
            tracing::warn!(left, "connections didn't end in time");
            Ok(())
        })
    }

    /// Accepts until told to stop. Dropping the listener refuses what comes later.
    async fn accept(self: &Rc<Self>, listener: TcpListener) {
        let mut stop = self.stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // An error means that nobody is left who could say stop.
                _ = stop.wait_for(|&stop| stop) => return,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't accept connections");
                    sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection, or closes it at once when there are too many, or when its
    /// client has too many or opens them too fast: an answer would cost more than a client
    /// that floods us is worth.
    fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let now = Instant::now();
        let place = match door::place(self.len(), self.site.admission(), peer, now) {
            Ok(place) => place,
            Err(why) => return self.site.turned_away(why),
        };
        let progress = Progress::new();
        let Ok(arrival) = Arrival::new(stream, place, Arc::clone(&progress)) else {
            return;
        };
        self.watch.add(&progress, now);
        self.open.set(self.open.get() + 1);
        let departure = Departure(Rc::clone(self));
        spawn_local(async move {
            departure.0.serve(arrival, peer, progress).await;
            drop(departure);
        });
    }

    /// Connections of every kind.
    fn len(&self) -> usize {
        self.open.get() + self.site.live().len()
    }

    /// Serves a connection's requests, and no more of them once told to stop.
    async fn serve(self: &Rc<Self>, arrival: Arrival, peer: SocketAddr, progress: Arc<Progress>) {
        let of_service = Arc::clone(&progress);
        let service = service_fn(move |request| Rc::clone(self).take(request, peer, &of_service));
        let mut stop = self.stop.clone();
        let stop = async move {
            // An error means that nobody is left who could say stop.
            drop(stop.wait_for(|&stop| stop).await);
        };
        (arrival.converse(self.site.tls(), service, OnThisThread, stop)).await;
        if let Some(status) = progress.own_answer() {
            self.site.answered("", status, Duration::ZERO);
        }
    }

    /// Once a second ends the connections that have waited for too long.
    async fn sweep(self: Rc<Self>) {
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            self.watch.sweep(Instant::now());
        }
    }
}

/// Takes a connection out of its shard's books when its task ends.
struct Departure<S: Site>(Rc<Shard<S>>);

impl<S: Site> Drop for Departure<S> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.gone.notify_one();
    }
}

/// Runs the requests of one connection of HTTP/2 where the connection itself runs.
#[derive(Clone, Copy, Debug)]
struct OnThisThread;

impl<F: Future + 'static> Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        // Ends with its connection, whose end a shard waits for.
        drop(spawn_local(async move {
            future.await;
        }));
    }
}

/// Whether an error of `accept` concerns only the connection that was being accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
