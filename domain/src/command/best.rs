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
//! A plan costs one look at a number per row, and at each ticket of the rows that have
//! enough free ones: some microseconds for an event of 60,000 tickets.

use std::ops::Range;

use crate::{Layout, States, TicketId, TicketState};

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
            None if wish.together => None,
            None => self.scattered(wish),
        }
    }

    fn stretch(&self, wish: &Wish, may_orphan: bool) -> Option<Range<usize>> {
        let rows = self
            .rows
            .iter()
            .filter(|row| row.free >= wish.count && row.fits(wish));
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

    fn scattered(&self, wish: &Wish) -> Option<Vec<TicketId>> {
        let mut taken = Vec::with_capacity(wish.count);
        for row in self
            .rows
            .iter()
            .filter(|row| row.free > 0 && row.fits(wish))
        {
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
    let mut rows: Vec<Row> = Vec::new();
    for (at, &is_free) in free.iter().enumerate() {
        let section = layout.section.get(at).copied().unwrap_or(0);
        let same = at > 0 && layout.row.get(at) == layout.row.get(at - 1);
        match rows.last_mut() {
            Some(row) if same && row.section == section => row.tickets.end = at + 1,
            _ => rows.push(Row {
                tickets: at..at + 1,
                section,
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
mod tests {
    use super::*;

    /// A planner of rows written as letters, `/` between rows; upper case is tier 1.
    fn planner(rows: &str) -> Planner {
        let mut layout = Layout {
            sections: vec!["all".into()],
            ..Layout::default()
        };
        let mut letters = String::new();
        for (number, row) in rows.split('/').enumerate() {
            for letter in row.chars() {
                layout.section.push(0);
                layout.row.push(number.to_string().into());
                layout.seat.push("".into());
                layout.tier.push(u16::from(letter.is_uppercase()));
                letters.push(letter.to_ascii_lowercase());
            }
        }
        Planner::new(&layout, &States::from_letters(&letters).unwrap())
    }

    fn wish(count: usize) -> Wish {
        Wish {
            count,
            tier: None,
            section: None,
            together: true,
        }
    }

    fn plan(rows: &str, wish: Wish) -> Option<Vec<u32>> {
        Some(
            planner(rows)
                .plan(&wish)?
                .into_iter()
                .map(|ticket| ticket.0)
                .collect(),
        )
    }

    #[test]
    fn plans_are_the_best_there_are() {
        let any = |count| Wish {
            together: false,
            ..wish(count)
        };
        let of_tier_1 = Wish {
            tier: Some(1),
            ..wish(2)
        };
        let rows: &[(&str, Wish, Option<&[u32]>)] = &[
            ("ffffff", wish(2), Some(&[2, 3])),
            ("fffff", wish(2), Some(&[0, 1])),
            ("fff/ffff", wish(2), Some(&[3, 4])),
            ("fff", wish(2), Some(&[0, 1])),
            ("fpf/pff", wish(2), Some(&[4, 5])),
            ("fpf/fpf", wish(2), None),
            ("fpf/fpf", any(3), Some(&[0, 2, 3])),
            ("ffFF", of_tier_1, Some(&[2, 3])),
            ("ff", wish(3), None),
            ("ff", any(3), None),
            ("ffff", wish(4), Some(&[0, 1, 2, 3])),
        ];
        for (rows, wish, expected) in rows {
            let planned = plan(rows, *wish);
            match (&planned, expected) {
                (Some(planned), Some(expected)) => {
                    let sorted = |ids: &[u32]| {
                        let mut ids = ids.to_vec();
                        ids.sort_unstable();
                        ids
                    };
                    assert_eq!(sorted(planned), sorted(expected), "{rows} {wish:?}");
                }
                _ => assert_eq!(planned.as_deref(), *expected, "{rows} {wish:?}"),
            }
        }
    }

    /// Every row of up to nine tickets, every count: whatever is planned is free and
    /// together, a plan is found if there is one, and none is orphaned in vain.
    #[test]
    fn in_every_small_row_no_ticket_is_orphaned_in_vain() {
        for length in 1..=9_usize {
            for bits in 0..1_u32 << length {
                let row: String = (0..length)
                    .map(|at| if bits >> at & 1 == 1 { 'f' } else { 'p' })
                    .collect();
                (1..=4).for_each(|count| check_row(&row, count));
            }
        }
    }

    fn check_row(row: &str, count: usize) {
        let free: Vec<bool> = row.chars().map(|letter| letter == 'f').collect();
        let fits = |start: usize| free[start..start + count].iter().all(|&free| free);
        let starts: Vec<usize> = (0..=free.len().saturating_sub(count))
            .filter(|_| count <= free.len())
            .collect();
        let possible: Vec<usize> = starts.into_iter().filter(|&start| fits(start)).collect();
        let Some(planned) = plan(row, wish(count)) else {
            assert!(possible.is_empty(), "{row} has {count} together");
            return;
        };
        let start = planned[0] as usize;
        assert!(possible.contains(&start), "{row} {count}: {planned:?}");
        assert!(planned.windows(2).all(|pair| pair[1] == pair[0] + 1));
        if orphans_after(&free, start, count) > orphans_before(&free) {
            let avoidable = possible
                .iter()
                .any(|&start| orphans_after(&free, start, count) <= orphans_before(&free));
            assert!(
                !avoidable,
                "{row} {count}: {planned:?} orphans a ticket in vain"
            );
        }
    }

    fn orphans_before(free: &[bool]) -> usize {
        let is = |at: Option<usize>| at.and_then(|at| free.get(at)).copied().unwrap_or(false);
        (0..free.len())
            .filter(|&at| free[at] && !is(at.checked_sub(1)) && !is(Some(at + 1)))
            .count()
    }

    fn orphans_after(free: &[bool], start: usize, count: usize) -> usize {
        let mut after = free.to_vec();
        after[start..start + count].fill(false);
        orphans_before(&after)
    }

    #[test]
    fn plans_that_mark_what_they_take_never_collide() {
        let mut planner = planner("ffffffffff/ffffffffff/ffffffffff");
        let mut seen = std::collections::HashSet::new();
        for _ in 0..15 {
            for ticket in planner.plan(&wish(2)).unwrap() {
                assert!(planner.is_free(ticket) && seen.insert(ticket));
                planner.set_free(ticket, false);
            }
        }
        assert_eq!(planner.plan(&wish(1)), None);
        planner.set_free(TicketId(4), true);
        assert_eq!(planner.plan(&wish(1)), Some(vec![TicketId(4)]));
    }
}
