//! What was measured: tables that are read as they are and fit a README, the same as JSON
//! and as a picture, and what it comes to in words.

use std::fmt;

use serde::Serialize;

use super::figures::{Cost, Figures, Measured};
use super::findings::findings;
use super::picture;
use super::plan::{Axis, BASE};
use crate::bench::{Number, Stage, Table};

/// What was measured, and on what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What to type to repeat it.
    pub command: String,
    /// Parterre's version.
    pub parterre: String,
    /// Processor, cores, kernel, file system.
    pub machine: String,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
    /// Every size, the base first.
    pub sizes: Vec<Measured>,
    /// Where it bends, in words.
    pub findings: Vec<String>,
}

impl Report {
    pub(super) fn new(
        command: String,
        parterre: String,
        machine: String,
        stage: &Stage,
        figures: Figures,
    ) -> Self {
        let sizes = figures.measured();
        Self {
            command,
            parterre,
            machine,
            notes: notes(stage, &figures),
            findings: findings(&sizes),
            sizes,
        }
    }

    /// The picture.
    pub(super) fn svg(&self) -> String {
        picture::picture(&self.sizes)
    }

    /// The axes that were measured.
    fn axes(&self) -> Vec<Axis> {
        axes(&self.sizes)
    }
}

/// The axes of some sizes, each once.
pub(super) fn axes(sizes: &[Measured]) -> Vec<Axis> {
    let mut axes: Vec<Axis> = sizes.iter().filter_map(|size| size.axis).collect();
    axes.dedup();
    axes
}

/// The base and the sizes of one axis.
pub(super) fn along(sizes: &[Measured], axis: Axis) -> Vec<&Measured> {
    let is_along = |size: &&Measured| size.axis.is_none_or(|its| its == axis);
    sizes.iter().filter(is_along).collect()
}

fn notes(stage: &Stage, figures: &Figures) -> Vec<String> {
    let mut notes = vec![
        format!(
            "medians of {} rounds of {} s by turns, with the least and the most; × is the \
             median of what each round's was by its base's",
            stage.rounds,
            stage.lasts.as_secs()
        ),
        format!("base: {BASE}; one of them grows at a time"),
        "server on core 0, client on core 1".to_owned(),
        "a change is a reservation of one ticket, and a delivery a frame that brings changes \
         to a screen; its cost is that of changes with screens without that of the same \
         changes alone, for half a second each"
            .to_owned(),
        "the bare loop sends a frame at each change to as many sockets; it knows nothing of \
         events and tickets, so there it is the base's"
            .to_owned(),
    ];
    let cut = figures.cut().into_iter();
    notes.extend(cut.map(|point| {
        format!("{point}: deliveries went on for longer, so they cost more than is said here")
    }));
    notes
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.command)?;
        writeln!(f, "- {}", self.parterre)?;
        writeln!(f, "- {}", self.machine)?;
        for note in &self.notes {
            writeln!(f, "- {note}")?;
        }
        for axis in self.axes() {
            write!(f, "\n{}", table(&self.sizes, axis))?;
        }
        writeln!(f)?;
        for finding in &self.findings {
            writeln!(f, "- {finding}")?;
        }
        Ok(())
    }
}

/// What everything costs along one axis.
fn table(sizes: &[Measured], axis: Axis) -> Table {
    let sizes = along(sizes, axis);
    let mut titles = vec![axis.unit().to_owned()];
    titles.extend(sizes.iter().map(|size| match size.axis {
        None => axis.of(size.size).to_string(),
        Some(_) => format!("{}, × {}", axis.of(size.size), size.times),
    }));
    let rows = Cost::ALL.into_iter().map(|cost| {
        let cells = sizes.iter().map(|size| cell(size, cost));
        std::iter::once(cost.what().to_owned())
            .chain(cells)
            .collect()
    });
    Table {
        titles,
        rows: rows.collect(),
    }
}

fn cell(size: &Measured, cost: Cost) -> String {
    let Some(figure) = size.figures.get(&cost) else {
        return String::new();
    };
    match (size.axis, size.ratios.get(&cost)) {
        (Some(_), Some(ratio)) => format!("{figure}, × {}", Number(ratio.median)),
        (Some(_) | None, _) => figure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::Visited;
    use super::super::plan::plan;
    use super::*;

    fn report() -> Report {
        found(1)
    }

    /// What a run of two sizes would have found in two rounds.
    fn found(sign: i32) -> Report {
        let points = plan(&[Axis::Clients], &[1, 10]);
        let mut figures = Figures::new(&points);
        for round in 0..2 {
            for point in &points {
                let mut visited = Visited::default();
                for (number, cost) in (1..).zip(Cost::ALL) {
                    let times = i32::try_from(point.times).unwrap();
                    let figure = f64::from(sign * (number * times + round));
                    visited.note(cost, figure);
                }
                visited.is_cut = point.times > 1;
                figures.note(*point, visited);
            }
        }
        let stage = Stage::new(None, 5, 2).unwrap();
        let text = str::to_owned;
        Report::new(
            text("growth"),
            text("parterre"),
            text("2 cores"),
            &stage,
            figures,
        )
    }

    #[test]
    fn a_report_is_a_table_an_axis_for_people_and_for_markdown() {
        let text = report().to_string();
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = words.join(" ");
        for line in [
            "| clients | 100 | 1000, × 10 |",
            "| bytes of its body | 2.00 (2.00 to 3.00) | 20.0 (20.0 to 21.0), × 7.00 |",
            "- clients × 10: deliveries went on for longer, so they cost more than is said here",
        ] {
            assert!(words.contains(line), "{line} isn't in\n{text}");
        }
        let rows = text.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, 2 + Cost::ALL.len(), "{text}");
    }

    #[test]
    fn a_program_reads_the_same() {
        let json = serde_json::to_value(report()).unwrap();
        let grown = &json["sizes"][1];
        assert_eq!(grown["axis"], "clients");
        assert_eq!(grown["size"]["clients"], 1_000);
        assert_eq!(grown["figures"]["delivery"]["median"], 50.0);
        // 50 by 5, and 51 by 6.
        assert_eq!(grown["ratios"]["delivery"]["most"], 10.0);
        assert_eq!(grown["ratios"]["delivery"]["least"], 8.5);
    }

    #[test]
    fn a_picture_shows_every_cost() {
        let svg = report().svg();
        is_well_formed(&svg);
        for outside in ["<script", "<link", "url(", "@import", "href"] {
            assert!(!svg.contains(outside), "{outside}");
        }
        assert!(svg.contains("prefers-color-scheme: dark"));
        assert!(svg.contains("bare loop") && svg.contains("memory"));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn where_the_base_costs_nothing_so_is_said() {
        let report = found(-1);
        let svg = report.svg();
        is_well_formed(&svg);
        assert!(svg.contains("clients unknown") && !svg.contains("NaN"));
        let text = report.to_string();
        assert!(
            text.contains("a delivery can't be told from noise"),
            "{text}"
        );
    }

    /// Every element that is opened is closed, in order.
    fn is_well_formed(svg: &str) {
        let mut open: Vec<&str> = Vec::new();
        for tag in svg.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').expect("a tag ends");
            assert!(!text.contains('>'), "{text}");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split([' ', '/']).find(|name| !name.is_empty());
            let name = name.expect("a name");
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => assert_eq!(open.pop(), Some(name), "{tag}"),
                (false, true) => {}
                (false, false) => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
