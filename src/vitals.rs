//! Every metric of the process itself, whatever its roles: its age, and what it takes of
//! the machine. Read from Linux's `/proc` when asked for; where that can't be, they stay
//! at zero.

use std::fs;

use prometheus::{Counter, Encoder, Gauge, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

/// Bytes in a page of `/proc/self/statm`: what Linux has on x86-64, and by default on
/// arm64.
const PAGE_BYTES: i64 = 4_096;
/// Clock ticks a second in `/proc/self/stat`: the kernel's `USER_HZ`, 100 everywhere.
const TICKS: f64 = 100.0;

/// The metrics of this process.
pub(crate) struct Vitals {
    registry: Registry,
    cpu_seconds: Counter,
    resident_bytes: IntGauge,
    open_files: IntGauge,
    open_files_limit: IntGauge,
}

impl Vitals {
    /// A process that begins now.
    ///
    /// # Errors
    ///
    /// When two metrics have one name, which any start shows.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(format!("parterre_process_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let started = Gauge::new(
            "parterre_process_start_time_seconds",
            "When the process began, in seconds since 1970",
        )?;
        registry.register(Box::new(started.clone()))?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 have far fewer than 52 bits"
        )]
        started.set(jiff::Timestamp::now().as_millisecond() as f64 / 1_000.0);
        let build = Opts::new(
            "parterre_build_info",
            "Always 1; the label says the version",
        );
        let build = IntGaugeVec::new(build, &["version"])?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let cpu_seconds = Counter::new(
            "parterre_process_cpu_seconds_total",
            "Time of processors that the process has used",
        )?;
        registry.register(Box::new(cpu_seconds.clone()))?;
        Ok(Self {
            resident_bytes: gauge("resident_bytes", "Memory that the process has resident")?,
            open_files: gauge("open_files", "Files and sockets that are open")?,
            open_files_limit: gauge(
                "open_files_limit",
                "Files and sockets that may be open; each client takes one",
            )?,
            cpu_seconds,
            registry,
        })
    }

    /// The metrics in Prometheus's text format, as of now.
    pub(crate) fn text(&self) -> String {
        if let Some(seconds) = cpu_seconds() {
            self.cpu_seconds
                .inc_by((seconds - self.cpu_seconds.get()).max(0.0));
        }
        for (gauge, value) in [
            (&self.resident_bytes, resident_bytes()),
            (&self.open_files, open_files()),
            (&self.open_files_limit, open_files_limit()),
        ] {
            gauge.set(value.unwrap_or(0));
        }
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => format!("# {error}\n"),
        }
    }
}

fn resident_bytes() -> Option<i64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = text.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(PAGE_BYTES)
}

fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may hold anything; user and system time are the 12th and
    // the 13th behind it.
    let (_, rest) = text.rsplit_once(')')?;
    let ticks = |at: usize| rest.split_whitespace().nth(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

fn open_files() -> Option<i64> {
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

fn open_files_limit() -> Option<i64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_knows_what_it_takes_of_the_machine() {
        let vitals = Vitals::new().unwrap();
        let text = vitals.text();
        assert!(vitals.resident_bytes.get() > 1 << 20, "{text}");
        assert!(vitals.open_files.get() > 2, "{text}");
        assert!(
            vitals.open_files_limit.get() >= vitals.open_files.get(),
            "{text}"
        );
        assert!(text.contains("parterre_build_info{version="), "{text}");
    }
}
