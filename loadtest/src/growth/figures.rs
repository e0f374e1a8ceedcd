//! What was measured of each size, and how it compares with the base.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::{Axis, Point, Size};
use crate::bench::Figure;

/// What is written as more than nothing.
const LEAST: f64 = 1e-6;

/// One thing that is measured of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// CPU time of a cached read of an event.
    Detail,
    /// Bytes of its body.
    DetailBytes,
    /// CPU time of a cached read of its availability.
    Availability,
    /// Bytes of its body.
    AvailabilityBytes,
    /// CPU time of a frame with changes to one screen.
    Delivery,
    /// CPU time of one by a bare loop.
    Loop,
    /// Changes that such a frame brings.
    Carried,
    /// CPU time of a reservation that nobody watches.
    Reservation,
    /// How long half of them take at most.
    P50,
    /// How long 99 in 100 of them take at most.
    P99,
    /// Resident memory of the server.
    Memory,
}

impl Cost {
    /// All of them, in the order in which they are shown.
    pub(super) const ALL: [Self; 11] = [
        Self::Detail,
        Self::DetailBytes,
        Self::Availability,
        Self::AvailabilityBytes,
        Self::Delivery,
        Self::Loop,
        Self::Carried,
        Self::Reservation,
        Self::P50,
        Self::P99,
        Self::Memory,
    ];

    /// What it is, with its unit.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Detail => "server CPU for a cached read of an event, µs",
            Self::DetailBytes => "bytes of its body",
            Self::Availability => "server CPU for a cached read of its availability, µs",
            Self::AvailabilityBytes => "bytes of that body",
            Self::Delivery => "server CPU for a delivery, µs",
            Self::Loop => "the same by a bare send() loop, µs",
            Self::Carried => "changes that a delivery brings",
            Self::Reservation => "server CPU for a reservation, µs",
            Self::P50 => "from a reservation until its 201, p50, ms",
            Self::P99 => "from a reservation until its 201, p99, ms",
            Self::Memory => "memory of the server, KiB",
        }
    }
}

/// What one visit to a size found.
#[derive(Debug, Default)]
pub(super) struct Visited {
    figures: Vec<(Cost, f64)>,
    /// Whether deliveries went on when the server wasn't watched any more.
    pub(super) is_cut: bool,
}

impl Visited {
    pub(super) fn note(&mut self, cost: Cost, figure: f64) {
        self.figures.push((cost, figure));
    }
}

/// All that was measured.
pub(super) struct Figures(Vec<Rounds>);

/// All rounds of one size.
struct Rounds {
    point: Point,
    figures: BTreeMap<Cost, Vec<f64>>,
    is_cut: bool,
}

/// One size as it is reported.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// What has grown; none at the base.
    pub axis: Option<Axis>,
    /// How many times as much there is of it.
    pub times: u32,
    /// How much there is of everything.
    pub size: Size,
    /// What it costs.
    pub figures: BTreeMap<Cost, Figure>,
    /// What it costs by what the base cost in the same round, of rounds in which that was
    /// more than nothing.
    pub ratios: BTreeMap<Cost, Figure>,
    /// The ratio of a delivery by that of the bare loop.
    pub beyond: Option<Figure>,
}

impl Figures {
    pub(super) fn new(points: &[Point]) -> Self {
        let sized = |point: &Point| Rounds {
            point: *point,
            figures: BTreeMap::new(),
            is_cut: false,
        };
        Self(points.iter().map(sized).collect())
    }

    pub(super) fn note(&mut self, point: Point, visited: Visited) {
        let Some(sized) = self.0.iter_mut().find(|sized| sized.point == point) else {
            return;
        };
        sized.is_cut |= visited.is_cut;
        for (cost, figure) in visited.figures {
            sized.figures.entry(cost).or_default().push(figure);
        }
    }

    /// The sizes whose deliveries weren't watched to their end.
    pub(super) fn cut(&self) -> Vec<Point> {
        let cut = self.0.iter().filter(|sized| sized.is_cut);
        cut.map(|sized| sized.point).collect()
    }

    /// Every size beside the first, which is the base.
    pub(super) fn measured(&self) -> Vec<Measured> {
        let Some(base) = self.0.first() else {
            return Vec::new();
        };
        let measured = self.0.iter().map(|size| {
            let costs = size.figures.keys();
            let ratios = costs.filter_map(|cost| {
                let ratios: Vec<f64> = size.by(base, *cost).flatten().collect();
                Some((*cost, Figure::of(&ratios)?))
            });
            let sends = size.by(base, Cost::Loop);
            let beyond = size.by(base, Cost::Delivery).zip(sends);
            let beyond = beyond.filter_map(|(own, bare)| Some(own? / bare?));
            Measured {
                axis: size.point.axis,
                times: size.point.times,
                size: size.point.size(),
                figures: size.figures(),
                ratios: ratios.collect(),
                beyond: Figure::of(&beyond.collect::<Vec<_>>()),
            }
        });
        measured.collect()
    }
}

impl Rounds {
    /// What a cost is by that of the base, round by round; none where that is nothing.
    fn by<'a>(&'a self, base: &'a Self, cost: Cost) -> impl Iterator<Item = Option<f64>> + 'a {
        let of = |rounds: &'a Self| rounds.figures.get(&cost).into_iter().flatten();
        let paired = of(self).zip(of(base));
        paired.map(|(own, base)| (*base >= LEAST).then(|| own / base))
    }

    fn figures(&self) -> BTreeMap<Cost, Figure> {
        let figures = self.figures.iter();
        figures
            .filter_map(|(cost, measured)| Some((*cost, Figure::of(measured)?)))
            .collect()
    }
}
