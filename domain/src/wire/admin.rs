//! What only administrators see, as it stands in JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Reservation;
use crate::window::hour_start;
use crate::{AuditRecord, Counts, Currency, EventRecord, Happening, Money, Rev, Timestamp, limits};

/// What of an event is sold now, and what it brought. All figures are net: a refund,
/// cancellation included, takes its tickets out of the hour in which they were bought, so
/// that every hour says what of it is still sold, and the figures agree with each other.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Sales {
    /// The event's tickets by their states.
    pub counts: Counts,
    /// The prices of all sold tickets.
    pub revenue: Money,
    /// What `revenue` is in, here and below.
    pub currency: Currency,
    /// Every tier, in the event's order; the sums are `counts.sold` and `revenue`.
    pub by_tier: Vec<TierSales>,
    /// The hours in which tickets were bought that are still sold, oldest first: the
    /// last 10,000 such hours. What was bought before them is in `by_tier` alone.
    pub by_hour: Vec<HourSales>,
}

/// What of one tier is sold.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct TierSales {
    /// The tier's id.
    pub tier: String,
    /// Its name.
    pub name: String,
    /// How many tickets.
    pub sold: i64,
    /// Their prices.
    pub revenue: Money,
}

/// What was bought in one hour and is still sold.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct HourSales {
    /// When the hour begins, in UTC.
    pub hour: Timestamp,
    /// How many tickets.
    pub sold: i64,
    /// Their prices.
    pub revenue: Money,
}

/// A reservation as administrators see it.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct AdminReservation {
    #[serde(flatten)]
    #[expect(missing_docs, reason = "its type says it")]
    pub reservation: Reservation,
    /// What happened to it, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// Something that happened to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When, by the core's clock.
    pub at: Timestamp,
    /// In which commit: its rev under the epoch in which it was made, even if the store
    /// has begun another since.
    pub rev: Rev,
    /// What.
    pub what: Happening,
}

/// A page of the audit trail, newest first.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct AuditList {
    pub entries: Vec<AuditRecord>,
    pub next_cursor: Option<String>,
}

impl Sales {
    /// The sales of an event, given how many tickets of each tier were bought in each
    /// hour since 1970 and are still sold.
    pub fn new(record: &EventRecord, counts: Counts, rows: &[(u64, u16, i64)]) -> Self {
        let price = |tier: u16| {
            let tier = record.tiers.get(usize::from(tier));
            tier.map_or(0, |tier| tier.price.0)
        };
        let mut tiers = vec![0; record.tiers.len()];
        let mut hours: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
        for &(hour, tier, sold) in rows {
            if let Some(tier) = tiers.get_mut(usize::from(tier)) {
                *tier += sold;
            }
            let of_hour = hours.entry(hour).or_default();
            of_hour.0 += sold;
            of_hour.1 += sold * price(tier);
        }
        hours.retain(|_, &mut (sold, _)| sold != 0);
        let older = hours.len().saturating_sub(limits::SALES_HOURS);
        let by_hour = hours.into_iter().skip(older);
        let by_hour = by_hour.map(|(hour, (sold, revenue))| HourSales {
            hour: hour_start(hour),
            sold,
            revenue: Money(revenue),
        });
        let by_tier = record.tiers.iter().zip(tiers);
        let by_tier: Vec<TierSales> = by_tier
            .map(|(tier, sold)| TierSales {
                tier: tier.id.clone(),
                name: tier.name.clone(),
                sold,
                revenue: Money(sold * tier.price.0),
            })
            .collect();
        Self {
            counts,
            revenue: by_tier.iter().map(|tier| tier.revenue).sum(),
            currency: record.about.currency,
            by_tier,
            by_hour: by_hour.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::World;

    #[test]
    fn only_the_last_hours_are_listed_and_no_ticket_is_lost() {
        let record = World::on_sale(1).event();
        let many = limits::SALES_HOURS as u64 + 5;
        let rows: Vec<_> = (0..many).map(|hour| (hour, 0, 1)).collect();
        let sales = Sales::new(&record, Counts::all_free(1), &rows);
        assert_eq!(sales.by_hour.len(), limits::SALES_HOURS);
        assert_eq!(sales.by_hour[0].hour, hour_start(5));
        assert_eq!(u64::try_from(sales.by_tier[0].sold), Ok(many));
        let given_back = Sales::new(&record, Counts::all_free(1), &[(7, 0, 0)]);
        assert_eq!(given_back.by_hour, []);
    }
}
