//! Plans the best available tickets. Pure: a layout, states and a wish go in, tickets
//! come out.
//!
//! A row is a run of tickets, in ticket order, with the same section and the same row
//! label; neighbours in it sit side by side. Rows come in the order of upload, which is
//! the organiser's own order from best to last. A plan for tickets together looks in
//! every row, first to last, for a stretch that leaves no ticket orphaned (a single free
//! one with no free neighbour, which nobody buys), and takes the stretch nearest to the
//! row's middle. Only if no row has one may a ticket be orphaned. Tickets that needn't
//! be together are taken together if they can be, else row by row from the middle out.
//!
//! Tickets without row and seat are all as good as each other, and together wherever they
//! are in one section: the first free ones are taken. They are arranged in rows of
//! [`UNSEATED_ROW`], so that a hall for thousands who stand isn't one endless row.
//!
//! A plan costs one look at a number per row, and at each ticket of the rows that have
//! enough free ones: some microseconds for an event of 60,000 tickets.

use std::ops::Range;

use crate::{Layout, States, TicketId, TicketState};

/// Tickets without row and seat that are arranged as one row.
const UNSEATED_ROW: usize = 256;

/// What a buyer wants, with names looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How many tickets; at least one.
    pub count: usize,
    /// Only of this tier: an index into the event's tiers.
    pub tier: Option<u16>,
    /// Only in this section: an index into the layout's sections.
    pub section: Option<u16>,
    /// Side by side in one row, or not at all.
    pub together: bool,
}

/// Which tickets of an event are free, arranged for planning.
#[derive(Clone, Debug)]
pub struct Planner {
    rows: Vec<Row>,
    row_of: Vec<u32>,
    free: Vec<bool>,
    tier: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Row {
    tickets: Range<usize>,
    section: u16,
    seated: bool,
    free: usize,
}

impl Planner {
    /// Arranges an event's tickets.
    pub fn new(layout: &Layout, states: &States) -> Self {
        let free: Vec<bool> = states
            .iter()
            .map(|state| state == TicketState::Free)
            .collect();
        let rows = rows(layout, &free);
        let mut row_of = vec![0; free.len()];
        for (number, row) in (0..).zip(&rows) {
            row_of[row.tickets.clone()].fill(number);
        }
        Self {
            rows,
            row_of,
            free,
            tier: layout.tier.clone(),
        }
    }

    /// Takes note that a ticket is free, or isn't.
    pub fn set_free(&mut self, ticket: TicketId, free: bool) {
        let Some(before) = self.free.get_mut(ticket.index()) else {
            return;
        };
        if *before == free {
            return;
        }
        *before = free;
        let row = &mut self.rows[self.row_of[ticket.index()] as usize];
        if free {
            row.free += 1;
        } else {
            row.free -= 1;
        }
    }

    /// Whether a ticket is free.
    pub fn is_free(&self, ticket: TicketId) -> bool {
        self.free.get(ticket.index()).copied().unwrap_or(false)
    }

    /// The best tickets for a wish; none when it can't be met.
    pub fn plan(&self, wish: &Wish) -> Option<Vec<TicketId>> {
        let together = self
            .stretch(wish, false)
            .or_else(|| self.stretch(wish, true));
        match together {
            Some(stretch) => Some(stretch.filter_map(ticket).collect()),
            None if wish.together => self.unseated(wish),
            None => self.scattered(&self.rows, wish),
        }
    }

    fn stretch(&self, wish: &Wish, may_orphan: bool) -> Option<Range<usize>> {
        let rows = self
            .rows
            .iter()
            .filter(|row| row.seated && row.free >= wish.count && row.fits(wish));
        rows.filter_map(|row| self.stretch_in(row, wish, may_orphan))
            .next()
    }

