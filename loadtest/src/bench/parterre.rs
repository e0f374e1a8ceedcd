//! Parterre as it is measured.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parterre_domain::wire::api::TicketsUpload;
use parterre_domain::wire::live::{FromClient, JSON};
use parterre_domain::{EventId, limits};
use tokio::task::JoinSet;

use super::program::{LOOK, Launch, Program, free_address};
use super::stage::Stage;
use crate::args::read_token;
use crate::numbers::locked;
use crate::raw::Door;
use crate::smoke::{about, upload};
use crate::wire::{Admin, Call, Client, Failure, Origin, Shop};

/// How long reservations hold: longer than anything here lasts, so that nothing expires
/// while something else is measured.
const HOLD_SECONDS: u32 = 86_400;
/// How long the edge may take to show what was published.
const SHOWN: Duration = Duration::from_secs(60);

/// A running `parterre standalone`.
pub(crate) struct Parterre {
    program: Program,
    pub(crate) edge: SocketAddr,
    core: Origin,
    ops: Origin,
    token: String,
    events: usize,
}

impl Parterre {
    /// Starts it over a new store, on some cores; it has as many shards as they are.
    ///
    /// # Errors
    ///
    /// When it doesn't become ready.
    pub(crate) async fn start(stage: &Stage, cores: &str) -> Result<Self, Failure> {
        let folder = stage.folder("parterre")?;
        let data = folder.join("data");
        let (edge, core, ops) = (free_address()?, free_address()?, free_address()?);
        let arguments =
            format!("standalone --listen {edge} --core-listen {core} --ops-listen {ops} --data");
        let mut arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        arguments.push(data.display().to_string());
        let launch = Launch {
            name: "parterre",
            program: &stage.parterre,
            arguments,
            cores,
            account: None,
            // What it sold isn't kept.
            stop: "KILL",
            folder: &folder,
        };
        let mut program = launch.start()?;
        let ops = Origin::from(ops);
        program.until(async || is_ready(&ops).await).await?;
        Ok(Self {
            program,
            edge,
            core: core.into(),
            ops,
            token: read_token(&data.join("admin-token")).map_err(Failure::Odd)?,
            events: 0,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Puts an event on sale and waits until the edge shows it.
    ///
    /// # Errors
    ///
    /// When a call fails, or the edge doesn't show it.
    pub(crate) async fn publish(&mut self, tickets: u32) -> Result<EventId, Failure> {
        self.events += 1;
        let mut admin = Admin::new(self.core.clone(), self.token.clone());
        let about = about(self.events, 0, HOLD_SECONDS)?;
        let event = admin.publish(&about, &upload(tickets)).await?.summary.id;
        self.shows(&mut Shop::new(self.edge.into()), event).await?;
        Ok(event)
    }

    /// Puts many events on sale, as many at once as a core takes, and waits until the edge
    /// shows all of them.
    ///
    /// # Errors
    ///
    /// As for [`Self::publish`].
    pub(crate) async fn publish_all(
        &mut self,
        events: usize,
        tickets: u32,
    ) -> Result<Vec<EventId>, Failure> {
        let upload = Arc::new(upload(tickets));
        let left = Arc::new(Mutex::new(self.events + 1..=self.events + events));
        self.events += events;
        let mut publishers = JoinSet::new();
        for _ in 0..limits::UPLOADS_AT_ONCE {
            let admin = Admin::new(self.core.clone(), self.token.clone());
            publishers.spawn(publishes(admin, Arc::clone(&left), Arc::clone(&upload)));
        }
        let mut all = Vec::with_capacity(events);
        while let Some(published) = publishers.join_next().await {
            all.extend(published??);
        }
        let mut shop = Shop::new(self.edge.into());
        for event in &all {
            self.shows(&mut shop, *event).await?;
        }
        Ok(all)
    }

    /// Waits until the edge shows an event.
    async fn shows(&self, shop: &mut Shop, event: EventId) -> Result<(), Failure> {
        let began = Instant::now();
        while shop.availability(event).await?.is_err() {
            if began.elapsed() > SHOWN {
                let what = format!("the edge doesn't show {event}, which is published");
                return Err(Failure::Odd(what));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Where screens come in that watch an event.
    ///
    /// # Errors
    ///
    /// When what they say can't be written.
    pub(crate) fn door(&self, event: EventId) -> Result<Door, Failure> {
        let subscribe = FromClient::Subscribe { event, since: None };
        let says = serde_json::to_string(&subscribe);
        let says = says.map_err(|error| Failure::Odd(error.to_string()))?;
        Ok(Door {
            subprotocol: Some(JSON),
            says: Some(says),
            ..door(self.edge, "/v1/live")
        })
    }

    /// How many commands its core has taken.
    ///
    /// # Errors
    ///
    /// When it doesn't say.
    pub(crate) async fn commands(&self) -> Result<f64, Failure> {
        let call = Call::get("/metrics");
        let answer = Client::new(self.ops.clone()).send(&call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let own = text
            .lines()
            .filter_map(|line| line.strip_prefix("parterre_"));
        let counted = own.filter(|line| line.starts_with("core_commands_total"));
        let values = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }
}

/// Publishes events while there are numbers left for them.
async fn publishes(
    mut admin: Admin,
    left: Arc<Mutex<RangeInclusive<usize>>>,
    upload: Arc<TicketsUpload>,
) -> Result<Vec<EventId>, Failure> {
    let mut published = Vec::new();
    while let Some(number) = next(&left) {
        let about = about(number, 0, HOLD_SECONDS)?;
        published.push(admin.publish(&about, &upload).await?.summary.id);
    }
    Ok(published)
}

fn next(left: &Mutex<RangeInclusive<usize>>) -> Option<usize> {
    locked(left).next()
}

/// Each server's screens come from an address of their own, as the ports that others have
/// used aren't free at once.
pub(crate) fn door(address: SocketAddr, path: &str) -> Door {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    Door {
        address,
        path: path.to_owned(),
        subprotocol: None,
        says: None,
        source: Some(Ipv4Addr::new(127, 0, 1, number).into()),
    }
}

async fn is_ready(ops: &Origin) -> bool {
    let answer = Client::new(ops.clone()).send(&Call::get("/readyz")).await;
    answer.is_ok_and(|answer| answer.status.is_success())
}
