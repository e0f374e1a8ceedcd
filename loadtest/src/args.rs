//! The command line of `parterre loadtest`, and what runs behind it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::figures::process::Apart;
use crate::scenario::Scenario;
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
    /// Measure reads, reservations, live updates and memory of a running server
    Figures(FiguresArgs),
    /// See what thousands of slow clients cost a running server and everybody else
    Slow(SlowArgs),
    /// Load as people make it.
    #[command(flatten)]
    Scenario(Scenario),
}

/// `parterre loadtest smoke`
#[derive(Clone, Debug, Args)]
pub struct SmokeArgs {
    /// Where an edge listens; repeat it to spread everybody over several
    #[arg(long = "edge", default_value = "http://127.0.0.1:8080")]
    pub edges: Vec<Origin>,
    /// Where the core listens
    #[arg(long, default_value = "http://127.0.0.1:8081")]
    pub core: Origin,
    /// The file that holds an admin token
    #[arg(long, default_value = "data/admin-token")]
    pub token_file: PathBuf,
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

/// `parterre loadtest figures`
#[derive(Clone, Debug, Args)]
pub struct FiguresArgs {
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
    /// How long each measurement lasts
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// How many watch while changes are timed
    #[arg(long, default_value_t = 1_000)]
    pub watchers: usize,
    /// How many idle WebSockets are weighed
    #[arg(long, default_value_t = 2_000)]
    pub idle: usize,
    /// How many reserve at once
    #[arg(long, default_value_t = 64)]
    pub buyers: usize,
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
    /// How long each run with them lasts
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Runs with and without them, by turns
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
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
            let report = crate::slow::slow(&config).await;
            let report = report.map_err(|failure| format!("can't measure: {failure}"))?;
            Ok(Outcome {
                text: format!("{}\n{report}", Apart::said(apart.as_ref())),
                agrees: report.agrees(),
            })
        }
        Test::Scenario(scenario) => crate::scenario::run(scenario).await,
        Test::Figures(args) => {
            let figures = crate::figures::measure(&args).await;
            let figures = figures.map_err(|failure| format!("can't measure: {failure}"))?;
            Ok(Outcome {
                text: figures.to_string(),
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
        let token = read_token(&self.token_file)?;
        let config = SmokeConfig::new(self.edges.clone(), self.core.clone(), token);
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