    /// The stretch of a row nearest to its middle.
    fn stretch_in(&self, row: &Row, wish: &Wish, may_orphan: bool) -> Option<Range<usize>> {
        let mut best: Option<(usize, Range<usize>)> = None;
        for run in self.runs(row, wish) {
            for start in run.start..(run.end + 1).saturating_sub(wish.count) {
                let stretch = start..start + wish.count;
                if !may_orphan && self.orphans(row, &stretch) {
                    continue;
                }
                // Twice the distance of the middles, so that no half is cut off.
                let middle = row.tickets.start + row.tickets.end;
                let distance = middle.abs_diff(stretch.start + stretch.end);
                if best.as_ref().is_none_or(|(nearest, _)| distance < *nearest) {
                    best = Some((distance, stretch));
                }
            }
        }
        best.map(|(_, stretch)| stretch)
    }

    /// Stretches of free tickets that the wish allows, side by side.
    fn runs<'a>(&'a self, row: &Row, wish: &'a Wish) -> impl Iterator<Item = Range<usize>> + 'a {
        let end = row.tickets.end;
        let mut at = row.tickets.start;
        std::iter::from_fn(move || {
            while at < end && !self.fits(at, wish) {
                at += 1;
            }
            let start = at;
            while at < end && self.fits(at, wish) {
                at += 1;
            }
            (start < at).then_some(start..at)
        })
    }

    /// Whether taking a stretch leaves a neighbour free with no free neighbour of its
    /// own, though it had one before.
    fn orphans(&self, row: &Row, stretch: &Range<usize>) -> bool {
        let free = |at: usize| row.tickets.contains(&at) && self.free[at];
        let left = stretch
            .start
            .checked_sub(1)
            .is_some_and(|at| free(at) && !(at > 0 && free(at - 1)));
        let right = free(stretch.end) && !free(stretch.end + 1);
        left || right
    }

    /// Tickets without row and seat, all of one section.
    fn unseated(&self, wish: &Wish) -> Option<Vec<TicketId>> {
        let runs = self
            .rows
            .chunk_by(|one, next| one.seated == next.seated && one.section == next.section);
        runs.filter(|run| run.iter().all(|row| !row.seated))
            .find_map(|run| self.scattered(run, wish))
    }

    fn scattered(&self, rows: &[Row], wish: &Wish) -> Option<Vec<TicketId>> {
        let mut taken = Vec::with_capacity(wish.count);
        for row in rows.iter().filter(|row| row.free > 0 && row.fits(wish)) {
            let middle = usize::midpoint(row.tickets.start, row.tickets.end);
            let mut fitting: Vec<usize> = row
                .tickets
                .clone()
                .filter(|&at| self.fits(at, wish))
                .collect();
            fitting.sort_by_key(|at| at.abs_diff(middle));
            taken.extend(
                fitting
                    .into_iter()
                    .take(wish.count - taken.len())
                    .filter_map(ticket),
            );
            if taken.len() == wish.count {
                return Some(taken);
            }
        }
        None
    }

    fn fits(&self, at: usize, wish: &Wish) -> bool {
        self.free[at] && wish.tier.is_none_or(|tier| self.tier[at] == tier)
    }
}

impl Row {
    fn fits(&self, wish: &Wish) -> bool {
        wish.section.is_none_or(|section| self.section == section)
    }
}

fn rows(layout: &Layout, free: &[bool]) -> Vec<Row> {
    let empty = |column: &[Box<str>], at: usize| column.get(at).is_none_or(|text| text.is_empty());
    let mut rows: Vec<Row> = Vec::new();
    for (at, &is_free) in free.iter().enumerate() {
        let section = layout.section.get(at).copied().unwrap_or(0);
        let seated = !(empty(&layout.row, at) && empty(&layout.seat, at));
        let same = at > 0 && layout.row.get(at) == layout.row.get(at - 1);
        match rows.last_mut() {
            Some(row)
                if same
                    && row.section == section
                    && row.seated == seated
                    && (seated || row.tickets.len() < UNSEATED_ROW) =>
            {
                row.tickets.end = at + 1;
            }
            _ => rows.push(Row {
                tickets: at..at + 1,
                section,
                seated,
                free: 0,
            }),
        }
        if let Some(row) = rows.last_mut() {
            row.free += usize::from(is_free);
        }
    }
    rows
}

fn ticket(at: usize) -> Option<TicketId> {
    u32::try_from(at).ok().map(TicketId)
}

#[cfg(test)]
mod tests;
