//! The command line of `parterre loadtest`, and what runs behind it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::growth::Axis;
use crate::process::Apart;
use crate::scenario::{self, Scenario};
use crate::wire::Origin;
use crate::{SlowConfig, SmokeConfig, smoke};

/// `parterre loadtest …`
#[derive(Clone, Debug, Args)]
pub struct LoadtestArgs {
    /// Which test.
    #[command(subcommand)]
    pub test: Test,
}

/// The tests.
#[derive(Clone, Debug, Subcommand)]
pub enum Test {
    /// Browse, watch and buy for a while, then audit everything that was told
    Smoke(SmokeArgs),
    /// Measure Parterre beside nginx, varnish, nchan and PostgreSQL; starts all of them
    Peers(PeersArgs),
    /// See where costs bend as events, tickets, clients and changes grow: starts its own
    /// servers, and takes some 12 minutes unless told otherwise
    Growth(GrowthArgs),
    /// The bare loops that reads and deliveries are compared with
    #[command(hide = true)]
    Floor(FloorArgs),
    /// See what thousands of slow clients cost a running server and everybody else
    Slow(SlowArgs),
    /// Load as people make it.
    #[command(flatten)]
    Scenario(Scenario),
}

/// Where the server under test is reached.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// Where an edge listens; repeat it to spread everybody over several
    #[arg(long = "edge", default_value = "http://127.0.0.1:8080")]
    pub edges: Vec<Origin>,
    /// Where the core listens
    #[arg(long, default_value = "http://127.0.0.1:8081")]
    pub core: Origin,
    /// The file that holds an admin token
    #[arg(long, default_value = "data/admin-token")]
    pub token_file: PathBuf,
}

/// `parterre loadtest smoke`
#[derive(Clone, Debug, Args)]
pub struct SmokeArgs {
    /// Where to go.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How long to sell
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
    /// How many look around
    #[arg(long, default_value_t = 8)]
    pub browsers: usize,
    /// How many watch live
    #[arg(long, default_value_t = 20)]
    pub watchers: usize,
    /// How many buy
    #[arg(long, default_value_t = 16)]
    pub buyers: usize,
    /// Where all randomness begins
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Go on while servers die and come back; nothing acknowledged may be lost
    #[arg(long)]
    pub tolerate_restarts: bool,
    /// Write what every buyer was told to this file, one JSON object a line
    #[arg(long)]
    pub ledger: Option<PathBuf>,
}

/// `parterre loadtest peers`
#[derive(Clone, Debug, Args)]
pub struct PeersArgs {
    /// How long one measurement lasts, half an hour at most
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_800))]
    pub seconds: u64,
    /// How often each is measured, by turns
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// How many watch one event
    #[arg(long, default_value_t = 10_000)]
    pub watchers: usize,
    /// Measure this alone; repeat it for more
    #[arg(long, value_name = "PART")]
    pub only: Vec<Part>,
    /// Write the figures to this file as well, as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Measure this binary instead of the one that runs
    #[arg(long, value_name = "PATH")]
    pub parterre: Option<PathBuf>,
}

/// `parterre loadtest growth`
#[derive(Clone, Debug, Args)]
pub struct GrowthArgs {
    /// How long one measurement lasts, ten minutes at most; less where tickets run out
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// How often each size is measured, by turns
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Let this alone grow; repeat it for more
    #[arg(long)]
    pub axis: Vec<Axis>,
    /// How many times as much as the base there is; the base is always measured
    #[arg(long, value_delimiter = ',', default_value = "1,10,100",
        value_parser = clap::value_parser!(u32).range(1..=100))]
    pub times: Vec<u32>,
    /// Write the figures to this file as well, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a picture of them to this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Measure this binary instead of the one that runs
    #[arg(long, value_name = "PATH")]
    pub parterre: Option<PathBuf>,
}

/// What `peers` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Cached reads
    Reads,
    /// Answers to lost races
    Refusals,
    /// Changes on many screens, and idle screens
    Delivery,
    /// Reads while thousands of screens are told of changes
    Crowd,
    /// Durable reservations
    Reservations,
}

/// `parterre loadtest floor`, which `peers` starts.
#[derive(Clone, Debug, Args)]
pub struct FloorArgs {
    /// Where to listen
    #[arg(long)]
    pub listen: SocketAddr,
    /// How many screens to let in
    #[arg(long, required_unless_present = "answer", conflicts_with = "answer")]
    pub watchers: Option<usize>,
    /// Answer every request with the bytes of this file
    #[arg(long)]
    pub answer: Option<PathBuf>,
}

