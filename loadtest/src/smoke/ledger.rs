//! What every buyer was told, in the order in which it was told.

use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use parterre_domain::{EventId, ReservationId, ReservationState, Rev, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::numbers::locked;

/// Entries kept; a run that writes more is longer than this tool is made for, and says so.
const ENTRIES_KEPT: usize = 10_000_000;

/// All buyers' entries.
#[derive(Debug)]
pub(crate) struct Ledger {
    started: Instant,
    entries: Mutex<Vec<Entry>>,
}

/// One thing that a buyer was told, or was about to ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Since the run began, by one clock for all buyers.
    #[serde(rename = "at_micros", with = "micros")]
    pub(super) at: Duration,
    pub(super) buyer: usize,
    #[serde(flatten)]
    pub(super) said: Said,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub(crate) enum Said {
    /// A 201.
    Reserved {
        reservation: ReservationId,
        event: EventId,
        tickets: Vec<TicketId>,
        token: String,
        rev: Rev,
        created_at: Timestamp,
        expires_at: Timestamp,
        /// When the request left that was answered so.
        #[serde(rename = "sent_micros", with = "micros")]
        sent: Duration,
    },
    /// A request to reserve that was never answered; `tickets` is empty for the best.
    Unknown {
        event: EventId,
        tickets: Vec<TicketId>,
        count: usize,
    },
    /// A refusal to reserve.
    Refused { event: EventId, slug: String },
    /// A release is about to be asked for.
    Releasing { reservation: ReservationId },
    /// A 204.
    Released { reservation: ReservationId },
    /// A checkout was answered, with this expiry.
    CheckedOut {
        reservation: ReservationId,
        expires_at: Timestamp,
    },
    /// A payment is about to be made.
    Paying {
        reservation: ReservationId,
        behave: Cow<'static, str>,
    },
    /// The payment provider took the money.
    Charged { reservation: ReservationId },
    /// The reservation was read.
    Seen {
        reservation: ReservationId,
        state: ReservationState,
        expires_at: Timestamp,
    },
}

/// A moment of the run as a number of microseconds.
mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        at: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(at.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}

impl Ledger {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            started,
            entries: Mutex::default(),
        }
    }

    /// Since the run began.
    pub(super) fn time_of(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.started)
    }

    /// Writes an entry; false when the ledger is full.
    pub(super) fn write(&self, buyer: usize, said: Said) -> bool {
        let mut entries = locked(&self.entries);
        let fits = entries.len() < ENTRIES_KEPT;
        if fits {
            // The clock is read under the lock, so that entries are in order.
            let at = self.started.elapsed();
            entries.push(Entry { at, buyer, said });
        }
        fits
    }

    /// Adds what the buyers of another process were told; false when the ledger is full.
    pub(crate) fn extend(&self, more: Vec<Entry>) -> bool {
        let mut entries = locked(&self.entries);
        let fits = entries.len() + more.len() <= ENTRIES_KEPT;
        if fits {
            entries.extend(more);
        }
        fits
    }

    /// Puts entries in order that came from several processes, by the clock they share.
    pub(crate) fn sort(&self) {
        locked(&self.entries).sort_by_key(|entry| entry.at);
    }

    /// All entries so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        locked(&self.entries).clone()
    }

    /// Writes all entries to a file, one JSON object a line.
    pub(super) fn save(&self, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(std::fs::File::create(path)?);
        for entry in locked(&self.entries).iter() {
            serde_json::to_writer(&mut file, entry)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    }
}
