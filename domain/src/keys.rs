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
//! | `g` | event, hour u64, tier u16 | i64 little-endian, by atomic add: tickets bought in that hour and still sold |
//! | `h` | hour u64 | i64 little-endian, by atomic add: tickets bought in that hour |
//! | `s` | session | the sandbox provider's own records |
//! | `j` | 2⁶⁴ - 1 - time u64, id | [`crate::AuditRecord`]: the audit trail, newest first |
//! | `q` | reservation, time u64, what u8 | the rev of the commit, written blind: a reservation's timeline |
//! | `m` | name | the store's own: epoch, low-water mark, batch markers |
//! | `z` | position | [`crate::LogRecord`]; only the store writes it |

mod due;
mod range;

pub use due::Due;
pub use range::Range;

use crate::{
    EventId, Happening, OutboxId, PaymentId, ReservationId, TicketId, TicketState, Timestamp,
    UploadId,
};

/// A key of the store.
pub type Key = Vec<u8>;

/// The first byte of every key of the log, which rules may not read.
pub const LOG: u8 = b'z';

/// The embedded store's count of commits, u64 big-endian.
pub const SEQUENCE: &[u8] = b"msequence";

/// The position of the newest commit, ten bytes; only FoundationDB's store writes it, for
/// whoever waits for news.
pub const DOORBELL: &[u8] = b"mdoorbell";

/// The store's epoch, u32 big-endian; every batch reads it serializably.
pub const EPOCH: &[u8] = b"mepoch";

/// How far a copy into this store has come; absent in a store that is whole.
pub const COPY: &[u8] = b"mcopy";

/// The batch marker of commits to a store that no core has open.
pub const MAINTENANCE_MARKER: &[u8] = b"mmaintenance";

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

/// Something that happened to a reservation.
pub fn happening(reservation: ReservationId, at: Timestamp, what: Happening) -> Key {
    let at = at.to_key().to_be_bytes();
    join(b'q', &[&reservation.to_bytes(), &at, &[what as u8]])
}

/// All that happened to a reservation, in order.
pub fn timeline(reservation: ReservationId) -> Range {
    Range::prefix(&join(b'q', &[&reservation.to_bytes()]))
}

/// When what happened by a key made by [`happening`].
pub fn happening_of(key: &[u8]) -> Option<(Timestamp, Happening)> {
    let [b'q', rest @ ..] = key else { return None };
    let (at, what) = rest.get(16..)?.split_first_chunk::<8>()?;
    let &[what] = what else { return None };
    let at = Timestamp::from_key(u64::from_be_bytes(*at));
    Some((at, Happening::of(what)?))
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

/// How many tickets of a tier were bought in an hour since 1970 and are still sold.
pub fn sales(event: EventId, hour: u64, tier: u16) -> Key {
    join(
        b'g',
        &[&event.to_bytes(), &hour.to_be_bytes(), &tier.to_be_bytes()],
    )
}

/// The sales of an event, oldest first.
pub fn all_sales(event: EventId) -> Range {
    Range::prefix(&join(b'g', &[&event.to_bytes()]))
}

/// The event, the hour and the tier that a key made by [`sales`] names.
pub fn sales_of(key: &[u8]) -> Option<(EventId, u64, u16)> {
    let [b'g', rest @ ..] = key else { return None };
    let (event, rest) = rest.split_first_chunk::<16>()?;
    let (hour, tier) = rest.split_first_chunk::<8>()?;
    let tier = u16::from_be_bytes(tier.try_into().ok()?);
    let event = EventId::from_bytes(*event);
    Some((event, u64::from_be_bytes(*hour), tier))
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

/// An entry of the audit trail.
pub fn audit(at: Timestamp, id: [u8; 16]) -> Key {
    join(b'j', &[&audit_time(at), &id])
}

/// The whole audit trail, newest first.
pub fn audits() -> Range {
    Range::prefix(b"j")
}

/// The entries of the audit trail that were made at a time or before.
pub fn audits_until(at: Timestamp) -> Range {
    Range {
        start: join(b'j', &[&audit_time(at)]),
        ..audits()
    }
}

/// Later times are lower, so that reading forwards is reading the newest first.
fn audit_time(at: Timestamp) -> [u8; 8] {
    (u64::MAX - at.to_key()).to_be_bytes()
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
