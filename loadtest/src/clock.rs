//! The one place where the load tester reads the wall clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parterre_domain::Timestamp;

/// Pairs of readings that are taken to find one that nothing came between.
const READINGS: usize = 9;

/// The time of this machine. Comparable with a server's only on the same machine.
pub fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX))
}

/// An instant as every process of this machine understands it: since 1970.
pub(crate) fn shared(instant: Instant) -> Duration {
    let (here, there) = both();
    match instant.checked_duration_since(here) {
        Some(ahead) => there + ahead,
        None => there.saturating_sub(here - instant),
    }
}

/// The instant that another process of this machine means; good to some microseconds.
pub(crate) fn here(shared: Duration) -> Instant {
    let (here, there) = both();
    match shared.checked_sub(there) {
        Some(ahead) => here + ahead,
        None => here.checked_sub(there - shared).unwrap_or(here),
    }
}

/// The same moment by both clocks, as closely as they can be read.
fn both() -> (Instant, Duration) {
    let read = || {
        let before = Instant::now();
        let there = since_1970();
        let took = before.elapsed();
        (took, before + took / 2, there)
    };
    let closest = (1..READINGS).fold(read(), |best, _| {
        let next = read();
        if next.0 < best.0 { next } else { best }
    });
    (closest.1, closest.2)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the load tester's one reading of the clock"
)]
fn since_1970() -> Duration {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_mean_the_same_instant() {
        let now = Instant::now();
        for instant in [
            now + Duration::from_secs(60),
            now,
            now - Duration::from_millis(50),
        ] {
            let again = here(shared(instant));
            let off = again.max(instant) - again.min(instant);
            assert!(off < Duration::from_millis(1), "{off:?}");
        }
    }
}
