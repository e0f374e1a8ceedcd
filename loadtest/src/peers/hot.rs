//! A server with one channel that everybody watches, and who changes it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parterre_domain::EventId;

use super::nginx::Nginx;
use crate::bench::{Floor, LOOK, Parterre, Stage, door};
use crate::numbers::locked;
use crate::raw::{Connection, Door, Frame, Screens, Seen, framed, post};
use crate::wire::Failure;

/// Tickets of the event: one is reserved at each change.
const TICKETS: u32 = 2_000;
/// How a change begins, in Parterre's own words, which the others are given to repeat.
const CHANGE: &[u8] = br#"{"op":"delta""#;
/// How long one screen may wait for a change.
const SAMPLED: Duration = Duration::from_secs(10);

/// Whether a frame brings a change.
pub(super) fn is_change(frame: &Frame<'_>) -> bool {
    frame.payload.starts_with(CHANGE)
}

/// A server, and where its screens come in.
pub(super) struct Hot {
    server: Server,
    pub(super) door: Door,
}

enum Server {
    Parterre {
        parterre: Box<Parterre>,
        buyer: Connection,
        event: EventId,
        next_ticket: u32,
    },
    Nchan {
        nginx: Nginx,
        publisher: Connection,
        message: Vec<u8>,
    },
    Floor {
        floor: Floor,
        frame: Vec<u8>,
    },
}

impl Hot {
    /// A hot event. A change is a reservation of one ticket.
    ///
    /// # Errors
    ///
    /// When Parterre doesn't start; so for the others here.
    pub(super) async fn parterre(stage: &Stage) -> Result<Self, Failure> {
        let mut parterre = Parterre::start(stage, crate::process::SERVER_CORE).await?;
        let event = parterre.publish(TICKETS).await?;
        Ok(Self {
            door: parterre.door(event)?,
            server: Server::Parterre {
                buyer: Connection::open(parterre.edge).await?,
                parterre: Box::new(parterre),
                event,
                next_ticket: 0,
            },
        })
    }

    /// A channel of nchan. A change is a message of these bytes.
    pub(super) async fn nchan(stage: &Stage, payload: &[u8]) -> Result<Self, Failure> {
        let nginx = Nginx::channel(stage).await?;
        let body = String::from_utf8_lossy(payload);
        let message = post(&nginx.address.to_string(), "/publish", &[], &body);
        Ok(Self {
            door: door(nginx.address, "/watch"),
            server: Server::Nchan {
                publisher: Connection::open(nginx.address).await?,
                nginx,
                message,
            },
        })
    }

    /// The bare loop. A change is a frame of these bytes.
    pub(super) async fn floor(
        stage: &Stage,
        watchers: usize,
        payload: &[u8],
    ) -> Result<Self, Failure> {
        let floor = Floor::of_deliveries(stage, watchers).await?;
        Ok(Self {
            door: door(floor.address, "/"),
            server: Server::Floor {
                floor,
                frame: framed(0x81, payload),
            },
        })
    }

    /// The process that sends.
    pub(super) fn pid(&self) -> u32 {
        match &self.server {
            Server::Parterre { parterre, .. } => parterre.id(),
            Server::Nchan { nginx, .. } => nginx.worker(),
            Server::Floor { floor, .. } => floor.id(),
        }
    }

    /// Whether what an idle screen costs it means anything.
    pub(super) fn is_weighed(&self) -> bool {
        match &self.server {
            Server::Parterre { .. } | Server::Nchan { .. } => true,
            Server::Floor { .. } => false,
        }
    }

    /// Whether it accepts a change once it is durable; others do once it is sent.
    pub(super) fn accepts_what_it_keeps(&self) -> bool {
        match &self.server {
            Server::Parterre { .. } => true,
            Server::Nchan { .. } | Server::Floor { .. } => false,
        }
    }

    /// Makes a change, and returns when the server has accepted it.
    ///
    /// # Errors
    ///
    /// When it doesn't.
    pub(super) async fn change(&mut self) -> Result<(), Failure> {
        match &mut self.server {
            Server::Parterre {
                parterre,
                buyer,
                event,
                next_ticket,
            } => {
                let path = format!("/v1/events/{event}/reservations");
                let body = format!(r#"{{"tickets":[{next_ticket}]}}"#);
                *next_ticket += 1;
                let wish = post(&parterre.edge.to_string(), &path, &[], &body);
                accepted(buyer, &wish).await
            }
            Server::Nchan {
                publisher, message, ..
            } => accepted(publisher, message).await,
            Server::Floor { floor, frame } => floor.sends(frame).await,
        }
    }

    /// What a screen is told of a change, as it is on the wire.
    ///
    /// # Errors
    ///
    /// When no screen is told of one.
    pub(super) async fn sample(&mut self) -> Result<Vec<u8>, Failure> {
        let told = Arc::new(Mutex::new((0, None)));
        let noted = Arc::clone(&told);
        let seen: Arc<Seen> = Arc::new(move |frame: Frame<'_>, _| {
            let mut noted = locked(&noted);
            noted.0 += 1;
            if is_change(&frame) {
                noted.1 = Some(frame.payload.to_vec());
            }
        });
        let screens = Screens::open(&self.door, 1, &seen).await?;
        let began = Instant::now();
        let mut has_changed = false;
        while began.elapsed() < SAMPLED {
            // Its snapshot tells that it watches.
            if locked(&told).0 > 0 && !has_changed {
                self.change().await?;
                has_changed = true;
            }
            if let Some(payload) = locked(&told).1.take() {
                drop(screens);
                return Ok(payload);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Failure::Odd("a screen isn't told of a change".to_owned()))
    }
}

async fn accepted(connection: &mut Connection, request: &[u8]) -> Result<(), Failure> {
    let answer = connection.call(request).await?;
    if matches!(answer.status, 201 | 202) {
        return Ok(());
    }
    let body = answer.body.escape_ascii();
    Err(Failure::Odd(format!(
        "{} for a change: {body}",
        answer.status
    )))
}
