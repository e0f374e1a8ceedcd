//! Plots: data in, SVG out, with a legend or with labels. Pure; colours are classes that
//! [`STYLE`] defines, so that they follow the reader's light or dark.

use std::fmt::Write;

/// The colours of lines, grid and text, by light and by dark.
pub(crate) const STYLE: &str = include_str!("plot.css");
/// Between two labels, from line to line.
const LABEL: f64 = 13.0;

/// A plot's size in its own units, and how much of it is room for labels; a page scales it.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) below: f64,
}

/// As wide as a page.
const PAGE: Frame = Frame {
    width: 760.0,
    height: 300.0,
    left: 68.0,
    right: 16.0,
    top: 28.0,
    below: 44.0,
};
/// Lines that a page has colours for.
pub(crate) const COLOURS: usize = 6;

/// A line of a plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// How a value becomes a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 0 on.
    Even,
    /// By its logarithm.
    Log,
    /// A quantile, by the logarithm of how few are beyond it: what HdrHistogram's plots do.
    Quantile,
}

/// One axis.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) scale: Scale,
    /// How a value is written.
    pub(crate) write: fn(f64) -> String,
}

/// An axis with the values that it spans, and where it begins and ends in the frame.
struct Span {
    axis: Axis,
    from: f64,
    to: f64,
    begins: f64,
    ends: f64,
}

/// Draws some lines with their legend. `title` is what a reader hears who doesn't see it.
pub(crate) fn plot(title: &str, x: Axis, y: Axis, lines: &[Line]) -> String {
    let (across, upward) = spans(&PAGE, x, y, lines);
    let Frame { width, height, .. } = PAGE;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n",
        escaped(title)
    );
    draw(&mut svg, &PAGE, &across, &upward, lines);
    svg.push_str("</svg>\n");
    svg + &legend(lines)
}

/// Draws some lines, each with its name behind its end; without an element around them.
pub(crate) fn labelled(frame: &Frame, x: Axis, y: Axis, lines: &[Line]) -> String {
    let (across, upward) = spans(frame, x, y, lines);
    let mut svg = String::new();
    draw(&mut svg, frame, &across, &upward, lines);
    let ends = lines.iter().map(|line| line.points.last());
    let ends = ends.map(|end| end.map_or(upward.begins, |(_, y)| upward.place(*y)));
    let places = apart(&ends.collect::<Vec<_>>(), upward.ends, upward.begins);
    let x = frame.width - frame.right + 6.0;
    for ((number, line), y) in lines.iter().enumerate().zip(places) {
        let (class, name) = (number % COLOURS, escaped(&line.name));
        wrote(writeln!(
            svg,
            "<text class=\"t{class}\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text>",
            y + 4.0
        ));
    }
    svg
}

/// Moves places so far that no label covers another and all are in the frame, in the order
/// in which they are.
fn apart(places: &[f64], highest: f64, lowest: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|one, other| places[*one].total_cmp(&places[*other]));
    let (mut moved, mut limit) = (places.to_vec(), highest);
    for at in &order {
        moved[*at] = places[*at].max(limit);
        limit = moved[*at] + LABEL;
    }
    limit = lowest;
    for at in order.into_iter().rev() {
        moved[at] = moved[at].min(limit);
        limit = moved[at] - LABEL;
    }
    moved
}

fn spans(frame: &Frame, x: Axis, y: Axis, lines: &[Line]) -> (Span, Span) {
    let points = || lines.iter().flat_map(|line| &line.points);
    let across = Span::of(x, points().map(|point| point.0));
    let upward = Span::of(y, points().map(|point| point.1));
    (
        across.between(frame.left, frame.width - frame.right),
        upward.between(frame.height - frame.below, frame.top),
    )
}

fn draw(svg: &mut String, frame: &Frame, across: &Span, upward: &Span, lines: &[Line]) {
    grid(svg, frame, across, upward);
    for (number, line) in lines.iter().enumerate() {
        let class = number % COLOURS;
        let path = path(line, across, upward);
        wrote(writeln!(
            svg,
            "<path class=\"line c{class}\" d=\"{path}\"/>"
        ));
    }
}

