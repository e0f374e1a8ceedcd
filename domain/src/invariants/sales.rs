//! That the sales by hour and tier are those of the paid reservations.

use std::collections::BTreeMap;

use super::Invariant;
use super::audit::Audit;
use crate::window::hour_of;
use crate::{EventId, ReservationRecord, ReservationState};

impl Audit<'_> {
    pub(super) fn sales_match(&mut self) {
        let mut sold: BTreeMap<(EventId, u64, u16), i64> = BTreeMap::new();
        let mut paid: BTreeMap<EventId, i64> = BTreeMap::new();
        for (reservation, hour) in self.bought() {
            *paid.entry(reservation.event).or_default() += reservation.total.0;
            for ticket in &reservation.tickets {
                let of = (reservation.event, hour, ticket.tier);
                *sold.entry(of).or_default() += 1;
            }
        }
        let mut found = Vec::new();
        let kept = &self.store.sales;
        let rows = sold
            .keys()
            .chain(kept.keys().filter(|&of| !sold.contains_key(of)));
        for of in rows {
            let tickets = |sales: &BTreeMap<_, i64>| sales.get(of).copied().unwrap_or(0);
            let (sold, kept) = (tickets(&sold), tickets(kept));
            if sold != kept {
                let (event, hour, tier) = of;
                found.push(format!(
                    "event {event} has sold {sold} tickets of tier {tier} in hour {hour}, \
                     counted as {kept}"
                ));
            }
        }
        for event in self.store.events.keys() {
            let (paid, counted) = (paid.get(event).copied().unwrap_or(0), self.revenue(*event));
            if paid != counted {
                found.push(format!(
                    "event {event} was paid {paid} for its tickets, counted as {counted}"
                ));
            }
        }
        for what in found {
            self.breach(Invariant::SalesMatchTickets, what);
        }
    }

    /// Paid reservations, each with the hour in which it was paid.
    fn bought(&self) -> Vec<(&ReservationRecord, u64)> {
        let payments: BTreeMap<_, _> = (self.store.payments.iter())
            .map(|payment| ((payment.reservation, &payment.id), payment.at))
            .collect();
        let reservations = self.store.reservations.values();
        let paid = reservations.filter(|one| one.state == ReservationState::Paid);
        paid.filter_map(|one| {
            let payment = one.payment.as_ref()?;
            // One without a payment is a breach of its own.
            let at = payments.get(&(one.id, payment))?;
            Some((one, hour_of(*at)))
        })
        .collect()
    }

    /// What the counted tickets cost.
    fn revenue(&self, event: EventId) -> i64 {
        let Some(record) = self.store.events.get(&event) else {
            return 0;
        };
        let own = (event, 0, 0)..=(event, u64::MAX, u16::MAX);
        let sales = self.store.sales.range(own);
        let prices = sales.map(|(&(_, _, tier), tickets)| {
            let tier = record.tiers.get(usize::from(tier));
            tier.map_or(0, |tier| tier.price.0) * tickets
        });
        prices.sum()
    }
}
