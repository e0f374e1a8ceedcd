//! Audits a whole store: every invariant, every ticket.

use std::collections::BTreeMap;
use std::fmt;

use parterre_domain::invariants::{self, Breach};
use parterre_domain::state::Rows;
use parterre_domain::wire::feed::decode_record;
use parterre_domain::{EventId, Position, TicketId, TicketState, Timestamp, keys, limits};

use crate::store::any::AnyStore;
use crate::store::{Failure, Snapshot, Store};

/// What an audit found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every breach of an invariant.
    pub breaches: Vec<Breach>,
    /// What is wrong with the log.
    pub log: Vec<String>,
    /// How many entries the store has.
    pub entries: usize,
    /// How many records the log has.
    pub records: usize,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.breaches.is_empty() && self.log.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.breaches
            .iter()
            .try_for_each(|breach| writeln!(f, "{breach}"))?;
        self.log
            .iter()
            .try_for_each(|what| writeln!(f, "log: {what}"))?;
        let found = self.breaches.len() + self.log.len();
        write!(
            f,
            "{} entries, {} log records, {found} breaches",
            self.entries, self.records
        )
    }
}

/// Audits a store at one version.
///
/// # Errors
///
/// When the store fails.
pub async fn check(store: &AnyStore) -> Result<Report, Failure> {
    let rows = rows(store).await?;
    let now = newest(&rows);
    let mut report = Report {
        breaches: invariants::breaches(&rows, now),
        entries: rows.0.len(),
        ..Report::default()
    };
    log(&rows, &mut report);
    Ok(report)
}

/// When the store was last written to, the last moment at which a core surely ran. A
/// reservation must end in time only while one does, and a store that is audited has none:
/// by the wall clock every store of a core that was stopped for a while would be in breach.
/// The drawback: what a core that ran on without a commit left overdue isn't found.
fn newest(rows: &Rows) -> Timestamp {
    let log = rows.0.range(vec![keys::LOG]..vec![keys::LOG + 1]);
    let records = log.rev().filter_map(|(_, value)| decode_record(value).ok());
    records.map(|record| record.at).next().unwrap_or_default()
}

/// Everything a store holds, at one version.
///
/// # Errors
///
/// When the store fails.
pub async fn rows(store: &AnyStore) -> Result<Rows, Failure> {
    let snapshot = store.snapshot().await?;
    let mut rows = Rows::default();
    let mut range = keys::Range {
        start: Vec::new(),
        end: vec![u8::MAX],
    };
    loop {
        let read = snapshot.range(&range, limits::ROWS_PER_READ).await?;
        let more = read.len() == limits::ROWS_PER_READ;
        if let Some((last, _)) = read.last() {
            range = range.after(last);
        }
        rows.0.extend(read);
        if !more {
            return Ok(rows);
        }
    }
}

/// The log of a store that counts its commits has no hole, and each ticket that it names is
/// last in the state that the ticket's record has.
fn log(rows: &Rows, report: &mut Report) {
    let low = rows
        .0
        .get(keys::LOW_WATER)
        .and_then(|value| value.as_slice().try_into().ok());
    let counted = rows.0.contains_key(keys::SEQUENCE);
    let mut before = low.map_or(Position::default(), Position).sequence();
    let mut last: BTreeMap<(EventId, TicketId), TicketState> = BTreeMap::new();
    for (key, value) in rows.range(&keys::Range::prefix(&[keys::LOG])) {
        let Some(position) = keys::position_of(key).map(Position::sequence) else {
            continue;
        };
        if counted && position != before + 1 {
            report
                .log
                .push(format!("record {} follows record {before}", position));
        }
        before = position;
        report.records += 1;
        match decode_record(value) {
            Ok(record) => {
                for change in record.events {
                    let states = change.tickets.into_iter();
                    last.extend(states.map(|(ticket, state)| ((change.event, ticket), state)));
                }
            }
            Err(error) => report
                .log
                .push(format!("record {position} can't be read: {error}")),
        }
    }
    for ((event, ticket), state) in last {
        let value = rows.0.get(&keys::ticket(event, ticket));
        let held: Option<parterre_domain::state::TicketRecord> =
            value.and_then(|value| parterre_domain::decode(value).ok());
        let now = parterre_domain::state::TicketRecord::state_of(held.as_ref());
        if now != state {
            report.log.push(format!(
                "ticket {ticket} of event {event} is {now:?}, but the log ends with {state:?}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use parterre_domain::state::TicketRecord;
    use parterre_domain::{EventChange, LogRecord};

    use super::*;

    const EVENT: EventId = EventId::from_number(1);
    const TICKET: TicketId = TicketId(3);

    /// A store whose log says of one ticket what these records say.
    fn rows(records: &[(u64, TicketState)]) -> Rows {
        let mut rows = Rows::default();
        rows.0.insert(keys::SEQUENCE.to_vec(), Vec::new());
        for (sequence, state) in records {
            let mut change = EventChange::new(EVENT);
            change.tickets.push((TICKET, *state));
            let record = LogRecord {
                at: Timestamp::from_millis(1),
                events: vec![change],
            };
            let key = keys::log(Position::from_sequence(*sequence));
            rows.0.insert(key, parterre_domain::encode(&record));
        }
        rows
    }

    #[test]
    fn a_log_with_a_hole_or_another_end_than_the_tickets_is_found_out() {
        let low = Position::from_sequence(6).0.to_vec();
        let withdrawn = parterre_domain::encode(&TicketRecord::Withdrawn);
        let (free, off) = (TicketState::Free, TicketState::Withdrawn);
        let cases = [
            ("whole", rows(&[(1, off), (2, free)]), 0),
            ("a hole", rows(&[(1, off), (3, free)]), 1),
            ("begins late", rows(&[(2, free)]), 1),
            ("another end", rows(&[(1, free), (2, off)]), 1),
            ("trimmed", rows(&[(7, free)]), 0),
            ("the ticket agrees", rows(&[(1, off)]), 0),
        ];
        for (name, mut rows, expected) in cases {
            match name {
                "trimmed" => drop(rows.0.insert(keys::LOW_WATER.to_vec(), low.clone())),
                "the ticket agrees" => {
                    let key = keys::ticket(EVENT, TICKET);
                    rows.0.insert(key, withdrawn.clone());
                }
                _ => {}
            }
            let mut report = Report::default();
            log(&rows, &mut report);
            assert_eq!(report.log.len(), expected, "{name}: {report}");
        }
        let mut report = Report::default();
        let mut rows = rows(&[]);
        rows.0
            .insert(keys::log(Position::from_sequence(1)), vec![1]);
        log(&rows, &mut report);
        assert!(!report.is_clean(), "a record that can't be read passes");
    }
}
