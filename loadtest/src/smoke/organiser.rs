//! Puts events on sale, and another one whenever they run low.

use std::sync::Arc;
use std::time::Duration;

use parterre_domain::wire::api::TicketsUpload;
use parterre_domain::{About, Currency, EventId, Money, NewTicket, Tier};

use super::stage::Stage;
use crate::wire::{Admin, Failure, Shop};

/// Events of one run: fewer than one live connection may subscribe to.
const EVENTS: usize = 80;
/// Tickets in a row.
const ROW: u32 = 20;

/// The administrator of the run's events.
pub(super) struct Organiser {
    stage: Arc<Stage>,
    admin: Admin,
}

impl Organiser {
    pub(super) fn new(stage: Arc<Stage>) -> Self {
        let admin = Admin::new(stage.config.core.clone(), stage.config.token.clone());
        Self { stage, admin }
    }

    /// Publishes the first events.
    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        for _ in 0..self.stage.config.events {
            self.publish().await?;
        }
        Ok(())
    }

    /// Publishes another event whenever less than a quarter of the newest ones is free.
    pub(super) async fn run(mut self) {
        while self.stage.is_selling() {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let events = self.stage.events();
            if events.len() >= EVENTS || !self.runs_low(&events).await {
                continue;
            }
            // The core may be away; the next round tries again.
            if let Err(Failure::Odd(odd)) = self.publish().await {
                self.stage.numbers.disagrees(format!("publishing: {odd}"));
                return;
            }
        }
    }

    async fn runs_low(&mut self, events: &[EventId]) -> bool {
        let newest = events.iter().rev().take(self.stage.config.events);
        let (mut free, mut total) = (0, 0);
        for &event in newest {
            match self.admin.availability(event).await {
                Ok(availability) => {
                    free += availability.counts.free;
                    total += availability.counts.total;
                }
                Err(Failure::Broken(_)) => return false,
                Err(Failure::Odd(odd)) => {
                    self.stage.numbers.disagrees(odd);
                    return false;
                }
            }
        }
        free * 4 < total
    }

    async fn publish(&mut self) -> Result<(), Failure> {
        let config = &self.stage.config;
        let number = self.stage.events().len() + 1;
        let about = about(number, config.seed, config.hold_seconds)?;
        let upload = upload(config.tickets);
        let published = self.admin.publish(&about, &upload).await?;
        self.stage.numbers.count("events published");
        self.is_shown(published.summary.id).await;
        self.stage.publish(published.summary.id);
        Ok(())
    }

    /// Waits until every edge shows an event: each may be slightly late, and nobody is
    /// to be sent where it isn't known yet.
    async fn is_shown(&self, event: EventId) {
        for edge in &self.stage.config.edges {
            let mut shop = Shop::new(edge.clone());
            let mut patience = self.stage.patience();
            while !matches!(shop.event(event).await, Ok(Ok(_))) {
                if !patience.wait(None).await {
                    let what = format!("{edge} doesn't show {event}, which is published");
                    self.stage.numbers.disagrees(what);
                    break;
                }
            }
        }
    }
}

/// What there is to say of the run's `number`-th event.
pub(crate) fn about(number: usize, seed: u64, hold_seconds: u32) -> Result<About, Failure> {
    let currency: Currency = "EUR"
        .parse()
        .map_err(|error| Failure::Odd(format!("EUR: {error}")))?;
    let days = u64::try_from(30 + number).unwrap_or(30);
    Ok(About {
        title: format!("Smoke {seed} evening {number}"),
        category: ["concert", "comedy", "theatre"][number % 3].to_owned(),
        venue: "The Load House".to_owned(),
        city: ["Linz", "Graz"][number % 2].to_owned(),
        starts_at: crate::now() + Duration::from_secs(days * 86_400),
        sale_opens_at: None,
        sale_closes_at: None,
        currency,
        description: "Put on sale by the load tester.".to_owned(),
        image_url: None,
        max_tickets: 10,
        hold_seconds,
    })
}

/// Two sections, rows of twenty, the front rows dearer.
pub(crate) fn upload(tickets: u32) -> TicketsUpload {
    let tier = |id: &str, name: &str, price| Tier {
        id: id.to_owned(),
        name: name.to_owned(),
        price: Money(price),
    };
    let ticket = |at: u32| NewTicket {
        section: if at < tickets / 2 { "Left" } else { "Right" }.to_owned(),
        row: (at / ROW + 1).to_string(),
        seat: (at % ROW + 1).to_string(),
        tier: if at % (tickets / 2).max(1) < 5 * ROW {
            "front"
        } else {
            "back"
        }
        .to_owned(),
        x: None,
        y: None,
    };
    TicketsUpload {
        tiers: vec![tier("front", "Front", 9_000), tier("back", "Back", 4_500)],
        tickets: (0..tickets).map(ticket).collect(),
    }
}
