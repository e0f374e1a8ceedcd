//! Keys of the store, byte-identical on every backend.
//!
//! One flat space in byte order; integers big-endian; the first byte names the kind.
//!
//! | first byte | rest | value |
//! |---|---|---|
//! | `e` | event | [`crate::EventRecord`] |
//! | `l` | upload, chunk u32 | [`crate::LayoutChunk`] |
//! | `k` | event | key: where the next step of cancelling begins |
//! | `u` | upload | event: what a staged upload is for |
//! | `t` | event, ticket u32 | [`crate::state::TicketRecord`]; absent means free |
//! | `r` | reservation | [`crate::ReservationRecord`] |
//! | `x` | event, reservation | empty: an event's reservations |
//! | `i` | event, key | [`crate::state::IdempotencyRecord`] |
//! | `p` | provider, 0, payment | [`crate::PaymentRecord`] |
//! | `o` | outbox id | [`crate::OutboxRecord`] |
//! | `d` | shard u8, time u64, kind u8, id | empty: the due index |
//! | `c` | event, state u8 | i64 little-endian, by atomic add: counts for show |
//! | `v` | event | the rev of the last commit that touched it, written blind |
//! | `a` | starts_at u64, event | empty: published events by date |
//! | `h` | hour u64 | i64 little-endian, by atomic add: tickets bought in that hour |
//! | `s` | session | the sandbox provider's own records |
//! | `m` | name | the store's own: epoch, low-water mark, batch markers |
//! | `z` | position | [`crate::LogRecord`]; only the store writes it |

use crate::{
    EventId, OutboxId, PaymentId, ReservationId, TicketId, TicketState, Timestamp, UploadId,
};

/// A key of the store.
pub type Key = Vec<u8>;

/// The first byte of every key of the log, which rules may not read.
pub const LOG: u8 = b'z';

/// The embedded store's count of commits, u64 big-endian.
pub const SEQUENCE: &[u8] = b"msequence";

/// The store's epoch, u32 big-endian; every batch reads it serializably.
pub const EPOCH: &[u8] = b"mepoch";

/// The rev at which the present epoch was begun, if it isn't the first.
pub const EPOCH_BEGAN: &[u8] = b"mbegan";

/// The creation window; absent means always.
pub const CREATION_WINDOW: &[u8] = b"mwindow";

/// The position before which the log has been trimmed, ten bytes.
pub const LOW_WATER: &[u8] = b"mlow";

/// An event's record.
pub fn event(event: EventId) -> Key {
    join(b'e', &[&event.to_bytes()])
}

/// Every event's record.
pub fn events() -> Range {
    Range::prefix(b"e")
}

/// One chunk of an uploaded layout.
pub fn chunk(upload: UploadId, number: u32) -> Key {
    join(b'l', &[&upload.0, &number.to_be_bytes()])
}

/// All chunks of an upload.
pub fn chunks(upload: UploadId) -> Range {
    Range::prefix(&join(b'l', &[&upload.0]))
}

/// The event that a staged upload is for.
pub fn upload_event(upload: UploadId) -> Key {
    join(b'u', &[&upload.0])
}

/// How far the steps of cancelling an event have come: the first key among
/// [`event_reservations`] that the next one looks at.
pub fn cancel_cursor(event: EventId) -> Key {
    join(b'k', &[&event.to_bytes()])
}

/// One ticket's record; absent means free.
pub fn ticket(event: EventId, ticket: TicketId) -> Key {
    join(b't', &[&event.to_bytes(), &ticket.0.to_be_bytes()])
}

/// All tickets of an event that aren't free.
pub fn tickets(event: EventId) -> Range {
    Range::prefix(&join(b't', &[&event.to_bytes()]))
}

/// The ticket that a key made by [`ticket`] names.
pub fn ticket_of(key: &[u8]) -> Option<TicketId> {
    let [b't', rest @ ..] = key else { return None };
    let number: [u8; 4] = rest.get(16..)?.try_into().ok()?;
    Some(TicketId(u32::from_be_bytes(number)))
}

/// A reservation's record.
pub fn reservation(reservation: ReservationId) -> Key {
    join(b'r', &[&reservation.to_bytes()])
}

/// Every reservation's record.
pub fn reservations() -> Range {
    Range::prefix(b"r")
}

/// The entry of a reservation among its event's.
pub fn event_reservation(event: EventId, reservation: ReservationId) -> Key {
    join(b'x', &[&event.to_bytes(), &reservation.to_bytes()])
}

