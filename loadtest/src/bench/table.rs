//! A table that is read as it is and fits Markdown.

use std::fmt;

/// Rows under their titles.
pub(crate) struct Table<const COLUMNS: usize> {
    pub(crate) titles: [String; COLUMNS],
    pub(crate) rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let all = self.rows.iter().chain([&self.titles]);
            let widths = all.map(|cells| cells[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let widths: [usize; COLUMNS] = std::array::from_fn(width);
        line(f, &self.titles, widths)?;
        line(f, &widths.map(|width| "-".repeat(width)), widths)?;
        for cells in &self.rows {
            line(f, cells, widths)?;
        }
        Ok(())
    }
}

fn line<const COLUMNS: usize>(
    f: &mut fmt::Formatter<'_>,
    cells: &[String; COLUMNS],
    widths: [usize; COLUMNS],
) -> fmt::Result {
    for (cell, width) in cells.iter().zip(widths) {
        write!(f, "| {cell:<width$} ")?;
    }
    writeln!(f, "|")
}
