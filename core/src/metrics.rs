//! Every metric of a core, named here and nowhere else.

use parterre_domain::command::Command;
use prometheus::{
    CounterVec, Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::sweeper::KINDS;

/// The metrics of a core.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each metric's help text says what it is")]
pub struct Metrics {
    registry: Registry,
    pub requests: IntCounterVec,
    pub request_seconds: HistogramVec,
    pub requests_in_flight: IntGauge,
    pub reservations: IntCounterVec,
    pub reservation_states: IntCounterVec,
    pub payments: IntCounterVec,
    pub webhooks: IntCounterVec,
    pub commands: IntCounterVec,
    pub command_seconds: Histogram,
    pub refusals: IntCounterVec,
    pub lane_depth: IntGauge,
    pub lane_busy_seconds: CounterVec,
    pub batch_commands: Histogram,
    pub commit_seconds: Histogram,
    pub retries: IntCounterVec,
    pub replans: IntCounter,
    pub swept: IntCounterVec,
    pub swept_late_seconds: Histogram,
    pub overdue: IntGaugeVec,
    pub overdue_seconds: IntGaugeVec,
    pub outbox: IntGaugeVec,
    pub provider_calls: IntCounterVec,
    pub feed_edges: IntGauge,
    pub feed_resyncs: IntCounter,
    pub log_head: IntGauge,
    pub log_bytes: IntGauge,
    pub store_bytes: IntGauge,
    pub disk_free_bytes: IntGauge,
}

impl Metrics {
    /// Registers all metrics in a registry of their own. Those that alerts compare over
    /// time begin at zero, or the first of its kind would go unseen.
    ///
    /// # Errors
    ///
    /// When two have one name: a bug that the first start shows.
    pub fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self::register()?;
        for (counters, rows) in [
            (&metrics.reservation_states, RESERVATION_STATES.as_slice()),
            (&metrics.reservations, &["reserved", "replayed"]),
            (&metrics.refusals, &["tickets-taken", "not-on-sale"]),
            (&metrics.payments, &["tickets", "refund_due", "refunded"]),
            (&metrics.webhooks, &["taken", "refused", "failed"]),
            (
                &metrics.retries,
                &["conflict", "too_old", "unknown", "too_large"],
            ),
        ] {
            for row in rows {
                counters.with_label_values(&[*row]);
            }
        }
        for outcome in [
            "done",
            "refused",
            "busy",
            "unavailable",
            "unknown",
            "broken",
        ] {
            metrics.commands.with_label_values(&["reserve", outcome]);
        }
        for kind in KINDS {
            for outcome in ["done", "refused", "failed"] {
                metrics.swept.with_label_values(&[kind, outcome]);
            }
        }
        for call in ["open", "close", "refund"] {
            for outcome in ["answered", "unreachable"] {
                metrics.provider_calls.with_label_values(&[call, outcome]);
            }
        }
        Ok(metrics)
    }

    #[expect(clippy::too_many_lines, reason = "a list, one entry a metric")]
    fn register() -> Result<Self, prometheus::Error> {
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
            reservation_states: counters(
                &r,
                "reservation_states_total",
                "Reservations that came into a state.",
                &["state"],
            )?,
            payments: counters(
                &r,
                "payments_total",
                "Payments that came to an outcome: tickets, or a refund ordered or made.",
                &["outcome"],
            )?,
            webhooks: counters(
                &r,
                "webhooks_total",
                "Notices of payment providers, by what became of them.",
                &["outcome"],
            )?,
            commands: counters(
                &r,
                "commands_total",
                "Commands, by kind and outcome.",
                &["command", "outcome"],
            )?,
            command_seconds: histogram(
                &r,
                "command_seconds",
                "Time from a command's arrival to its answer, the wait in its lane included.",
                powers(0.001, 2.0, 14)?,
            )?,
            refusals: counters(
                &r,
                "refusals_total",
                "Commands that the rules refused, by problem.",
                &["reason"],
            )?,
            lane_depth: gauge(&r, "lane_depth", "Commands that wait in the lanes.")?,
            lane_busy_seconds: sums(
                &r,
                "lane_busy_seconds_total",
                "Time that a lane spent on batches; at one second a second it is full.",
                &["lane"],
            )?,
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
            overdue: gauges(
                &r,
                "overdue_entries",
                "Entries of the due index past their time, as last counted.",
                &["kind"],
            )?,
            overdue_seconds: gauges(
                &r,
                "overdue_oldest_seconds",
                "For how long the oldest entry past its time has been so.",
                &["kind"],
            )?,
            outbox: gauges(
                &r,
                "outbox_calls",
                "Calls to the payment provider that are still to be made.",
                &["call"],
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
            store_bytes: gauge(
                &r,
                "store_bytes",
                "Bytes that the embedded store takes on its disk.",
            )?,
            disk_free_bytes: gauge(
                &r,
                "store_disk_free_bytes",
                "Bytes that are free for us on the embedded store's disk.",
            )?,
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

const RESERVATION_STATES: [&str; 6] = [
    "pending",
    "paid",
    "released",
    "expired",
    "refund_due",
    "refunded",
];

/// A command's kind, as a label.
pub(crate) const fn command_name(command: &Command) -> &'static str {
    match command {
        Command::CreateEvent(_) => "create_event",
        Command::ChangeEvent(_) => "change_event",
        Command::StageChunk(_) => "stage_chunk",
        Command::AddTickets(_) => "add_tickets",
        Command::DropUpload(_) => "drop_upload",
        Command::Publish(_) => "publish",
        Command::TurnSale(_) => "turn_sale",
        Command::CancelEvent(_) => "cancel_event",
        Command::CancelStep(_) => "cancel_step",
        Command::Withdraw(_) => "withdraw",
        Command::Reserve(_) => "reserve",
        Command::Release(_) => "release",
        Command::Expire(_) => "expire",
        Command::Forget(_) => "forget",
        Command::BeginCheckout(_) => "begin_checkout",
        Command::OpenCheckout(_) => "open_checkout",
        Command::SettlePayment(_) => "settle_payment",
        Command::Refund(_) => "refund",
        Command::OutboxAnswered(_) => "outbox_answered",
        Command::SetCreationWindow(_) => "set_creation_window",
        Command::Sandbox(_) => "sandbox",
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

fn gauges(
    registry: &Registry,
    of: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let metric = IntGaugeVec::new(Opts::new(name(of), help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// Counters that aren't whole numbers.
fn sums(
    registry: &Registry,
    of: &str,
    help: &str,
    labels: &[&str],
) -> Result<CounterVec, prometheus::Error> {
    let metric = CounterVec::new(Opts::new(name(of), help), labels)?;
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
