//! Every metric of the edge, in one place; those of live connections in `live`. Handles
//! are resolved once: counting on a hot path is one atomic addition, and a shard's live
//! part adds up by itself what it counts.

mod label;
mod live;

use std::time::Duration;

use http::StatusCode;
use parterre_domain::Counts;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use crate::render::{Encoding, Format, Kind};
use crate::shard::DoorClosed;
pub(crate) use label::ForwardOutcome;
pub use label::RouteLabel;
pub use live::LiveMetrics;

/// The statuses that have a handle of their own.
const STATUSES: [u16; 26] = [
    101, 200, 201, 204, 303, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 414, 415, 422,
    425, 426, 429, 431, 500, 503, 504,
];

/// The edge's metrics.
#[derive(Debug)]
#[expect(missing_docs, reason = "each metric's help text below says what it is")]
pub struct Metrics {
    registry: Registry,
    /// By route, then by status; the last is any other status.
    requests: Vec<[IntCounter; STATUSES.len() + 1]>,
    latency: Vec<Histogram>,
    forwards: [IntCounter; 3],
    turned_away: IntCounterVec,
    renders: IntCounterVec,
    compressions: IntCounterVec,
    pub cache_hits: IntCounter,
    pub cache_loads: IntCounter,
    pub cache_evictions: IntCounter,
    pub cache_bytes: IntGauge,
    pub cache_cells: IntGauge,
    pub list_hits: IntCounter,
    pub list_renders: IntCounter,
    pub refusals_taken: IntCounter,
    pub feed_records: IntCounter,
    pub feed_connects: IntCounter,
    pub feed_gaps: IntCounter,
    pub feed_resyncs: IntCounter,
    pub feed_lag_seconds: Gauge,
    pub stale_seconds: IntGauge,
    pub catalog_events: IntGauge,
    pub neighbours_loaded: IntCounter,
    tickets: IntGaugeVec,
    forward_seconds: Histogram,
    pub cache_load_failures: IntCounter,
    pub live: LiveMetrics,
}

impl Metrics {
    /// Metrics in a registry of their own.
    ///
    /// # Errors
    ///
    /// When two metrics have one name, which a test would show.
    #[expect(clippy::too_many_lines, reason = "a list, one entry a metric")]
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        Ok(Self {
            requests: requests(&registry)?,
            latency: latency(&registry)?,
            forwards: forwards(&registry)?,
            turned_away: turned_away(&registry)?,
            renders: renders(&registry)?,
            compressions: compressions(&registry)?,
            cache_hits: counter(
                "parterre_edge_cache_hits_total",
                "Reads of an event that was held",
            )?,
            cache_loads: counter(
                "parterre_edge_cache_loads_total",
                "Events fetched from a core",
            )?,
            cache_evictions: counter(
                "parterre_edge_cache_evictions_total",
                "Events dropped to stay within the bound",
            )?,
            cache_bytes: gauge(
                "parterre_edge_cache_bytes",
                "Bytes that the events held take, roughly",
            )?,
            cache_cells: gauge("parterre_edge_cache_events", "Events held")?,
            list_hits: counter(
                "parterre_edge_list_hits_total",
                "Lists answered as rendered before",
            )?,
            list_renders: counter("parterre_edge_list_renders_total", "Lists rendered")?,
            refusals_taken: refusals(&registry)?.with_label_values(&["tickets-taken"]),
            feed_records: counter(
                "parterre_edge_feed_records_total",
                "Records of the feed applied",
            )?,
            feed_connects: counter(
                "parterre_edge_feed_connects_total",
                "Connections made to a core's feed",
            )?,
            feed_gaps: counter(
                "parterre_edge_feed_gaps_total",
                "Frames that didn't follow the edge's position",
            )?,
            feed_resyncs: counter(
                "parterre_edge_feed_resyncs_total",
                "Times that the edge began anew from snapshots",
            )?,
            feed_lag_seconds: feed_lag(&registry)?,
            stale_seconds: gauge(
                "parterre_edge_stale_seconds",
                "Seconds since the edge was known to be up to date",
            )?,
            catalog_events: gauge("parterre_edge_catalog_events", "Published events")?,
            neighbours_loaded: neighbours_loaded(&registry)?,
            tickets: tickets(&registry)?,
            forward_seconds: seconds(
                &registry,
                "parterre_edge_forward_seconds",
                "From forwarding a call to a core's answer, or to giving up",
                &[
                    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
                ],
            )?,
            cache_load_failures: counter(
                "parterre_edge_cache_load_failures_total",
                "Events that couldn't be fetched from a core",
            )?,
            live: LiveMetrics::new(&registry)?,
            registry,
        })
    }

    /// Counts an answered request.
    pub fn answered(&self, route: RouteLabel, status: StatusCode, took: Duration) {
        let status = STATUSES
            .iter()
            .position(|&known| known == status.as_u16())
            .unwrap_or(STATUSES.len());
        let route = route as usize;
        self.requests[route][status].inc();
        self.latency[route].observe(took.as_secs_f64());
    }

    /// Counts a connection that was closed at the door.
    pub(crate) fn turned_away(&self, why: DoorClosed) {
        let labels = [label::of_door(why)];
        self.turned_away.with_label_values(&labels).inc();
    }

    /// Counts a body of an event that had to be rendered.
    pub(crate) fn rendered(&self, kind: Kind, format: Format) {
        let labels = [label::of_kind(kind), label::of_format(format)];
        self.renders.with_label_values(&labels).inc();
    }

    /// Counts a body that had to be compressed.
    pub(crate) fn compressed(&self, encoding: Encoding) {
        let labels = [label::of_encoding(encoding)];
        self.compressions.with_label_values(&labels).inc();
    }

    pub(crate) fn forwarded(&self, outcome: ForwardOutcome, took: Duration) {
        self.forwards[outcome as usize].inc();
        self.forward_seconds.observe(took.as_secs_f64());
    }

    /// Writes how the tickets of all published events stand.
    pub(crate) fn count_tickets(&self, events: impl Iterator<Item = Counts>) {
        let (mut total, mut free, mut pending, mut sold) = (0, 0, 0, 0);
        for counts in events {
            total += i64::from(counts.total);
            free += i64::from(counts.free);
            pending += i64::from(counts.pending);
            sold += i64::from(counts.sold);
        }
        let withdrawn = total - free - pending - sold;
        for (state, count) in [
            ("free", free),
            ("pending", pending),
            ("sold", sold),
            ("withdrawn", withdrawn),
        ] {
            self.tickets.with_label_values(&[state]).set(count);
        }
    }

    /// The Prometheus text of all metrics.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "can't write metrics");
        }
        text
    }
}

