//! The one place where the load tester reads the wall clock.

use parterre_domain::Timestamp;

/// The time of this machine. Comparable with a server's only on the same machine.
#[expect(
    clippy::disallowed_methods,
    reason = "the load tester's one reading of the clock"
)]
pub fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
