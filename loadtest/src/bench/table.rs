//! A table that is read as it is and fits Markdown.

use std::fmt;

/// Rows under their titles, as many cells each.
pub(crate) struct Table {
    pub(crate) titles: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let all = self.rows.iter().chain([&self.titles]);
            let widths = all.map(|cells| cells[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.titles.len()).map(width).collect();
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        line(f, &self.titles, &widths)?;
        line(f, &rules, &widths)?;
        for cells in &self.rows {
            line(f, cells, &widths)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[String], widths: &[usize]) -> fmt::Result {
    for (cell, width) in cells.iter().zip(widths) {
        write!(f, "| {cell:<width$} ")?;
    }
    writeln!(f, "|")
}