fn seconds(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let seconds = Histogram::with_opts(options)?;
    registry.register(Box::new(seconds.clone()))?;
    Ok(seconds)
}

fn tickets(registry: &Registry) -> Result<IntGaugeVec, prometheus::Error> {
    let options = Opts::new(
        "parterre_edge_tickets",
        "Tickets of all published events, by state",
    );
    let tickets = IntGaugeVec::new(options, &["state"])?;
    registry.register(Box::new(tickets.clone()))?;
    Ok(tickets)
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn turned_away(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    let turned_away = counters(
        registry,
        "parterre_edge_connections_refused_total",
        "Connections closed before anything was read from them",
        &["reason"],
    )?;
    for why in [DoorClosed::Full, DoorClosed::TooFast, DoorClosed::TooMany] {
        // So that the first one shows as a rise.
        drop(turned_away.with_label_values(&[label::of_door(why)]));
    }
    Ok(turned_away)
}

fn renders(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    counters(
        registry,
        "parterre_edge_renders_total",
        "Bodies of events rendered, before any compression",
        &["body", "format"],
    )
}

fn compressions(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    counters(
        registry,
        "parterre_edge_compressions_total",
        "Bodies compressed, those of lists included",
        &["encoding"],
    )
}

fn neighbours_loaded(registry: &Registry) -> Result<IntCounter, prometheus::Error> {
    let loaded = IntCounter::new(
        "parterre_edge_neighbours_loaded_total",
        "Events loaded because one near them was looked at",
    )?;
    registry.register(Box::new(loaded.clone()))?;
    Ok(loaded)
}

fn feed_lag(registry: &Registry) -> Result<Gauge, prometheus::Error> {
    let lag = Gauge::new(
        "parterre_edge_feed_lag_seconds",
        "From a commit, by the core's clock, to its application, by the edge's",
    )?;
    registry.register(Box::new(lag.clone()))?;
    Ok(lag)
}

fn refusals(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    counters(
        registry,
        "parterre_edge_refusals_total",
        "Writes that the edge refused by itself",
        &["reason"],
    )
}

fn requests(
    registry: &Registry,
) -> Result<Vec<[IntCounter; STATUSES.len() + 1]>, prometheus::Error> {
    let requests = counters(
        registry,
        "parterre_edge_requests_total",
        "Requests answered",
        &["route", "status"],
    )?;
    let of_route = |(_, route): &(RouteLabel, &str)| {
        std::array::from_fn(|at| {
            let status = STATUSES.get(at).map_or("other".to_owned(), u16::to_string);
            requests.with_label_values(&[*route, status.as_str()])
        })
    };
    Ok(RouteLabel::ALL.iter().map(of_route).collect())
}

fn latency(registry: &Registry) -> Result<Vec<Histogram>, prometheus::Error> {
    let buckets = vec![
        0.000_02, 0.000_1, 0.000_5, 0.002, 0.01, 0.05, 0.25, 1.0, 5.0,
    ];
    let options = HistogramOpts::new(
        "parterre_edge_request_seconds",
        "From a request's head to its answer's",
    )
    .buckets(buckets);
    let latency = prometheus::HistogramVec::new(options, &["route"])?;
    registry.register(Box::new(latency.clone()))?;
    let of_route = |(_, route): &(RouteLabel, &str)| latency.with_label_values(&[*route]);
    Ok(RouteLabel::ALL.iter().map(of_route).collect())
}

fn forwards(registry: &Registry) -> Result<[IntCounter; 3], prometheus::Error> {
    let forwards = counters(
        registry,
        "parterre_edge_forwards_total",
        "Calls forwarded to cores",
        &["outcome"],
    )?;
    Ok(["answered", "unreached", "unanswered"]
        .map(|outcome| forwards.with_label_values(&[outcome])))
}