/// The entries of all reservations of an event.
pub fn event_reservations(event: EventId) -> Range {
    Range::prefix(&join(b'x', &[&event.to_bytes()]))
}

/// The reservation that a key made by [`event_reservation`] names.
pub fn reservation_of(key: &[u8]) -> Option<ReservationId> {
    let [b'x', rest @ ..] = key else { return None };
    rest.get(16..)?
        .try_into()
        .ok()
        .map(ReservationId::from_bytes)
}

/// What an idempotency key of an event remembers.
pub fn idempotency(event: EventId, key: &str) -> Key {
    join(b'i', &[&event.to_bytes(), key.as_bytes()])
}

/// What became of a payment.
pub fn payment(provider: &str, payment: &PaymentId) -> Key {
    join(b'p', &[provider.as_bytes(), &[0], payment.0.as_bytes()])
}

/// Every payment.
pub fn payments() -> Range {
    Range::prefix(b"p")
}

/// A call that must be made.
pub fn outbox(id: OutboxId) -> Key {
    join(b'o', &[&id.0])
}

/// Every call that must be made.
pub fn outboxes() -> Range {
    Range::prefix(b"o")
}

/// An entry of the due index. The shard comes from the id's last byte, so that one busy
/// moment doesn't land in one place.
pub fn due(at: Timestamp, due: Due) -> Key {
    let (kind, id) = due.to_parts();
    join(
        b'd',
        &[&[due.shard()], &at.to_key().to_be_bytes(), &[kind], &id],
    )
}

/// The entries of one shard of the due index with a time in `from..until`.
pub fn due_between(shard: u8, from: Timestamp, until: Timestamp) -> Range {
    Range {
        start: join(b'd', &[&[shard], &from.to_key().to_be_bytes()]),
        end: join(b'd', &[&[shard], &until.to_key().to_be_bytes()]),
    }
}

/// Every entry of the due index.
pub fn all_due() -> Range {
    Range::prefix(b"d")
}

/// What a key made by [`due`] says.
pub fn due_of(key: &[u8]) -> Option<(Timestamp, Due)> {
    let [b'd', _shard, rest @ ..] = key else {
        return None;
    };
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (&kind, id) = rest.split_first()?;
    let due = Due::from_parts(kind, id.try_into().ok()?)?;
    Some((Timestamp::from_key(u64::from_be_bytes(*at)), due))
}

/// Something that must happen at a time, on whichever core sees it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Due {
    /// A reservation's time runs out.
    Expire(ReservationId),
    /// An event's sale opens or closes.
    TurnSale(EventId),
    /// A put-off publishing.
    Publish(EventId),
    /// The next step of cancelling an event.
    CancelStep(EventId),
    /// A call to a provider.
    Outbox(OutboxId),
    /// An ended reservation and its idempotency key can be forgotten.
    Forget(ReservationId),
    /// An upload that no event took up can be dropped.
    DropUpload(UploadId),
    /// The sandbox provider has a webhook to deliver; the id is its session's.
    Sandbox([u8; 16]),
}

impl Due {
    fn to_parts(self) -> (u8, [u8; 16]) {
        match self {
            Self::Expire(id) => (0, id.to_bytes()),
            Self::TurnSale(id) => (1, id.to_bytes()),
            Self::Publish(id) => (2, id.to_bytes()),
            Self::CancelStep(id) => (3, id.to_bytes()),
            Self::Outbox(id) => (4, id.0),
            Self::Forget(id) => (5, id.to_bytes()),
            Self::DropUpload(id) => (6, id.0),
            Self::Sandbox(id) => (7, id),
        }
    }

    fn from_parts(kind: u8, id: [u8; 16]) -> Option<Self> {
        Some(match kind {
            0 => Self::Expire(ReservationId::from_bytes(id)),
            1 => Self::TurnSale(EventId::from_bytes(id)),
            2 => Self::Publish(EventId::from_bytes(id)),
            3 => Self::CancelStep(EventId::from_bytes(id)),
            4 => Self::Outbox(OutboxId(id)),
            5 => Self::Forget(ReservationId::from_bytes(id)),
            6 => Self::DropUpload(UploadId(id)),
            7 => Self::Sandbox(id),
            _ => return None,
        })
    }

    fn shard(self) -> u8 {
        let (_, id) = self.to_parts();
        id[15] % crate::limits::DUE_SHARDS
    }
}

