//! Somebody who looks around: lists, filters, follows an event, and checks that what is
//! shown holds together.

use std::sync::Arc;
use std::time::Duration;

use parterre_domain::wire::api::{
    Availability, EventDetail, EventList, EventStatus, EventSummary, LayoutBody, TicketList,
};
use parterre_domain::{Counts, EventId, Rev, States, TicketState};
use serde::de::DeserializeOwned;

use super::pages::{Page, Pages};
use super::stage::{Patience, Stage};
use crate::wire::{Broken, Client};

/// One browser.
pub(super) struct Browser {
    stage: Arc<Stage>,
    number: usize,
    random: fastrand::Rng,
    pages: Pages,
}

impl Browser {
    pub(super) fn new(stage: Arc<Stage>, number: usize) -> Self {
        let seed = stage.config.seed.wrapping_mul(15_485_863) ^ (number as u64 + 1) << 8;
        Self {
            pages: Pages::new(Client::new(stage.edge(number))),
            random: fastrand::Rng::with_seed(seed),
            stage,
            number,
        }
    }

    pub(super) async fn run(mut self) {
        let mut patience = self.stage.patience();
        while self.stage.is_selling() {
            match self.visit().await {
                Ok(()) => patience = self.stage.patience(),
                Err(broken) => {
                    self.stage.broke(&broken);
                    if !self.go_on(&mut patience, &broken).await {
                        return;
                    }
                }
            }
        }
    }

    async fn go_on(&self, patience: &mut Patience, broken: &Broken) -> bool {
        let goes_on = patience.wait(None).await;
        if !goes_on {
            self.disagrees(format!("gave up: {broken}"));
        }
        goes_on
    }

    /// One visit, from the list to the tickets of an event.
    async fn visit(&mut self) -> Result<(), Broken> {
        let Some((list, rev)) = self.list("limit=50").await? else {
            return Ok(());
        };
        let Some(seen) = self.any(&list.events).cloned() else {
            return Ok(());
        };
        self.filter(&seen, rev).await?;
        // Most visits end at the run's own events: there something happens.
        let event = if self.random.u8(..4) == 0 {
            seen.id
        } else {
            let own = self.stage.events();
            own[self.random.usize(..own.len())]
        };
        self.event(event).await
    }

    /// A list, and the feed's position that it shows.
    async fn list(&mut self, query: &str) -> Result<Option<(EventList, Rev)>, Broken> {
        let path = format!("/v1/events?{query}");
        let list: Option<(EventList, Page)> = self.read("list", &path).await?;
        let Some((list, page)) = list else {
            return Ok(None);
        };
        let dates: Vec<_> = list.events.iter().map(|event| event.starts_at).collect();
        if !dates.is_sorted() {
            self.disagrees(format!("{path} isn't in the order of dates"));
        }
        if list.events.len() > 50 {
            let count = list.events.len();
            self.disagrees(format!("{path}: {count} events, more than asked for"));
        }
        for event in &list.events {
            self.check_summary(event);
        }
        self.rest().await;
        Ok(page.rev.map(|rev| (list, rev)))
    }

    /// Filters by something that is known of an event since a position of the feed.
    async fn filter(&mut self, like: &EventSummary, known: Rev) -> Result<(), Broken> {
        let word = like.title.split_whitespace().next().unwrap_or_default();
        let (query, field) = match self.random.u8(..3) {
            0 => (format!("category={}", encoded(&like.category)), 0),
            1 => (format!("city={}", encoded(&like.city)), 1),
            _ => (format!("q={}", encoded(word)), 2),
        };
        let filtered = self.list(&format!("limit=50&{query}")).await?;
        let Some((list, rev)) = filtered else {
            return Ok(());
        };
        let strays = list.events.iter().filter(|event| match field {
            0 => event.category != like.category,
            1 => event.city != like.city,
            _ => false,
        });
        if let Some(stray) = strays.into_iter().next() {
            let id = stray.id;
            self.disagrees(format!("{query} lists {id}, which is of another"));
        }
        // A list may be a little older than another; and it leaves out what has begun.
        let must_be_there = list.next_cursor.is_none()
            && rev >= known
            && like.starts_at > crate::now() + Duration::from_secs(5);
        if must_be_there && !list.events.iter().any(|event| event.id == like.id) {
            let id = like.id;
            self.disagrees(format!("{query} doesn't list {id}, which it describes"));
        }
        Ok(())
    }

