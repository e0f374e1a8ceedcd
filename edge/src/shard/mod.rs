//! Shards: one a core of the machine, each with its own thread, runtime, listener and
//! connections. The kernel spreads new connections over the listeners; nothing that
//! belongs to a connection is ever touched by another shard.
//!
//! A shard accepts, lets hyper read requests, hands upgrades to [`crate::live`] and all
//! else to the site's `respond`, and ends connections that do nothing for too long: one
//! look at all of them a second, instead of a timer for each request.

mod activity;
mod listen;
mod site;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use parterre_domain::limits;

use self::activity::Activity;
use crate::live::{self, Live, Surroundings};
use crate::slab::{ConnectionId, Slab};

pub use self::listen::bind;
pub use self::site::serve;

/// What a shard serves.
pub(crate) trait Site: 'static {
    /// What the live part needs.
    type World: Surroundings;
    /// The body of an answer.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// The shard's live part.
    fn live(&self) -> &Rc<Live<Self::World>>;
    /// Answers a request.
    fn respond(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>>;
    /// An answer without a body, or with a problem as its body.
    fn bare(&self, status: StatusCode, detail: &str) -> Response<Self::Body>;
}

/// In the extensions of an answer: its body goes on for as long as the client listens,
/// so the connection isn't idle however long ago the request was.
#[derive(Clone, Copy, Debug)]
pub struct LongLived;

/// The path that becomes a WebSocket.
const LIVE_PATH: &str = "/v1/live";
/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    builder: http1::Builder,
    connections: RefCell<Slab<Connection>>,
    /// The time of the last sweep: near enough to say how long a connection idles.
    now: Cell<Instant>,
    gone: Notify,
    stop: watch::Receiver<bool>,
}

/// A connection that speaks HTTP.
struct Connection {
    activity: Rc<Activity>,
    task: Option<AbortHandle>,
}

impl<S: Site> Shard<S> {
    /// A shard that ends when `stop` turns true.
    pub(crate) fn new(site: S, stop: watch::Receiver<bool>) -> Self {
        // Not `pipeline_flush`: it holds a 101 back while bytes of the client wait behind
        // the request, and an upgrade then loses it.
        let mut builder = http1::Builder::new();
        builder.half_close(false).max_buf_size(limits::HEAD_BYTES);
        Self {
            site,
            builder,
            connections: RefCell::default(),
            now: Cell::new(Instant::now()),
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
            while !self.connections.borrow().is_empty() {
                self.gone.notified().await;
            }
            Ok(())
        };
        let outcome = timeout(drain, finish).await;
        sweep.abort();
        outcome.unwrap_or_else(|_| {
            let left = self.connections.borrow().len() + self.site.live().len();
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
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection, or closes it at once when there are too many.
    fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let open = self.connections.borrow().len() + self.site.live().len();
        if open >= limits::CONNECTIONS_PER_SHARD || stream.set_nodelay(true).is_err() {
            return;
        }
        let activity = Rc::new(Activity::new(self.now.get()));
        let id = self.connections.borrow_mut().insert(Connection {
            activity: Rc::clone(&activity),
            task: None,
        });
        let departure = Departure {
            shard: Rc::clone(self),
            id,
        };
        let task = spawn_local(async move {
            departure.shard.serve(stream, peer, &activity).await;
            drop(departure);
        });
        if let Some(connection) = self.connections.borrow_mut().get(id) {
            connection.task = Some(task.abort_handle());
        }
    }

    /// Serves a connection's requests, and no more of them once told to stop.
    async fn serve(&self, stream: TcpStream, peer: SocketAddr, activity: &Activity) {
        let service = service_fn(|request| async move {
            Ok::<_, Infallible>(self.answer(request, peer, activity).await)
        });
        let connection = self
            .builder
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut stop = self.stop.clone();
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            _ = stop.wait_for(|&stop| stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::trace!(%error, %peer, "connection ended");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        activity: &Activity,
    ) -> Response<S::Body> {
        activity.is_answering.set(true);
        let response = if request.uri().path() == LIVE_PATH && request.method() == Method::GET {
            self.upgrade(request)
        } else {
            self.site.respond(request, peer).await
        };
        activity.is_answering.set(false);
        activity.has_asked.set(true);
        activity.last.set(self.now.get());
        let is_long_lived = response.extensions().get::<LongLived>().is_some();
        activity.is_long_lived.set(is_long_lived);
        response
    }

    fn upgrade(&self, mut request: Request<Incoming>) -> Response<S::Body> {
        let site = &self.site;
        let read = live::handshake::read(request.method(), request.version(), request.headers());
        let handshake = match read {
            Ok(handshake) => handshake,
            Err(refusal) => {
                let mut response = site.bare(refusal.status(), refusal.detail());
                refusal.add_headers(response.headers_mut());
                return response;
            }
        };
        if site.live().is_full() {
            return site.bare(
                StatusCode::SERVICE_UNAVAILABLE,
                "this edge has no room for another live connection",
            );
        }
        let upgrade = hyper::upgrade::on(&mut request);
        let live = Rc::clone(site.live());
        spawn_local(async move {
            let Ok(upgraded) = upgrade.await else {
                return;
            };
            // The connection was given to hyper as this type, so it comes back as it.
            if let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() {
                let stream = parts.io.into_inner();
                live.adopt(stream, handshake.subprotocol, &parts.read_buf);
            }
        });
        let mut response = site.bare(StatusCode::SWITCHING_PROTOCOLS, "");
        response.headers_mut().extend(handshake.headers);
        response
    }

    /// Once a second ends the connections that have been idle for too long.
    async fn sweep(self: Rc<Self>) {
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            let now = Instant::now();
            self.now.set(now);
            for (_, connection) in self.connections.borrow_mut().iter_mut() {
                if let Some(task) = &connection.task
                    && connection.activity.is_idle(now)
                {
                    task.abort();
                }
            }
        }
    }
}

/// Takes a connection out of its shard's books when its task ends or is ended.
struct Departure<S: Site> {
    shard: Rc<Shard<S>>,
    id: ConnectionId,
}

impl<S: Site> Drop for Departure<S> {
    fn drop(&mut self) {
        self.shard.connections.borrow_mut().remove(self.id);
        self.shard.gone.notify_one();
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