impl Span {
    fn of(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        // The last quantile is infinitely far away: it stands where the one before does.
        let is_seen = |value: &f64| match axis.scale {
            Scale::Quantile => *value < 1.0,
            Scale::Even | Scale::Log => value.is_finite(),
        };
        let finite = values.filter(is_seen);
        let ends = finite.fold(None, |ends: Option<(f64, f64)>, value| {
            let (least, most) = ends.unwrap_or((value, value));
            Some((least.min(value), most.max(value)))
        });
        // Nothing is drawn as something small would be.
        let (least, most) = ends.unwrap_or((0.5, 0.5));
        let (from, to) = match axis.scale {
            Scale::Even if most <= 0.0 => (0.0, 1.0),
            Scale::Even => (0.0, most),
            Scale::Log => {
                let least = least.clamp(f64::MIN_POSITIVE, f64::MAX);
                let decade = |value: f64| 10_f64.powf(value);
                let from = decade(least.log10().floor());
                (from, decade(most.max(from).log10().ceil()).max(from * 10.0))
            }
            Scale::Quantile => (0.0, most.max(0.5)),
        };
        Self {
            axis,
            from,
            to,
            begins: 0.0,
            ends: 1.0,
        }
    }

    /// The same from here to there in a frame.
    fn between(self, begins: f64, ends: f64) -> Self {
        Self {
            begins,
            ends,
            ..self
        }
    }

    /// Where a value stands, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        let even = |value: f64| match self.axis.scale {
            Scale::Even => value,
            Scale::Log => value.max(self.from).log10(),
            Scale::Quantile => -(1.0 - value.min(self.to)).log10(),
        };
        let (from, to) = (even(self.from), even(self.to));
        ((even(value) - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// Where it stands in the frame.
    fn place(&self, value: f64) -> f64 {
        self.begins + self.at(value) * (self.ends - self.begins)
    }

    /// Values worth a line and a label.
    fn ticks(&self) -> Vec<f64> {
        let within = |tick: &f64| *tick <= self.to * (1.0 + 1e-9);
        match self.axis.scale {
            Scale::Even => {
                let step = round_step(self.to / 5.0);
                let ticks = (0..=10_u32).map(|tick| f64::from(tick) * step);
                ticks.filter(within).collect()
            }
            Scale::Log => {
                let ticks = (0..=18_i32).map(|decade| self.from * 10_f64.powi(decade));
                ticks.filter(within).collect()
            }
            Scale::Quantile => {
                // 0 stands too near to a half to be labelled.
                let ticks = [0.5, 0.9, 0.99, 0.999, 0.999_9, 0.999_99, 0.999_999];
                ticks.into_iter().filter(within).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, and no less than this.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    let fits = steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9));
    fits.unwrap_or(10.0 * power)
}

/// Lines of both axes with their values, and what the axes mean.
fn grid(svg: &mut String, frame: &Frame, across: &Span, upward: &Span) {
    let (left, right) = (across.begins, across.ends);
    let (bottom, top) = (upward.begins, upward.ends);
    for tick in upward.ticks() {
        let y = upward.place(tick);
        let said = (upward.axis.write)(tick);
        wrote(writeln!(
            svg,
            "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{said}</text>",
            left - 6.0,
            y + 4.0
        ));
    }
    for tick in across.ticks() {
        let x = across.place(tick);
        let said = (across.axis.write)(tick);
        wrote(writeln!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{said}</text>",
            bottom + 16.0
        ));
    }
    let (x, y) = (across.axis.label, upward.axis.label);
    wrote(writeln!(
        svg,
        "<text class=\"axis\" x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{x}</text>\
         <text class=\"axis\" x=\"4\" y=\"14\">{y}</text>",
        frame.height - 6.0
    ));
}

/// Each line's name behind a piece of it. Beside the plot, so that many names wrap.
fn legend(lines: &[Line]) -> String {
    let item = |(number, line): (usize, &Line)| {
        let (class, name) = (number % COLOURS, escaped(&line.name));
        format!(
            "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\">\
             <path class=\"line c{class}\" d=\"M2 4h24\"/></svg>{name}</li>\n"
        )
    };
    let items = lines.iter().enumerate().map(item);
    format!(
        "<ul class=\"legend\">\n{}</ul>\n",
        items.collect::<String>()
    )
}

/// A line, which breaks where there is no value.
fn path(line: &Line, across: &Span, upward: &Span) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for (x, y) in &line.points {
        if !y.is_finite() {
            pen = 'M';
            continue;
        }
        wrote(write!(
            path,
            "{pen}{:.1} {:.1}",
            across.place(*x),
            upward.place(*y)
        ));
        pen = 'L';
    }
    // A single point is seen as a dot.
    if line.points.len() == 1 {
        path.push_str("h0.1");
    }
    path
}