    /// Everything about one event.
    async fn event(&mut self, event: EventId) -> Result<(), Broken> {
        let path = format!("/v1/events/{event}");
        let Some((detail, page)) = self.read::<EventDetail>("event", &path).await? else {
            return Ok(());
        };
        if detail.summary.id != event || page.rev != Some(detail.rev) {
            let (id, rev) = (detail.summary.id, detail.rev);
            self.disagrees(format!("{path}: says {id} at {rev}, header {:?}", page.rev));
        }
        self.check_summary(&detail.summary);
        self.rest().await;
        let layout_path = format!("{path}/layout");
        let Some((layout, _)) = self.read::<LayoutBody>("layout", &layout_path).await? else {
            return Ok(());
        };
        self.check_layout(&layout, detail.summary.counts.total);
        self.rest().await;
        let states_path = format!("{path}/availability");
        for _ in 0..self.random.u8(1..4) {
            self.availability(&states_path, detail.summary.counts.total)
                .await?;
            self.rest().await;
        }
        self.tickets(&path).await?;
        for path in [&path, &layout_path, &states_path] {
            self.pages.reread(&self.stage, path).await?;
        }
        Ok(())
    }

    async fn availability(&mut self, path: &str, total: u32) -> Result<(), Broken> {
        let Some((shown, page)) = self.read::<Availability>("availability", path).await? else {
            return Ok(());
        };
        let counted = States::from_letters(&shown.states).map(|states| states.count());
        if counted != Some(shown.counts) || shown.counts.total != total {
            let told = shown.counts;
            self.disagrees(format!("{path}: says {told:?} and counts {counted:?}"));
        }
        if page.rev != Some(shown.rev) {
            let (rev, header) = (shown.rev, page.rev);
            self.disagrees(format!("{path}: rev {rev} in the body, {header:?} beside"));
        }
        Ok(())
    }

    async fn tickets(&mut self, event: &str) -> Result<(), Broken> {
        let state = TicketState::ALL[self.random.usize(..3)];
        let word = ["free", "pending", "sold", "withdrawn"][state as usize];
        let path = format!("{event}/tickets?state={word}&limit=40");
        let Some((list, _)) = self.read::<TicketList>("tickets", &path).await? else {
            return Ok(());
        };
        let ids: Vec<_> = list.tickets.iter().map(|ticket| ticket.id).collect();
        let right = list.tickets.iter().all(|ticket| ticket.state == state);
        if !right || !ids.is_sorted() || ids.len() > 40 {
            self.disagrees(format!("{path}: {ids:?}, or one of another state"));
        }
        if let Some(cursor) = list.next_cursor {
            let path = format!("{path}&cursor={}", encoded(&cursor));
            let next = self.read::<TicketList>("tickets", &path).await?;
            let first = next.and_then(|(next, _)| next.tickets.first().map(|ticket| ticket.id));
            if first.is_some_and(|first| Some(&first) <= ids.last()) {
                self.disagrees(format!("{path}: a page that repeats the one before"));
            }
        }
        Ok(())
    }

    async fn read<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        path: &str,
    ) -> Result<Option<(T, Page)>, Broken> {
        let Some(page) = self.pages.read(&self.stage, name, path).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&page.body) {
            Ok(body) => Ok(Some((body, page))),
            Err(error) => {
                self.disagrees(format!("{path}: {error}"));
                Ok(None)
            }
        }
    }

    fn check_summary(&self, event: &EventSummary) {
        let Counts {
            total,
            free,
            pending,
            sold,
        } = event.counts;
        let id = event.id;
        if free + pending + sold > total {
            self.disagrees(format!(
                "{id}: more tickets than there are: {:?}",
                event.counts
            ));
        }
        let sold_out = event.status == EventStatus::SoldOut;
        let on_sale = event.status == EventStatus::OnSale;
        if sold_out && free > 0 || on_sale && free == 0 {
            let status = event.status;
            self.disagrees(format!("{id}: {status:?} with {free} free"));
        }
    }

    fn check_layout(&self, layout: &LayoutBody, total: u32) {
        let tickets = &layout.tickets;
        let length = total as usize;
        let same = tickets.section.len() == length
            && tickets.row.len() == length
            && tickets.seat.len() == length
            && tickets.tier.len() == length
            && tickets.x.as_ref().is_none_or(|x| x.len() == length)
            && tickets.x.is_some() == tickets.y.is_some();
        let within = |index: &[u16], bound: usize| index.iter().all(|&at| usize::from(at) < bound);
        if !same
            || !within(&tickets.section, layout.sections.len())
            || !within(&tickets.tier, layout.tiers.len())
        {
            let id = layout.event;
            self.disagrees(format!("{id}: a layout whose columns don't fit {total}"));
        }
    }

    fn any<'a>(&mut self, events: &'a [EventSummary]) -> Option<&'a EventSummary> {
        (!events.is_empty()).then(|| &events[self.random.usize(..events.len())])
    }

    async fn rest(&mut self) {
        let mean = u64::try_from(self.stage.config.pause.as_micros()).unwrap_or(0);
        if mean > 0 {
            let micros = self.random.u64(0..mean * 2);
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
    }

    fn disagrees(&self, what: impl std::fmt::Display) {
        let said = format!("browser {}: {what}", self.number);
        self.stage.numbers.disagrees(said);
    }
}

/// A text within a query.
fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}