/// `parterre loadtest slow`
#[derive(Clone, Debug, Args)]
pub struct SlowArgs {
    /// Where an edge listens
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub edge: Origin,
    /// Where the core listens
    #[arg(long, default_value = "http://127.0.0.1:8081")]
    pub core: Origin,
    /// The file that holds an admin token
    #[arg(long, default_value = "data/admin-token")]
    pub token_file: PathBuf,
    /// The process that serves them, whose CPU time and memory are read
    #[arg(long)]
    pub pid: u32,
    /// How many slow clients there are
    #[arg(long, default_value_t = 5_000)]
    pub clients: usize,
    /// Reads a second of everybody else, at random times. If they are few, a read costs more
    /// without slow clients than with them, as the server is woken for it alone
    #[arg(long, default_value_t = 20_000.0)]
    pub rate: f64,
    /// How long each run with them lasts
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Runs with and without them, by turns
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Write the whole report to this file, as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write the whole report to this file, as one HTML page with plots
    #[arg(long)]
    pub html: Option<PathBuf>,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What to print.
    pub text: String,
    /// Whether to exit with 0 rather than 1.
    pub agrees: bool,
}

/// Runs a test.
///
/// # Errors
///
/// One line that says why the test couldn't begin: exit 2.
pub async fn run(args: LoadtestArgs) -> Result<Outcome, String> {
    match args.test {
        Test::Smoke(args) => {
            let report = smoke(args.config()?).await;
            let report = report.map_err(|failure| format!("the test can't begin: {failure}"))?;
            Ok(Outcome {
                text: report.to_string(),
                agrees: report.agrees(),
            })
        }
        Test::Slow(args) => {
            let config = args.config()?;
            let apart = Apart::hold(args.pid);
            let found = crate::slow::slow(&config).await;
            let found = found.map_err(|failure| format!("can't measure: {failure}"))?;
            let report = found.report(Apart::said(apart.as_ref()));
            let (json, html) = (args.json.as_deref(), args.html.as_deref());
            Ok(scenario::published(&report, json, html))
        }
        Test::Scenario(scenario) => scenario::run(scenario).await,
        Test::Peers(args) => {
            let report = crate::peers::peers(&args).await;
            let report = report.map_err(|failure| format!("can't measure: {failure}"))?;
            Ok(Outcome {
                text: report.to_string(),
                agrees: true,
            })
        }
        Test::Growth(args) => {
            let report = crate::growth::growth(&args).await;
            let report = report.map_err(|failure| format!("can't measure: {failure}"))?;
            Ok(Outcome {
                text: report.to_string(),
                agrees: true,
            })
        }
        Test::Floor(args) => {
            let ended = crate::bench::floor(&args);
            ended.map_err(|error| format!("the floor gave way: {error}"))?;
            Ok(Outcome {
                text: String::new(),
                agrees: true,
            })
        }
    }
}

impl SlowArgs {
    fn config(&self) -> Result<SlowConfig, String> {
        Ok(SlowConfig {
            edge: self.edge.clone(),
            core: self.core.clone(),
            token: read_token(&self.token_file)?,
            pid: self.pid,
            clients: self.clients,
            rate: self.rate,
            lasts: Duration::from_secs(self.seconds),
            rounds: self.rounds,
        })
    }
}

impl SmokeArgs {
    /// The settings that these arguments mean.
    ///
    /// # Errors
    ///
    /// One line, when the token can't be read.
    pub fn config(&self) -> Result<SmokeConfig, String> {
        let ServerArgs {
            edges,
            core,
            token_file,
        } = &self.server;
        let token = read_token(token_file)?;
        let config = SmokeConfig::new(edges.clone(), core.clone(), token);
        Ok(SmokeConfig {
            duration: Duration::from_secs(self.seconds),
            browsers: self.browsers,
            watchers: self.watchers,
            buyers: self.buyers,
            seed: self.seed,
            tolerate_restarts: self.tolerate_restarts,
            ledger: self.ledger.clone(),
            show_progress: true,
            ..config
        })
    }
}

pub(crate) fn read_token(path: &std::path::Path) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => {
            let path = path.display();
            Err(format!(
                "can't read the admin token in {path} ({error}); name its file with --token-file"
            ))
        }
    }
}
