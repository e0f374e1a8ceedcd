//! One picture of all of it: a panel a cost, a line an axis, by times the base.

use std::fmt::Write;

use super::figures::{Cost, Measured};
use super::plan::Axis;
use super::report::{along, axes};
use crate::plot::{self, Frame, Line, STYLE, Scale, escaped, labelled, wrote};

/// Panels in a row.
const COLUMNS: usize = 2;
const PANEL: Frame = Frame {
    width: 440.0,
    height: 250.0,
    left: 44.0,
    right: 142.0,
    top: 40.0,
    below: 40.0,
};
const TIMES: plot::Axis = plot::Axis {
    label: "times the base",
    scale: Scale::Log,
    write: plain,
};
const RATIO: plot::Axis = plot::Axis {
    label: "",
    scale: Scale::Even,
    write: plain,
};
/// What each panel shows.
const PANELS: [(Cost, &str); 6] = [
    (Cost::Detail, "CPU for a read of an event"),
    (Cost::Availability, "CPU for a read of its availability"),
    (Cost::Delivery, "CPU for a delivery"),
    (Cost::Reservation, "CPU for a reservation"),
    (Cost::P50, "time until a reservation's 201, p50"),
    (Cost::Memory, "memory"),
];

/// The whole picture, which needs nothing else.
pub(super) fn picture(sizes: &[Measured]) -> String {
    let (mut panels, mut at) = (String::new(), (0.0, 0.0));
    for (number, (cost, title)) in PANELS.into_iter().enumerate() {
        let panel = labelled(&PANEL, TIMES, RATIO, &lines(sizes, cost));
        let (x, y) = at;
        let written = writeln!(
            panels,
            "<g transform=\"translate({x} {y})\">\n\
             <text class=\"axis\" x=\"4\" y=\"18\">{}</text>\n{panel}</g>",
            escaped(title)
        );
        wrote(written);
        at = match (number + 1) % COLUMNS {
            0 => (0.0, y + PANEL.height),
            _ => (x + PANEL.width, y),
        };
    }
    let (width, height) = (PANEL.width * crate::bench::float(COLUMNS), at.1);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"What each cost is of the base's, by times the base\">\n\
         <style>\n{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" style=\"fill: var(--paper)\"/>\n{panels}</svg>\n"
    )
}

/// A line an axis; beside deliveries, what the bare loop does where it differs.
fn lines(sizes: &[Measured], cost: Cost) -> Vec<Line> {
    let axes = axes(sizes);
    let mut lines: Vec<Line> = axes
        .iter()
        .map(|axis| line(sizes, *axis, cost, &axis.to_string()))
        .collect();
    if cost == Cost::Delivery {
        let sends = |axis: &&Axis| match axis {
            Axis::Clients | Axis::Changes => true,
            Axis::Events | Axis::Tickets => false,
        };
        let bare = axes.iter().filter(sends);
        lines.extend(bare.map(|axis| {
            let name = format!("bare loop, {axis}");
            line(sizes, *axis, Cost::Loop, &name)
        }));
    }
    lines
}

fn line(sizes: &[Measured], axis: Axis, cost: Cost, name: &str) -> Line {
    let points = along(sizes, axis).into_iter().filter_map(|size| {
        let ratio = size.ratios.get(&cost)?;
        Some((f64::from(size.times), ratio.median))
    });
    let points: Vec<(f64, f64)> = points.collect();
    let name = match points.last() {
        Some((_, last)) => format!("{name} {last:.2}"),
        None => format!("{name} unknown"),
    };
    Line { name, points }
}

/// A tick is round; what a float adds to it isn't meant.
fn plain(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    rounded.to_string()
}
