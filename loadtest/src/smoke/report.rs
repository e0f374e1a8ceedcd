//! What a run found, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::stage::Stage;
use crate::numbers::{Disagreements, Spread};

/// The result of a smoke test.
#[derive(Clone, Debug)]
pub struct Report {
    seed: u64,
    lasted: Duration,
    counted: BTreeMap<&'static str, u64>,
    refusals: BTreeMap<String, u64>,
    took: BTreeMap<&'static str, Spread>,
    disagreements: Disagreements,
}

impl Report {
    pub(super) fn new(stage: &Stage) -> Self {
        Self {
            seed: stage.config.seed,
            lasted: stage.elapsed(),
            counted: stage.numbers.all_counted(),
            refusals: stage.numbers.all_refusals(),
            took: stage.numbers.all_spreads(),
            disagreements: stage.numbers.disagreements(),
        }
    }

    /// Whether everything fits together.
    pub fn agrees(&self) -> bool {
        self.disagreements.count == 0
    }

    /// What doesn't, in words; long lists are cut.
    pub fn disagreements(&self) -> &[String] {
        &self.disagreements.said
    }

    /// How many of something there were, by its name in the printed report.
    pub fn count(&self, what: &str) -> u64 {
        self.counted.get(what).copied().unwrap_or(0)
    }

    /// How long something took, by its name in the printed report.
    pub fn spread(&self, what: &str) -> Option<Spread> {
        self.took.get(what).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, seconds) = (self.seed, self.lasted.as_secs());
        writeln!(f, "smoke test, seed {seed}, {seconds} s with its audit\n")?;
        for (what, count) in &self.counted {
            writeln!(f, "  {count:>9}  {what}")?;
        }
        writeln!(f, "\nrefusals")?;
        for (slug, count) in &self.refusals {
            writeln!(f, "  {count:>9}  {slug}")?;
        }
        writeln!(f, "\ntook")?;
        for (what, spread) in &self.took {
            writeln!(f, "  {what:<28}{spread}")?;
        }
        let Disagreements { count, said } = &self.disagreements;
        if *count == 0 {
            return writeln!(f, "\nEverything agrees.");
        }
        writeln!(f, "\n{count} DISAGREEMENTS")?;
        for said in said {
            writeln!(f, "  {said}")?;
        }
        Ok(())
    }
}
