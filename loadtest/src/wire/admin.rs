//! The calls of the admin API that the load tester and the stories make.

use http::Method;
use parterre_domain::wire::api::{
    Availability, EventDetail, EventList, EventSummary, Reservation, TicketsAdded, TicketsUpload,
};
use parterre_domain::{About, EventId};
use serde::{Deserialize, Serialize};

use super::reply::typed;
use super::{Answer, Broken, Call, Client, Failure, Origin, Reply};

/// An administrator's side of one core.
#[derive(Debug)]
pub struct Admin {
    client: Client,
    token: String,
}

/// A page of an event's reservations.
#[derive(Clone, Debug, Deserialize)]
pub struct ReservationList {
    /// Without their tokens.
    pub reservations: Vec<Reservation>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

impl Admin {
    /// An administrator at a core.
    pub fn new(core: Origin, token: impl Into<String>) -> Self {
        Self {
            client: Client::new(core),
            token: token.into(),
        }
    }

    /// Creates a draft, gives it its tickets and publishes it.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a refusal counts as one.
    pub async fn publish(
        &mut self,
        about: &About,
        upload: &TicketsUpload,
    ) -> Result<EventDetail, Failure> {
        let draft = self.create(about).await?;
        let id = draft.summary.id;
        let path = format!("/admin/v1/events/{id}/tickets");
        let added: TicketsAdded = self.post(path, upload, 200).await?;
        if added.total as usize != upload.tickets.len() {
            let (total, sent) = (added.total, upload.tickets.len());
            return Err(Failure::Odd(format!("{total} tickets of {sent} added")));
        }
        self.turn_public(id).await
    }

    /// Creates a draft.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a refusal counts as one.
    pub async fn create(&mut self, about: &About) -> Result<EventDetail, Failure> {
        self.post("/admin/v1/events".to_owned(), about, 201).await
    }

    /// Publishes a draft.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a refusal counts as one.
    pub async fn turn_public(&mut self, event: EventId) -> Result<EventDetail, Failure> {
        let path = format!("/admin/v1/events/{event}/publish?urgent=true");
        self.send(Call::new(Method::POST, path), 200).await
    }

    /// The first events of the store, drafts too; at most a hundred.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a refusal counts as one.
    pub async fn events(&mut self) -> Result<Vec<EventSummary>, Failure> {
        let call = Call::get("/admin/v1/events?limit=100");
        let list: EventList = self.send(call, 200).await?;
        Ok(list.events)
    }

    /// The states of an event's tickets as the store has them.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a refusal counts as one.
    pub async fn availability(&mut self, event: EventId) -> Result<Availability, Failure> {
        let path = format!("/admin/v1/events/{event}/availability");
        self.send(Call::get(path), 200).await
    }

    /// Every reservation that was ever made of an event.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a refusal counts as one.
    pub async fn reservations(&mut self, event: EventId) -> Result<Vec<Reservation>, Failure> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/admin/v1/events/{event}/reservations?limit=100{cursor}");
            let page: ReservationList = self.send(Call::get(path), 200).await?;
            all.extend(page.reservations);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// A call that has no name here, with a body.
    ///
    /// # Errors
    ///
    /// See [`Failure`]; a refusal counts as one.
    pub async fn post<T: serde::de::DeserializeOwned>(
        &mut self,
        path: String,
        body: &impl Serialize,
        expected: u16,
    ) -> Result<T, Failure> {
        self.send(Call::post(path, body), expected).await
    }

    /// A call that has no name here, with the administrator's token.
    ///
    /// # Errors
    ///
    /// When no whole answer came.
    pub async fn call(&mut self, call: Call) -> Result<Answer, Broken> {
        self.client.send(&call.bearer(&self.token)).await
    }

    async fn send<T: serde::de::DeserializeOwned>(
        &mut self,
        call: Call,
        expected: u16,
    ) -> Result<T, Failure> {
        let name = call.name();
        let reply: Reply<T> = typed(&self.call(call).await?, expected);
        reply?.map_err(|refused| {
            let problem = refused.problem;
            Failure::Odd(format!("{name}: {}: {}", problem.title, problem.detail))
        })
    }
}