/// Text as it may stand in HTML.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Writing to a text in memory fails nowhere.
pub(crate) fn wrote(written: std::fmt::Result) {
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: f64) -> String {
        value.to_string()
    }

    fn axis(scale: Scale) -> Axis {
        Axis {
            label: "a",
            scale,
            write: plain,
        }
    }

    fn span(scale: Scale, values: &[f64]) -> Span {
        Span::of(axis(scale), values.iter().copied())
    }

    #[test]
    fn ticks_are_round_and_within_what_there_is() {
        let check = |scale, values: &[f64], expected: &[f64]| {
            let ticks = span(scale, values).ticks();
            let same = |(got, expected): (&f64, &f64)| (got - expected).abs() < 1e-9;
            assert!(
                ticks.len() == expected.len() && ticks.iter().zip(expected).all(same),
                "{values:?}: {ticks:?}"
            );
        };
        check(Scale::Even, &[3.0, 30.0], &[0.0, 10.0, 20.0, 30.0]);
        check(Scale::Even, &[0.9], &[0.0, 0.2, 0.4, 0.6, 0.8]);
        check(Scale::Log, &[12.0, 900.0], &[10.0, 100.0, 1_000.0]);
        check(Scale::Log, &[100.0], &[100.0, 1_000.0]);
        check(Scale::Quantile, &[0.0, 0.995], &[0.5, 0.9, 0.99]);
    }

    #[test]
    fn the_rarest_have_as_much_room_as_the_usual() {
        let span = span(Scale::Quantile, &[0.0, 0.999]);
        let check = |quantile, expected: f64| {
            assert!((span.at(quantile) - expected).abs() < 1e-9, "{quantile}");
        };
        check(0.0, 0.0);
        check(0.9, 1.0 / 3.0);
        check(0.99, 2.0 / 3.0);
        check(0.999, 1.0);
        check(1.0, 1.0);
    }

    #[test]
    fn labels_keep_apart_and_within() {
        let check = |places: &[f64], expected: &[f64]| {
            let moved = apart(places, 0.0, 100.0);
            let same = |(got, expected): (&f64, &f64)| (got - expected).abs() < 1e-9;
            assert!(
                moved.iter().zip(expected).all(same),
                "{places:?}: {moved:?}"
            );
        };
        check(&[], &[]);
        check(&[80.0, 20.0], &[80.0, 20.0]);
        check(&[20.0, 21.0, 19.0], &[32.0, 45.0, 19.0]);
        check(&[100.0, 99.0], &[100.0, 87.0]);
        check(&[0.0, -5.0], &[13.0, 0.0]);
    }

    #[test]
    fn a_plot_is_drawn_within_its_frame_and_says_what_it_is() {
        let line = |name: &str, points: &[(f64, f64)]| Line {
            name: name.to_owned(),
            points: points.to_vec(),
        };
        let lines = [
            line(
                "p50",
                &[(0.0, 10.0), (1.0, 100.0), (2.0, f64::NAN), (3.0, 50.0)],
            ),
            line("a < b", &[(1.0, 20.0)]),
        ];
        let svg = plot("Time & again", axis(Scale::Even), axis(Scale::Log), &lines);
        let expected = "<path class=\"line c0\" \
                        d=\"M68.0 256.0L293.3 28.0M744.0 96.6\"/>";
        assert!(svg.contains(expected), "{svg}");
        assert!(svg.contains("aria-label=\"Time &amp; again\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains("h0.1"), "{svg}");
    }

    #[test]
    fn nothing_is_a_plot_too() {
        let svg = plot("Nothing", axis(Scale::Even), axis(Scale::Log), &[]);
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{svg}");
    }
}
