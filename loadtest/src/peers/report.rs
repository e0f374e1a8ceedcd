//! What was measured: a table that is read as it is and fits a README, and the same as JSON.

use std::fmt;

use serde::Serialize;

use crate::bench::{Figure, Table};

/// Nothing is divided by less: what is so small is noise.
const LEAST: f64 = 0.05;

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What, with its unit.
    pub what: String,
    /// Parterre's figure.
    pub parterre: Figure,
    /// Who else was measured by turns with it, and that figure.
    pub peer: Option<(String, Figure)>,
    /// Parterre's median by the peer's, where that is more than nothing.
    pub ratio: Option<f64>,
}

/// What was measured, and on what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// What to type to repeat it.
    pub command: String,
    /// Parterre's version.
    pub parterre: String,
    /// The peers' versions, or how to come by those that aren't installed.
    pub peers: Vec<String>,
    /// Processor, cores, kernel, file system.
    pub machine: String,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
    /// The figures.
    pub rows: Vec<Row>,
}

impl Report {
    /// Adds what was measured of Parterre and of a peer, by turns; nothing where either
    /// wasn't measured.
    pub(super) fn compare(&mut self, what: &str, parterre: &[f64], peer: &str, its: &[f64]) {
        let (Some(parterre), Some(its)) = (Figure::of(parterre), Figure::of(its)) else {
            return;
        };
        self.rows.push(Row {
            what: what.to_owned(),
            parterre,
            peer: Some((peer.to_owned(), its)),
            // By next to nothing, nothing is said.
            ratio: (its.median >= LEAST).then(|| parterre.median / its.median),
        });
    }

    /// Adds what was measured of Parterre alone.
    pub(super) fn add(&mut self, what: &str, parterre: &[f64]) {
        let rows = Figure::of(parterre).map(|parterre| Row {
            what: what.to_owned(),
            parterre,
            peer: None,
            ratio: None,
        });
        self.rows.extend(rows);
    }
}

impl Row {
    fn cells(&self) -> [String; 4] {
        let peer = self.peer.as_ref();
        [
            self.what.clone(),
            self.parterre.to_string(),
            peer.map_or_else(String::new, |(name, figure)| format!("{name}: {figure}")),
            self.ratio
                .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.command)?;
        writeln!(f, "- {}", self.parterre)?;
        for line in &self.peers {
            writeln!(f, "- {line}")?;
        }
        writeln!(f, "- {}", self.machine)?;
        for note in &self.notes {
            writeln!(f, "- {note}")?;
        }
        writeln!(f)?;
        let titles = ["what", "Parterre", "peer", "ratio"]
            .map(str::to_owned)
            .into();
        let rows = self.rows.iter().map(|row| row.cells().into()).collect();
        write!(f, "{}", Table { titles, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table_for_people_and_for_markdown() {
        let mut report = Report {
            command: "parterre loadtest peers".to_owned(),
            parterre: "parterre 0.1.0".to_owned(),
            peers: vec!["nchan not installed: apt-get install libnginx-mod-nchan".to_owned()],
            machine: "2 cores".to_owned(),
            ..Report::default()
        };
        report.compare("a read, µs", &[5.0, 6.0, 5.5], "nginx", &[11.0, 12.0, 10.0]);
        report.compare("a delivery, µs", &[5.0], "nchan", &[]);
        report.add("a refusal, µs", &[4.0]);
        let expected = "\
parterre loadtest peers

- parterre 0.1.0
- nchan not installed: apt-get install libnginx-mod-nchan
- 2 cores

| what          | Parterre            | peer                       | ratio |
| ------------- | ------------------- | -------------------------- | ----- |
| a read, µs    | 5.50 (5.00 to 6.00) | nginx: 11.0 (10.0 to 12.0) | 0.50  |
| a refusal, µs | 4.00                |                            |       |
";
        assert_eq!(report.to_string(), expected);
    }
}
