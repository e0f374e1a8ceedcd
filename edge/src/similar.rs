//! Which events resemble one: those of its category or in its city, near it in date, with
//! free tickets first.
//!
//! Among those that can still be attended, the order is: events with something free before
//! all others; then the nearest in date, where an event that shares both category and city
//! counts as half as far away; then by date. So a concert in another town next week comes
//! after one in this town the week after, and a sold-out one comes last.

use std::sync::Arc;

use parterre_domain::wire::api::EventStatus;
use parterre_domain::{EventId, Life, Timestamp, limits};

use crate::catalog::{Entry, Programme};

/// Smaller is more alike.
type Rank = (bool, u64, Timestamp, EventId);

/// The events that resemble one, the most alike first; none when it isn't known. Of the
/// programme, [`limits::SIMILAR_LOOKED_AT`] events on either side of its date are looked at.
pub fn similar(
    programme: &Programme,
    event: EventId,
    now: Timestamp,
    most: usize,
) -> Option<Vec<Arc<Entry>>> {
    let wanted = programme.get(event)?;
    let mut found: Vec<(Rank, &Arc<Entry>)> = programme
        .around(wanted, limits::SIMILAR_LOOKED_AT)
        .filter_map(|other| Some((rank(wanted, other, now)?, other)))
        .collect();
    // Ranks end with the id, so no two are equal.
    found.sort_unstable_by_key(|(rank, _)| *rank);
    let best = found.into_iter().take(most);
    Some(best.map(|(_, entry)| Arc::clone(entry)).collect())
}

/// How much an event resembles another; none when it doesn't, or can't be attended.
fn rank(wanted: &Entry, other: &Entry, now: Timestamp) -> Option<Rank> {
    let (record, starts_at) = (&other.record, other.record.about.starts_at);
    if record.id == wanted.record.id || record.life != Life::Published || starts_at < now {
        return None;
    }
    let (same_category, same_city) = wanted.keys.shares(&other.keys);
    let nearness = match (same_category, same_city) {
        (true, true) => 1,
        (true, false) | (false, true) => 2,
        (false, false) => return None,
    };
    let has_free = match EventStatus::of(record, &other.counts) {
        EventStatus::OnSale | EventStatus::Upcoming => other.counts.free > 0,
        EventStatus::Draft
        | EventStatus::Cancelled
        | EventStatus::Closed
        | EventStatus::SoldOut => false,
    };
    let apart = starts_at
        .as_millis()
        .abs_diff(wanted.record.about.starts_at.as_millis());
    let rank = (
        !has_free,
        apart.saturating_mul(nearness),
        starts_at,
        record.id,
    );
    Some(rank)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use parterre_domain::wire::feed::CatalogEntry;
    use parterre_domain::{Counts, Rev};

    /// (number, days from now, category, city, tickets free of 10, life)
    type Row = (u64, i64, &'static str, &'static str, u32, &'static str);

    fn id(number: u64) -> EventId {
        EventId::new(Timestamp::from_millis(1), number.into())
    }

    fn entry((number, days, category, city, free, life): Row) -> (Rev, CatalogEntry) {
        let text = format!(
            r#"{{"title": "T", "venue": "V", "city": {city:?}, "category": {category:?},
                "starts_at": "1970-01-01T00:00:00.000Z", "currency": "EUR"}}"#
        );
        let mut about: parterre_domain::About = serde_json::from_str(&text).unwrap();
        about.starts_at = Timestamp::from_millis(days * 86_400_000);
        let record = parterre_domain::EventRecord {
            id: id(number),
            about,
            life: match life {
                "cancelled" => Life::Cancelled,
                _ => Life::Published,
            },
            phase: match life {
                "closed" => parterre_domain::SalePhase::Closed,
                _ => parterre_domain::SalePhase::Open,
            },
            tiers: Vec::new(),
            uploads: Vec::new(),
            total: 10,
            created_at: Timestamp::from_millis(1),
            cancelling: false,
        };
        let counts = Counts {
            free,
            sold: 10 - free,
            ..Counts::all_free(10)
        };
        let entry = CatalogEntry {
            record,
            counts,
            rev: Rev::default(),
        };
        (Rev::default(), entry)
    }

    /// What resembles event 0, of ten days from now: music in Köln.
    fn check(what: &str, others: &[Row], expected: &[u64]) {
        let catalog = Catalog::default();
        let wanted = (0, 10, "music", "Köln", 5, "open");
        let rows = others.iter().copied().chain([wanted]);
        catalog.load(rows.map(entry).collect(), Rev::default());
        let programme = catalog.programme();
        let now = Timestamp::from_millis(0);
        let found = similar(&programme, id(0), now, 3).unwrap();
        let found: Vec<_> = found.iter().map(|entry| entry.record.id).collect();
        let expected: Vec<_> = expected.iter().map(|&number| id(number)).collect();
        assert_eq!(found, expected, "{what}");
    }

    #[test]
    fn events_of_the_same_kind_or_city_are_ranked_by_date_and_what_is_free() {
        check("nothing else", &[], &[]);
        check(
            "neither kind nor city",
            &[(1, 10, "film", "Bonn", 5, "open")],
            &[],
        );
        check(
            "kind or city, whatever the accents",
            &[
                (1, 12, "Music", "Bonn", 5, "open"),
                (2, 11, "film", "KOLN", 5, "open"),
            ],
            &[2, 1],
        );
        check(
            "both count as half as far",
            &[
                (1, 12, "music", "Bonn", 5, "open"),
                (2, 13, "music", "Köln", 5, "open"),
            ],
            &[2, 1],
        );
        check(
            "before and after alike, the sooner first",
            &[
                (1, 11, "music", "Köln", 5, "open"),
                (2, 9, "music", "Köln", 5, "open"),
            ],
            &[2, 1],
        );
        check(
            "free tickets first, however far",
            &[
                (1, 10, "music", "Köln", 0, "open"),
                (2, 40, "film", "Köln", 1, "open"),
            ],
            &[2, 1],
        );
        check(
            "a closed sale has nothing free",
            &[
                (1, 10, "music", "Köln", 9, "closed"),
                (2, 40, "film", "Köln", 1, "open"),
            ],
            &[2, 1],
        );
        check(
            "what is over or cancelled isn't shown",
            &[
                (1, -1, "music", "Köln", 5, "open"),
                (2, 10, "music", "Köln", 5, "cancelled"),
            ],
            &[],
        );
        check(
            "no more than asked for; equals by id",
            &[
                (4, 10, "music", "Köln", 5, "open"),
                (3, 10, "music", "Köln", 5, "open"),
                (2, 10, "music", "Köln", 5, "open"),
                (1, 10, "music", "Köln", 5, "open"),
            ],
            &[1, 2, 3],
        );
        check(
            "two empty cities aren't one city",
            &[(1, 10, "film", "", 5, "open")],
            &[],
        );
    }

    #[test]
    fn an_unknown_event_resembles_nothing() {
        let programme = Catalog::default().programme();
        assert!(similar(&programme, id(1), Timestamp::default(), 3).is_none());
    }
}
