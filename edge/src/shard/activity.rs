//! Which connections do nothing for too long.

use std::cell::Cell;
use std::time::Instant;

use parterre_domain::limits;

/// What a connection that speaks HTTP has done.
pub(super) struct Activity {
    /// When the connection was accepted or its last request answered.
    pub(super) last: Cell<Instant>,
    pub(super) is_answering: Cell<bool>,
    pub(super) has_asked: Cell<bool>,
    pub(super) is_long_lived: Cell<bool>,
}

impl Activity {
    /// A connection accepted at a time.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last: Cell::new(now),
            is_answering: Cell::new(false),
            has_asked: Cell::new(false),
            is_long_lived: Cell::new(false),
        }
    }

    /// Whether it has done nothing for too long. What comes between two requests is a
    /// request's head, so one that comes byte by byte is nothing too.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let patience = if self.has_asked.get() {
            limits::KEEP_ALIVE
        } else {
            limits::FIRST_REQUEST
        };
        let idle = now.saturating_duration_since(self.last.get());
        !self.is_answering.get() && !self.is_long_lived.get() && idle > patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_connection_is_idle_when_its_patience_is_over_and_nothing_is_under_way() {
        let start = Instant::now();
        let seconds = |n| start + Duration::from_secs(n);
        // (has asked, is answering, is long-lived, after seconds, is idle)
        let rows = [
            (false, false, false, 10, false),
            (false, false, false, 11, true),
            (false, true, false, 11, false),
            (true, false, false, 11, false),
            (true, false, false, 75, false),
            (true, false, false, 76, true),
            (true, true, false, 76, false),
            (true, false, true, 3_600, false),
        ];
        for (asked, answering, long_lived, after, idle) in rows {
            let activity = Activity::new(start);
            activity.has_asked.set(asked);
            activity.is_answering.set(answering);
            activity.is_long_lived.set(long_lived);
            let row = (asked, answering, long_lived, after);
            assert_eq!(activity.is_idle(seconds(after)), idle, "{row:?}");
        }
    }
}
