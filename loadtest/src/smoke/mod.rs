//! The smoke test: a shop of its own on a running server, with browsers, watchers and
//! buyers, and an audit of everything they were told.
//!
//! [`stage`](self) is what they share; [`browser`](self), [`watcher`](self) and
//! [`buyer`](self) are one task each; [`ledger`](self) holds what buyers were told and
//! [`audit`](self), a pure function, finds what doesn't fit together.

mod audit;
mod browser;
mod buyer;
mod closing;
mod config;
mod ledger;
mod organiser;
mod pages;
mod report;
mod stage;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

pub(crate) use buyer::{Buyer, Wish};
pub(crate) use closing::settle;
pub use config::SmokeConfig;
pub(crate) use ledger::Entry;
pub(crate) use organiser::{about, upload};
pub use report::Report;
pub(crate) use stage::Stage;

use crate::wire::Failure;
use organiser::Organiser;
use stage::Phase;

/// A run, which others may watch while it runs.
#[derive(Clone, Debug)]
pub struct Smoke {
    stage: Arc<Stage>,
}

/// Runs a smoke test from beginning to end.
///
/// # Errors
///
/// When the shop can't even be set up: the core can't be reached or refuses the token.
pub async fn smoke(config: SmokeConfig) -> Result<Report, Failure> {
    Smoke::new(config).run().await
}

impl Smoke {
    /// A run that hasn't begun.
    pub fn new(config: SmokeConfig) -> Self {
        Self {
            stage: Arc::new(Stage::new(config)),
        }
    }

    /// How many writes were acknowledged so far: reservations, releases, checkouts and
    /// payments.
    pub fn acknowledged(&self) -> u64 {
        self.stage.numbers.counted(stage::ACKNOWLEDGED)
    }

    /// Ends the selling before its time; the audit follows.
    pub fn finish(&self) {
        self.stage.enter(Phase::Settling);
    }

    /// Runs it. Once only.
    ///
    /// # Errors
    ///
    /// See [`smoke`].
    pub async fn run(&self) -> Result<Report, Failure> {
        let stage = &self.stage;
        let mut organiser = Organiser::new(stage.clone());
        organiser.open().await?;
        let (mut sellers, mut watchers) = (JoinSet::new(), JoinSet::new());
        let folds: Vec<_> = (0..stage.config.watchers)
            .map(|number| watcher::spawn(&mut watchers, stage, number))
            .collect();
        for number in 0..stage.config.browsers {
            sellers.spawn(browser::Browser::new(stage.clone(), number).run());
        }
        for number in 0..stage.config.buyers {
            sellers.spawn(buyer::Buyer::new(stage.clone(), number).run());
        }
        sellers.spawn(organiser.run());
        self.sell().await;
        stage.enter(Phase::Settling);
        joined(stage, &mut sellers).await;
        closing::close(stage, &folds).await;
        stage.enter(Phase::Over);
        joined(stage, &mut watchers).await;
        Ok(Report::new(stage))
    }

    /// Waits until the time is over, showing how it goes.
    async fn sell(&self) {
        let config = &self.stage.config;
        let bar = if config.show_progress {
            ProgressBar::new(config.duration.as_secs())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} s  {msg}") {
            bar.set_style(style);
        }
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        while self.stage.is_selling() && self.stage.elapsed() < config.duration {
            tick.tick().await;
            bar.set_position(self.stage.elapsed().as_secs());
            bar.set_message(self.stage.summary());
        }
        bar.finish_and_clear();
    }
}

/// Waits for everybody; who panicked is a disagreement.
async fn joined(stage: &Stage, tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            stage
                .numbers
                .disagrees(format!("the load tester itself: {error}"));
        }
    }
}
