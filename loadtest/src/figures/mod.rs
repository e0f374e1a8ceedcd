//! First figures of a running server: what a read costs, how fast it reserves, how soon a
//! change is on every screen, what an idle watcher weighs. Nothing here passes or fails:
//! a figure means something only beside another of the same run on the same machine.
//!
//! What is measured stays in the store: two events of the load tester's own.

mod nginx;
pub(crate) mod process;
mod reads;
mod reservations;
mod watching;

use std::fmt;
use std::time::Duration;

use parterre_domain::{About, EventId};

use crate::FiguresArgs;
use crate::args::read_token;
use crate::smoke::{about, upload};
use crate::wire::{Admin, Failure, Shop};

/// Tickets of the event that is read and watched: its availability is some 2 KiB.
const SMALL: u32 = 2_000;
/// Tickets of the event that is sold: enough for the fastest core in the time given.
const LARGE: u32 = 150_000;

/// Rows of a table: what was measured, and how much it is.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    command: String,
    rows: Vec<(String, String)>,
}

/// The server under measurement, with an event to read and one to sell.
struct Subject {
    args: FiguresArgs,
    small: EventId,
    large: EventId,
    lasts: Duration,
}

/// Measures a running server.
///
/// # Errors
///
/// When the server can't be reached or refuses the token, or its process isn't of this
/// machine.
pub async fn measure(args: &FiguresArgs) -> Result<Figures, Failure> {
    let subject = Subject::new(args).await?;
    let mut figures = Figures {
        command: format!(
            "parterre loadtest figures --edge {} --core {} --token-file {} --pid {} --seconds {} --watchers {} --idle {} --buyers {}",
            args.edge,
            args.core,
            args.token_file.display(),
            args.pid,
            args.seconds,
            args.watchers,
            args.idle,
            args.buyers
        ),
        rows: Vec::new(),
    };
    watching::memory(&subject, &mut figures).await?;
    reads::cost(&subject, &mut figures).await?;
    watching::latency(&subject, &mut figures).await?;
    reservations::rate(&subject, &mut figures).await?;
    Ok(figures)
}

impl Subject {
    async fn new(args: &FiguresArgs) -> Result<Self, Failure> {
        let token = read_token(&args.token_file).map_err(Failure::Odd)?;
        let mut admin = Admin::new(args.core.clone(), token);
        let mut event = async |number, tickets| {
            let about: About = about(number, 0, 600)?;
            let published = admin.publish(&about, &upload(tickets)).await?;
            Ok::<_, Failure>(published.summary.id)
        };
        let subject = Self {
            small: event(1, SMALL).await?,
            large: event(2, LARGE).await?,
            args: args.clone(),
            lasts: Duration::from_secs(args.seconds),
        };
        subject.is_shown().await?;
        Ok(subject)
    }

    /// Waits until the edge has both events.
    async fn is_shown(&self) -> Result<(), Failure> {
        let mut shop = Shop::new(self.args.edge.clone());
        for _ in 0..1_000 {
            let small = shop.availability(self.small).await?;
            let large = shop.availability(self.large).await?;
            if small.is_ok() && large.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(Failure::Odd(
            "the edge doesn't show the new events".to_owned(),
        ))
    }
}

impl Figures {
    fn add(&mut self, what: impl Into<String>, figure: impl fmt::Display) {
        self.rows.push((what.into(), figure.to_string()));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.command)?;
        for (what, figure) in &self.rows {
            writeln!(f, "{what:<58}{figure}")?;
        }
        Ok(())
    }
}