/// A counter of an event's tickets in one state.
pub fn counter(event: EventId, state: TicketState) -> Key {
    join(b'c', &[&event.to_bytes(), &[state as u8]])
}

/// The counters of an event.
pub fn counters(event: EventId) -> Range {
    Range::prefix(&join(b'c', &[&event.to_bytes()]))
}

/// How many tickets were bought in an hour since 1970, by atomic add.
pub fn purchases(hour: u64) -> Key {
    join(b'h', &[&hour.to_be_bytes()])
}

/// The purchases of the hours from one on.
pub fn purchases_from(hour: u64) -> Range {
    Range {
        start: purchases(hour),
        ..Range::prefix(b"h")
    }
}

/// The hour that a key made by [`purchases`] names.
pub fn purchase_hour_of(key: &[u8]) -> Option<u64> {
    let [b'h', rest @ ..] = key else { return None };
    rest.try_into().ok().map(u64::from_be_bytes)
}

/// The rev of the last commit that touched an event. Beginning an epoch touches every
/// event, without a write to each: a rev of an older epoch stands for [`EPOCH_BEGAN`].
pub fn event_rev(event: EventId) -> Key {
    join(b'v', &[&event.to_bytes()])
}

/// A published event's place in the order of dates.
pub fn by_date(starts_at: Timestamp, event: EventId) -> Key {
    join(
        b'a',
        &[&starts_at.to_key().to_be_bytes(), &event.to_bytes()],
    )
}

/// All published events, soonest first.
pub fn all_by_date() -> Range {
    Range::prefix(b"a")
}

/// The event that a key made by [`by_date`] names.
pub fn dated_event_of(key: &[u8]) -> Option<EventId> {
    let [b'a', rest @ ..] = key else { return None };
    rest.get(8..)?.try_into().ok().map(EventId::from_bytes)
}

/// A record of the sandbox provider.
pub fn sandbox(session: &[u8]) -> Key {
    join(b's', &[session])
}

/// The marker of the last batch that a lane of a core committed.
pub fn marker(core: [u8; 16], lane: u8) -> Key {
    join(b'm', &[b"lane", &core, &[lane]])
}

/// A record of the log.
pub fn log(position: crate::Position) -> Key {
    join(LOG, &[&position.0])
}

/// The position that a key made by [`log`] names.
pub fn position_of(key: &[u8]) -> Option<crate::Position> {
    let [LOG, rest @ ..] = key else { return None };
    rest.try_into().ok().map(crate::Position)
}

fn join(kind: u8, parts: &[&[u8]]) -> Key {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(kind);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Keys from `start` up to but without `end`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// The first key.
    pub start: Key,
    /// The first key beyond.
    pub end: Key,
}

impl Range {
    /// Every key that begins with a prefix whose last byte isn't 255.
    pub fn prefix(prefix: &[u8]) -> Self {
        let start = prefix.to_vec();
        let mut end = start.clone();
        while end.last() == Some(&u8::MAX) {
            end.pop();
        }
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Self { start, end }
    }

    /// The part of the range behind a key.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> Self {
        let mut next = key.to_vec();
        next.push(0);
        self.start = self.start.max(next);
        self
    }

    /// Whether a key lies in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && key < self.end.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_entry_reads_back_and_sorts_by_time() {
        let id = ReservationId::from_bytes([9; 16]);
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(1_000));
        for due in [
            Due::Expire(id),
            Due::TurnSale(EventId::from_bytes([9; 16])),
            Due::Outbox(OutboxId([9; 16])),
            Due::Sandbox([9; 16]),
        ] {
            assert_eq!(due_of(&super::due(early, due)), Some((early, due)));
            assert!(super::due(early, due) < super::due(late, due));
            let range = due_between(9, early, late);
            assert!(range.contains(&super::due(early, due)));
            assert!(!range.contains(&super::due(late, due)));
        }
    }

    #[test]
    fn a_prefix_holds_its_keys_and_no_other() {
        let one = EventId::from_bytes([255; 16]);
        let range = tickets(one);
        assert!(range.contains(&ticket(one, TicketId(0))));
        assert!(range.contains(&ticket(one, TicketId(u32::MAX))));
        assert!(!range.contains(&event(one)));
        assert_eq!(ticket_of(&ticket(one, TicketId(7))), Some(TicketId(7)));
    }
}
