//! Every metric of the edge, in one place. Handles are resolved once: counting on a hot
//! path is one atomic addition, and a shard's live part adds up by itself what it counts.

use std::time::Duration;

use http::StatusCode;
use parterre_domain::Counts;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use crate::render::{Encoding, Format, Kind};

/// What a request was for, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteLabel {
    /// The page.
    Home,
    /// The OpenAPI document.
    Document,
    /// The keys of passes.
    Keys,
    /// The list of events.
    Events,
    /// One event.
    Event,
    /// Its layout.
    Layout,
    /// Its availability.
    Availability,
    /// Its tickets.
    Tickets,
    /// A call that a core answers.
    Forwarded,
    /// Nothing that there is.
    Unknown,
}

impl RouteLabel {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Home, "home"),
        (Self::Document, "document"),
        (Self::Keys, "keys"),
        (Self::Events, "events"),
        (Self::Event, "event"),
        (Self::Layout, "layout"),
        (Self::Availability, "availability"),
        (Self::Tickets, "tickets"),
        (Self::Forwarded, "forwarded"),
        (Self::Unknown, "unknown"),
    ];
}

/// How a forwarded call ended, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardOutcome {
    /// A core answered.
    Answered,
    /// No core could be reached.
    Unreached,
    /// A core may have done it and didn't answer.
    Unanswered,
}

/// The statuses that have a handle of their own.
const STATUSES: [u16; 24] = [
    101, 200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 409, 410, 413, 414, 415, 422, 425, 426,
    429, 431, 500, 503, 504,
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
            renders: counters(
                &registry,
                "parterre_edge_renders_total",
                "Bodies of events rendered, before any compression",
                &["body", "format"],
            )?,
            compressions: counters(
                &registry,
                "parterre_edge_compressions_total",
                "Bodies compressed, those of lists included",
                &["encoding"],
            )?,
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
        let route = RouteLabel::ALL
            .iter()
            .position(|(known, _)| *known == route)
            .unwrap_or(RouteLabel::ALL.len() - 1);
        self.requests[route][status].inc();
        self.latency[route].observe(took.as_secs_f64());
    }

    /// Counts a body of an event that had to be rendered.
    pub(crate) fn rendered(&self, kind: Kind, format: Format) {
        let body = match kind {
            Kind::Detail => "detail",
            Kind::Layout => "layout",
            Kind::Availability => "availability",
        };
        let format = match format {
            Format::Json => "json",
            Format::Msgpack => "msgpack",
        };
        self.renders.with_label_values(&[body, format]).inc();
    }

    /// Counts a body that had to be compressed.
    pub(crate) fn compressed(&self, encoding: Encoding) {
        let encoding = match encoding {
            Encoding::Identity => "identity",
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
        };
        self.compressions.with_label_values(&[encoding]).inc();
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

/// The live part's metrics. Shards add to them once a slice of sends, so a delivery
/// touches nothing shared.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each metric's help text below says what it is")]
pub struct LiveMetrics {
    pub connections: IntGauge,
    pub connected: IntCounter,
    pub refused: IntCounter,
    pub frames: IntCounter,
    pub deltas: IntCounter,
    pub snapshots: IntCounter,
    pub merged: IntCounter,
    pub resumed: IntCounter,
    pub slow_closes: IntCounter,
    pub abuse_closes: IntCounter,
    pub errors: IntCounter,
    rounds: Histogram,
}

impl LiveMetrics {
    /// Metrics in an edge's registry.
    ///
    /// # Errors
    ///
    /// When the registry has them already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(format!("parterre_edge_live_{name}_total"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let connections = IntGauge::new("parterre_edge_live_connections", "Live connections now")?;
        registry.register(Box::new(connections.clone()))?;
        let rounds = seconds(
            registry,
            "parterre_edge_live_round_seconds",
            "A round of fan-out, from its first send to its last",
            &[0.001, 0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5],
        )?;
        Ok(Self {
            connections,
            connected: counter("connected", "Live connections made")?,
            refused: counter("refused", "Upgrades refused for want of room")?,
            frames: counter("frames", "Frames of any kind handed to sockets")?,
            deltas: counter("deltas", "Deltas and details handed to sockets")?,
            snapshots: counter("snapshots", "Snapshots handed to sockets")?,
            merged: counter(
                "merged",
                "Times that a client was stuck at a round and got it with a later frame",
            )?,
            resumed: counter("resumed", "Subscriptions whose since was honoured")?,
            slow_closes: counter("slow_closes", "Connections closed for reading too slowly")?,
            abuse_closes: counter("abuse_closes", "Connections closed for misbehaving")?,
            errors: counter("errors", "Error messages")?,
            rounds,
        })
    }

    /// Counts one round.
    pub(crate) fn round(&self, took: Duration) {
        self.rounds.observe(took.as_secs_f64());
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
