//! Which sizes are measured: a base, and each axis by itself some times as large.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Events on sale
    Events,
    /// Tickets of each event
    Tickets,
    /// Screens that watch one event
    Clients,
    /// Changes of it a second
    Changes,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Events on sale.
    pub events: usize,
    /// Tickets of each.
    pub tickets: u32,
    /// Screens that watch one of them.
    pub clients: usize,
    /// Changes of it a second.
    pub changes: u32,
}

/// What everything else is a multiple of.
pub(super) const BASE: Size = Size {
    events: 20,
    tickets: 500,
    clients: 100,
    changes: 1,
};

/// One size that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// What has grown; none at the base.
    pub(super) axis: Option<Axis>,
    pub(super) times: u32,
}

/// The points of a run, the base first; every axis where none is named.
pub(super) fn plan(axes: &[Axis], times: &[u32]) -> Vec<Point> {
    let mut times: Vec<u32> = times.iter().copied().filter(|times| *times > 1).collect();
    times.sort_unstable();
    times.dedup();
    let all = Axis::value_variants().iter().copied();
    let axes = all.filter(|axis| axes.is_empty() || axes.contains(axis));
    let grown = axes.flat_map(|axis| {
        let axis = Some(axis);
        let times = times.iter().copied();
        times.map(move |times| Point { axis, times })
    });
    let base = Point {
        axis: None,
        times: 1,
    };
    std::iter::once(base).chain(grown).collect()
}

impl Point {
    pub(super) fn size(self) -> Size {
        let mut size = BASE;
        let many = usize::try_from(self.times).unwrap_or(usize::MAX);
        match self.axis {
            None => {}
            Some(Axis::Events) => size.events *= many,
            Some(Axis::Tickets) => size.tickets *= self.times,
            Some(Axis::Clients) => size.clients *= many,
            Some(Axis::Changes) => size.changes *= self.times,
        }
        size
    }
}

impl Axis {
    /// How many of it there are in a size.
    pub(super) fn of(self, size: Size) -> usize {
        let many = |count| usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            Self::Events => size.events,
            Self::Tickets => many(size.tickets),
            Self::Clients => size.clients,
            Self::Changes => many(size.changes),
        }
    }

    /// What is counted along it.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Tickets => "tickets an event",
            Self::Clients => "clients",
            Self::Changes => "changes a second",
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events => "events",
            Self::Tickets => "tickets",
            Self::Clients => "clients",
            Self::Changes => "changes",
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events,
            tickets,
            clients,
            changes,
        } = self;
        write!(
            f,
            "{events} events × {tickets} tickets × {clients} clients × {changes} change/s"
        )
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.axis {
            None => f.write_str("base"),
            Some(axis) => write!(f, "{axis} × {}", self.times),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_axis_grows_by_itself_from_one_base() {
        let check = |axes: &[Axis], times: &[u32], expected: &[&str]| {
            let points = plan(axes, times).into_iter();
            let said: Vec<String> = points.map(|point| point.to_string()).collect();
            assert_eq!(said, expected, "{axes:?} {times:?}");
        };
        check(
            &[],
            &[1, 10],
            &[
                "base",
                "events × 10",
                "tickets × 10",
                "clients × 10",
                "changes × 10",
            ],
        );
        check(
            &[Axis::Clients],
            &[100, 10, 10, 1],
            &["base", "clients × 10", "clients × 100"],
        );
        check(&[Axis::Clients], &[1], &["base"]);
    }

    #[test]
    fn one_factor_changes_at_a_time() {
        for point in plan(&[], &[1, 10, 100]) {
            let size = point.size();
            for axis in Axis::value_variants() {
                let times = match point.axis == Some(*axis) {
                    true => usize::try_from(point.times).unwrap(),
                    false => 1,
                };
                assert_eq!(axis.of(size), times * axis.of(BASE), "{point}: {size}");
            }
        }
    }
}
