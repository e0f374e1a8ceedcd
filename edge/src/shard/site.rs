//! What a shard serves in an edge: its reads, its writes, its live connections.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;
use parterre_gate::admission::Admission;
use parterre_gate::tls::Tls;
use tokio::sync::watch;

use parterre_domain::wire::api::EventDetail;
use parterre_domain::{Counts, EventId, Problem, Rev, Slug, Timestamp};

use super::{DoorClosed, LongLived, Site, no_room};
use crate::cell::CatchUp;
use crate::cells::WatchedCell;
use crate::clock;
use crate::context::Edge;
use crate::cores::CoreUnavailable;
use crate::cors::Cors;
use crate::forward::Forwarder;
use crate::http::route::Route;
use crate::http::{Body, Opens, Ready, bare, refuse, respond};
use crate::live::{EventStream, Live, Pace, Snapshot, Source, Surroundings, World};
use crate::metrics::{LiveMetrics, RouteLabel};
use crate::signals::ShardSignals;

/// Serves an edge on every listener that [`super::bind`] made, a thread each, until `stop`
/// turns true; then stops accepting, finishes what is in flight, closes live connections
/// with 1012, and ends within the configured drain.
///
/// # Errors
///
/// When there are more listeners than the edge has shards, when a thread or its runtime
/// can't be made, or when a shard panics.
pub async fn serve(
    edge: Arc<Edge>,
    listeners: Vec<TcpListener>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    if listeners.len() > edge.config.shards {
        return Err(io::Error::other("more listeners than shards"));
    }
    let metrics = edge.metrics.live.clone();
    let drain = edge.config.drain;
    let site = move |shard| EdgeSite::new(Arc::clone(&edge), shard, metrics.clone());
    super::serve_sites(site, listeners, drain, stop).await
}

struct EdgeSite {
    edge: Arc<Edge>,
    ready: Ready,
    forwarder: Forwarder,
    live: Rc<Live<EdgeWorld>>,
}

impl EdgeSite {
    fn new(edge: Arc<Edge>, shard: usize, metrics: LiveMetrics) -> Self {
        let world = EdgeWorld {
            signals: edge.signals.of(shard),
            edge: Arc::clone(&edge),
        };
        let live = Live::new(world, Pace::default(), metrics);
        Self {
            ready: Ready::new(Arc::clone(&edge)),
            forwarder: Forwarder::new(&edge),
            edge,
            live,
        }
    }

    /// Gives an answer the body that its client listens to.
    fn stream(
        &self,
        mut response: Response<Body>,
        opens: Opens,
    ) -> Response<Either<Body, EventStream<EdgeWorld>>> {
        if self.live.is_full() {
            return self.refuse(&no_room());
        }
        response.extensions_mut().insert(LongLived);
        response.map(|_| Either::Right(self.live.stream(opens.event, opens.since)))
    }
}

impl Site for EdgeSite {
    type World = EdgeWorld;
    type Body = Either<Body, EventStream<EdgeWorld>>;

    fn live(&self) -> &Rc<Live<EdgeWorld>> {
        &self.live
    }

    fn at_once(
        &self,
        request: &mut Request<Incoming>,
        began: Instant,
    ) -> Option<Response<Self::Body>> {
        let (label, response) = self.ready.answer(request, began)?;
        let (status, took) = (response.status(), began.elapsed());
        self.edge.metrics.answered(label, status, took);
        Some(response.map(Either::Left))
    }

    async fn respond(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Self::Body> {
        let began = Instant::now();
        let (label, mut response) = respond(&self.edge, &self.forwarder, request, began).await;
        let response = match response.extensions_mut().remove::<Opens>() {
            None => response.map(Either::Left),
            Some(opens) => self.stream(response, opens),
        };
        let (status, took) = (response.status(), began.elapsed());
        self.edge.metrics.answered(label, status, took);
        response
    }

    fn admission(&self) -> &Admission {
        &self.edge.admission
    }

    fn cors(&self) -> &Cors {
        &self.edge.config.cors
    }

    fn tls(&self) -> Option<&Tls> {
        self.edge.config.tls.as_ref()
    }

    fn refuse(&self, problem: &Problem) -> Response<Self::Body> {
        refuse(problem).map(Either::Left)
    }

    fn bare(&self, status: StatusCode) -> Response<Self::Body> {
        bare(status).map(Either::Left)
    }

    fn answered(&self, path: &str, status: StatusCode, took: Duration) {
        let label = Route::of(path).map_or(RouteLabel::Unknown, Route::label);
        self.edge.metrics.answered(label, status, took);
    }

    fn turned_away(&self, why: DoorClosed) {
        self.edge.metrics.turned_away(why);
    }
}

#[derive(Clone)]
struct EdgeWorld {
    edge: Arc<Edge>,
    signals: ShardSignals,
}

impl World for EdgeWorld {
    type Cell = WatchedCell;

    fn counts(&self, only: Option<&BTreeSet<EventId>>) -> (Rev, BTreeMap<EventId, Counts>) {
        let programme = self.edge.catalog.programme();
        let counts = match only {
            Some(only) => only
                .iter()
                .filter_map(|&event| Some((event, programme.get(event)?.counts)))
                .collect(),
            None => programme
                .iter()
                .map(|entry| (entry.record.id, entry.counts))
                .collect(),
        };
        (programme.position(), counts)
    }
}

impl Surroundings for EdgeWorld {
    async fn load(&self, event: EventId) -> Result<WatchedCell, Slug> {
        match self.edge.cells.watch(event).await {
            Ok(Some(cell)) => Ok(cell),
            Ok(None) => Err(Slug::NotFound),
            Err(CoreUnavailable) => Err(Slug::CoreUnavailable),
        }
    }

    async fn wait_changed(&self) {
        self.signals.wait().await;
    }

    fn take_changed(&self) -> Vec<EventId> {
        self.signals.take().events
    }

    fn stale(&self) -> Option<Duration> {
        let seconds = self.edge.freshness.stale_seconds(Instant::now());
        seconds.map(Duration::from_secs)
    }

    fn wall(&self) -> Timestamp {
        clock::now()
    }
}

impl Source for WatchedCell {
    fn rev(&self) -> Rev {
        (**self).rev()
    }

    fn is_gone(&self) -> bool {
        (**self).is_gone()
    }

    fn catch_up(&self, since: Rev) -> CatchUp {
        (**self).catch_up(since)
    }

    fn snapshot(&self) -> Snapshot {
        let view = self.view();
        Snapshot {
            rev: view.rev,
            counts: view.counts,
            states: view.states.to_letters(),
        }
    }

    fn detail(&self) -> EventDetail {
        let view = self.view();
        EventDetail::new(&view.record, view.counts, view.rev)
    }
}
