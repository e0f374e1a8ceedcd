//! A whole store, decoded: what an audit looks at.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::{Breach, Invariant};
use crate::keys::{self, Due, Key};
use crate::state::{Rows, TicketRecord, counter};
use crate::{
    AuditRecord, EventId, EventRecord, OutboxId, OutboxRecord, PaymentRecord, ReservationId,
    ReservationRecord, TicketId, Timestamp, UploadId,
};

#[derive(Default)]
pub(super) struct Store {
    pub(super) events: BTreeMap<EventId, EventRecord>,
    pub(super) tickets: BTreeMap<(EventId, TicketId), TicketRecord>,
    pub(super) reservations: BTreeMap<ReservationId, ReservationRecord>,
    pub(super) payments: Vec<PaymentRecord>,
    pub(super) outbox: BTreeMap<OutboxId, OutboxRecord>,
    pub(super) due: BTreeSet<(Due, Timestamp)>,
    pub(super) uploads: Vec<UploadId>,
    pub(super) counters: BTreeMap<Key, i64>,
    /// Tickets sold, by event, hour and tier; rows that came back to 0 are left out.
    pub(super) sales: BTreeMap<(EventId, u64, u16), i64>,
    /// The entries of reservations among their events', and of events among the dates.
    pub(super) indexes: BTreeSet<Key>,
}

impl Store {
    /// Reads every row; what can't be read is a breach of its own and left out.
    pub(super) fn read(rows: &Rows) -> (Self, Vec<Breach>) {
        let mut store = Self::default();
        let mut breaches = Vec::new();
        for (key, value) in &rows.0 {
            if let Err(what) = store.take(key, value) {
                let invariant = Invariant::RecordsAreReadable;
                breaches.push(Breach { invariant, what });
            }
        }
        (store, breaches)
    }

    fn take(&mut self, key: &Key, value: &[u8]) -> Result<(), String> {
        match key.first() {
            Some(b'e') => {
                let record: EventRecord = decode(key, value)?;
                self.events.insert(record.id, record);
            }
            Some(b't') => {
                let id = ticket_key(key).ok_or_else(|| unreadable(key, "not a ticket's key"))?;
                self.tickets.insert(id, decode(key, value)?);
            }
            Some(b'r') => {
                let record: ReservationRecord = decode(key, value)?;
                self.reservations.insert(record.id, record);
            }
            Some(b'p') => self.payments.push(decode(key, value)?),
            Some(b'o') => {
                let record: OutboxRecord = decode(key, value)?;
                self.outbox.insert(record.id, record);
            }
            Some(b'd') => {
                let (at, due) =
                    keys::due_of(key).ok_or_else(|| unreadable(key, "not a due entry"))?;
                self.due.insert((due, at));
            }
            Some(b'j') => drop(decode::<AuditRecord>(key, value)?),
            Some(b'u') => self.uploads.extend(upload_key(key)),
            Some(b'c') => drop(self.counters.insert(key.clone(), counter(value))),
            Some(b'g') => {
                let of = keys::sales_of(key).ok_or_else(|| unreadable(key, "not sales"))?;
                let tickets = Some(counter(value)).filter(|&tickets| tickets != 0);
                self.sales.extend(tickets.map(|tickets| (of, tickets)));
            }
            Some(b'x' | b'a') => drop(self.indexes.insert(key.clone())),
            _ => {}
        }
        Ok(())
    }

    /// The times at which something is due.
    pub(super) fn times_of(&self, due: Due) -> impl Iterator<Item = Timestamp> + '_ {
        let (first, last) = (Timestamp::from_key(0), Timestamp::from_key(u64::MAX));
        self.due
            .range((due, first)..=(due, last))
            .map(|&(_, at)| at)
    }
}

fn decode<T: DeserializeOwned>(key: &Key, value: &[u8]) -> Result<T, String> {
    crate::decode(value).map_err(|error| unreadable(key, &error.to_string()))
}

fn unreadable(key: &Key, why: &str) -> String {
    format!("{}: {why}", key.escape_ascii())
}

fn ticket_key(key: &[u8]) -> Option<(EventId, TicketId)> {
    let event: [u8; 16] = key.get(1..17)?.try_into().ok()?;
    Some((EventId::from_bytes(event), keys::ticket_of(key)?))
}

fn upload_key(key: &[u8]) -> Option<UploadId> {
    key.get(1..)?.try_into().ok().map(UploadId)
}
