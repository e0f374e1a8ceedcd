//! Every metric of a core, named here and nowhere else.

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};

/// The metrics of a core.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each metric's help text says what it is")]
pub struct Metrics {
    registry: Registry,
    pub requests: IntCounterVec,
    pub request_seconds: HistogramVec,
    pub requests_in_flight: IntGauge,
    pub reservations: IntCounterVec,
    pub commands: IntCounterVec,
    pub refusals: IntCounterVec,
    pub lane_depth: IntGauge,
    pub batch_commands: Histogram,
    pub commit_seconds: Histogram,
    pub retries: IntCounterVec,
    pub replans: IntCounter,
    pub swept: IntCounterVec,
    pub swept_late_seconds: Histogram,
    pub provider_calls: IntCounterVec,
    pub feed_edges: IntGauge,
    pub feed_resyncs: IntCounter,
    pub log_head: IntGauge,
    pub log_bytes: IntGauge,
}

impl Metrics {
    /// Registers all metrics in a registry of their own.
    ///
    /// # Errors
    ///
    /// When two have one name: a bug that the first start shows.
    #[expect(clippy::too_many_lines, reason = "a list, one entry a metric")]
    pub fn new() -> Result<Self, prometheus::Error> {
        let r = Registry::new();
        Ok(Self {
            requests: counters(
                &r,
                "requests_total",
                "HTTP requests answered.",
                &["route", "status"],
            )?,
            request_seconds: histograms(
                &r,
                "request_seconds",
                "Time to answer a HTTP request.",
                &["route"],
            )?,
            requests_in_flight: gauge(
                &r,
                "requests_in_flight",
                "HTTP requests that are being answered.",
            )?,
            reservations: counters(
                &r,
                "reservations_total",
                "Reservations made, or found again by a repeat.",
                &["outcome"],
            )?,
            commands: counters(
                &r,
                "commands_total",
                "Commands decided, by outcome.",
                &["outcome"],
            )?,
            refusals: counters(
                &r,
                "refusals_total",
                "Commands that the rules refused, by problem.",
                &["reason"],
            )?,
            lane_depth: gauge(&r, "lane_depth", "Commands that wait in the lanes.")?,
            batch_commands: histogram(
                &r,
                "batch_commands",
                "Commands in a batch.",
                powers(1.0, 2.0, 11)?,
            )?,
            commit_seconds: histogram(
                &r,
                "commit_seconds",
                "Time to commit a batch.",
                powers(0.0005, 2.0, 14)?,
            )?,
            retries: counters(
                &r,
                "retries_total",
                "Attempts of a batch made again, by cause.",
                &["cause"],
            )?,
            replans: counter(
                &r,
                "replans_total",
                "Plans of best available tickets remade after a lost race.",
            )?,
            swept: counters(
                &r,
                "swept_total",
                "Entries of the due index worked on, by kind and outcome.",
                &["kind", "outcome"],
            )?,
            swept_late_seconds: histogram(
                &r,
                "swept_late_seconds",
                "How long after its time a due entry is taken up.",
                powers(0.01, 2.0, 14)?,
            )?,
            provider_calls: counters(
                &r,
                "provider_calls_total",
                "Calls to the payment provider, by outcome.",
                &["call", "outcome"],
            )?,
            feed_edges: gauge(&r, "feed_edges", "Edges that follow the feed.")?,
            feed_resyncs: counter(
                &r,
                "feed_resyncs_total",
                "Edges that had to begin from snapshots.",
            )?,
            log_head: gauge(
                &r,
                "log_head",
                "The number of the newest record of the log.",
            )?,
            log_bytes: gauge(&r, "log_bytes", "Bytes of the log that are kept.")?,
            registry: r,
        })
    }

    /// The metrics in Prometheus's text format.
    pub fn to_text(&self) -> String {
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => format!("# {error}\n"),
        }
    }
}

fn name(of: &str) -> String {
    format!("parterre_core_{of}")
}

fn powers(start: f64, factor: f64, count: usize) -> Result<Vec<f64>, prometheus::Error> {
    prometheus::exponential_buckets(start, factor, count)
}

fn counter(registry: &Registry, of: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let metric = IntCounter::new(name(of), help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(
    registry: &Registry,
    of: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let metric = IntCounterVec::new(Opts::new(name(of), help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(registry: &Registry, of: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let metric = IntGauge::new(name(of), help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histogram(
    registry: &Registry,
    of: &str,
    help: &str,
    buckets: Vec<f64>,
) -> Result<Histogram, prometheus::Error> {
    let metric = Histogram::with_opts(HistogramOpts::new(name(of), help).buckets(buckets))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histograms(
    registry: &Registry,
    of: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let metric = HistogramVec::new(HistogramOpts::new(name(of), help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
