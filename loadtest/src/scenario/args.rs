//! The command line of the scenarios.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use parterre_domain::EventId;

use super::arrivals::Rate;
use crate::args::ServerArgs;
use crate::wire::Origin;

/// The scenarios, and what belongs to them.
#[derive(Clone, Debug, Subcommand)]
pub enum Scenario {
    /// People look around: how fast are reads, and how many can there be?
    Browse(BrowseArgs),
    /// Many watch live: how soon is a change on every screen?
    Watch(WatchArgs),
    /// Thousands wait for a sale to open and want the front rows: who gets tickets when?
    #[command(name = "onsale")]
    OnSale(OnSaleArgs),
    /// A day in a minute: looks, live screens and purchases at once
    Mixed(MixedArgs),
    /// All live connections are cut and come back at once: how long does that take?
    Storm(StormArgs),
    /// A server that does nothing, to find this tool's own ceiling
    Null(NullArgs),
    /// One process of a crowd; started by the other scenarios
    #[command(hide = true)]
    Worker,
}

/// What every scenario is told.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Where to go.
    #[command(flatten)]
    pub server: ServerArgs,
    /// A process of the server on this machine, whose CPU time and memory are read; repeatable
    #[arg(long = "pid")]
    pub pids: Vec<u32>,
    /// Where a server's operators' listener is, whose /metrics are read; repeatable
    #[arg(long = "ops")]
    pub ops: Vec<Origin>,
    /// How long the load lasts
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
    /// Processes that the crowd is spread over; when absent, as many as its sockets need
    #[arg(long)]
    pub processes: Option<usize>,
    /// Where all randomness begins
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the whole report to this file, as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write the whole report to this file, as one HTML page with plots
    #[arg(long)]
    pub html: Option<PathBuf>,
}

/// The events that a scenario publishes for itself.
#[derive(Clone, Debug, Args)]
pub struct EventsArgs {
    /// How many events to publish
    #[arg(long, default_value_t = 20)]
    pub events: usize,
    /// Tickets of each event
    #[arg(long, default_value_t = 2_000)]
    pub tickets: u32,
    /// How unevenly people choose among events: 1 is Zipf's law, 0 spreads them evenly
    #[arg(long, default_value_t = 1.0)]
    pub zipf: f64,
}

/// `parterre loadtest browse`
#[derive(Clone, Debug, Args)]
pub struct BrowseArgs {
    /// What every scenario is told.
    #[command(flatten)]
    pub run: RunArgs,
    /// The events it publishes.
    #[command(flatten)]
    pub own: EventsArgs,
    /// Look at this event instead of publishing some, the most famous first; repeatable
    #[arg(long = "event", conflicts_with_all = ["events", "tickets"])]
    pub existing: Vec<EventId>,
    /// Looks a second, at random times
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    /// Begin with nothing and come to the rate at the end
    #[arg(long)]
    pub ramp: bool,
    /// How many look at once at most; whoever has to wait for one of them counts as slow
    #[arg(long, default_value_t = 64)]
    pub clients: usize,
    /// First find this tool's own ceiling, against a server that does nothing
    #[arg(long)]
    pub null: bool,
}

/// `parterre loadtest watch`
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// What every scenario is told.
    #[command(flatten)]
    pub run: RunArgs,
    /// How many events to publish; with several, people choose among them
    #[arg(long, default_value_t = 1)]
    pub events: usize,
    /// Tickets of each event
    #[arg(long, default_value_t = 2_000)]
    pub tickets: u32,
    /// How unevenly people choose among events: 1 is Zipf's law, 0 spreads them evenly
    #[arg(long, default_value_t = 1.0)]
    pub zipf: f64,
    /// Watch this event instead of publishing some, and change nothing; repeatable
    #[arg(long = "event", conflicts_with_all = ["events", "tickets", "changes"])]
    pub existing: Vec<EventId>,
    /// How many watch
    #[arg(long, default_value_t = 1_000)]
    pub clients: usize,
    /// Changes a second, each a reservation of one ticket, at random times
    #[arg(long, default_value_t = 5.0)]
    pub changes: f64,
    /// First find this tool's own ceiling, against a server that does nothing
    #[arg(long)]
    pub null: bool,
}

/// `parterre loadtest onsale`
#[derive(Clone, Debug, Args)]
pub struct OnSaleArgs {
    /// What every scenario is told.
    #[command(flatten)]
    pub run: RunArgs,
    /// Tickets of the event
    #[arg(long, default_value_t = 2_000)]
    pub tickets: u32,
    /// How many wait for the sale to open
    #[arg(long, default_value_t = 2_000)]
    pub clients: usize,
    /// When the sale opens, after everybody is there
    #[arg(long, default_value_t = 5)]
    pub opens_in: u64,
    /// How long the slowest takes to act once the sale is open
    #[arg(long, default_value_t = 1_000)]
    pub reaction_ms: u64,
    /// How many in a hundred ask for the best available instead of picking
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u8).range(..=100))]
    pub best_percent: u8,
    /// How many in a hundred pay for what they got; the others let go
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u8).range(..=100))]
    pub pay_percent: u8,
}

/// `parterre loadtest mixed`
#[derive(Clone, Debug, Args)]
pub struct MixedArgs {
    /// What every scenario is told.
    #[command(flatten)]
    pub run: RunArgs,
    /// The events it publishes.
    #[command(flatten)]
    pub own: EventsArgs,
    /// Looks a second, on average over the day
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    /// Looks for each purchase
    #[arg(long, default_value_t = 1_000.0)]
    pub looks_per_purchase: f64,
    /// How many look at once at most
    #[arg(long, default_value_t = 64)]
    pub clients: usize,
    /// How many watch live
    #[arg(long, default_value_t = 200)]
    pub watchers: usize,
}

/// `parterre loadtest storm`
#[derive(Clone, Debug, Args)]
pub struct StormArgs {
    /// What every scenario is told.
    #[command(flatten)]
    pub run: RunArgs,
    /// Tickets of the event
    #[arg(long, default_value_t = 2_000)]
    pub tickets: u32,
    /// Watch this event instead of publishing one, and change nothing
    #[arg(long = "event", conflicts_with_all = ["tickets", "changes"])]
    pub existing: Option<EventId>,
    /// How many watch
    #[arg(long, default_value_t = 5_000)]
    pub clients: usize,
    /// Changes a second, each a reservation of one ticket, at random times
    #[arg(long, default_value_t = 5.0)]
    pub changes: f64,
    /// When all are cut, in seconds; a third of the run when absent
    #[arg(long)]
    pub cut_at: Option<f64>,
}

/// `parterre loadtest null`
#[derive(Clone, Debug, Args)]
pub struct NullArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Bytes of every answer's body, and tickets of the one event
    #[arg(long, default_value_t = 2_000)]
    pub bytes: u32,
    /// Live frames a second to every subscriber
    #[arg(long, default_value_t = 20.0)]
    pub frames: f64,
    /// Tell whoever started it where it listens, and end with them
    #[arg(long, hide = true)]
    pub held: bool,
}

impl RunArgs {
    /// How long the load lasts; a second at least.
    pub(crate) fn lasts(&self) -> Duration {
        Duration::from_secs(self.seconds.max(1))
    }
}

impl BrowseArgs {
    pub(crate) fn rate(&self) -> Rate {
        match self.ramp {
            true => Rate::Ramp { to: self.rate },
            false => Rate::Flat {
                per_second: self.rate,
            },
        }
    }
}
