//! Plots: data in, SVG and its legend out. Pure; colours are classes that the page around it defines, so
//! that they follow the reader's light or dark.

use std::fmt::Write;

/// A plot's size in its own units; a page scales it.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
/// Room for labels at the left, the right, above and below.
const LEFT: f64 = 68.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BELOW: f64 = 44.0;
/// Lines that a page has colours for.
pub(super) const COLOURS: usize = 6;

/// A line of a plot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// How a value becomes a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From 0 on.
    Even,
    /// By its logarithm.
    Log,
    /// A quantile, by the logarithm of how few are beyond it: what HdrHistogram's plots do.
    Quantile,
}

/// One axis.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) label: &'static str,
    pub(super) scale: Scale,
    /// How a value is written.
    pub(super) write: fn(f64) -> String,
}

/// An axis with the values that it spans.
struct Span {
    axis: Axis,
    from: f64,
    to: f64,
}

/// Draws some lines. `title` is what a reader hears who doesn't see it.
pub(super) fn plot(title: &str, x: Axis, y: Axis, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let across = Span::of(x, points().map(|point| point.0));
    let upward = Span::of(y, points().map(|point| point.1));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
        escaped(title)
    );
    grid(&mut svg, &across, &upward);
    for (number, line) in lines.iter().enumerate() {
        let class = number % COLOURS;
        let path = path(line, &across, &upward);
        wrote(writeln!(
            svg,
            "<path class=\"line c{class}\" d=\"{path}\"/>"
        ));
    }
    svg.push_str("</svg>\n");
    svg + &legend(lines)
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
        Self { axis, from, to }
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

    fn x(&self, value: f64) -> f64 {
        LEFT + self.at(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BELOW - self.at(value) * (HEIGHT - TOP - BELOW)
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
fn grid(svg: &mut String, across: &Span, upward: &Span) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BELOW);
    for tick in upward.ticks() {
        let y = upward.y(tick);
        let said = (upward.axis.write)(tick);
        wrote(writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{said}</text>",
            LEFT - 6.0,
            y + 4.0
        ));
    }
    for tick in across.ticks() {
        let x = across.x(tick);
        let said = (across.axis.write)(tick);
        wrote(writeln!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{said}</text>",
            bottom + 16.0
        ));
    }
    let (x, y) = (across.axis.label, upward.axis.label);
    wrote(writeln!(
        svg,
        "<text class=\"axis\" x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{x}</text>\
         <text class=\"axis\" x=\"4\" y=\"14\">{y}</text>",
        HEIGHT - 6.0
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
        wrote(write!(path, "{pen}{:.1} {:.1}", across.x(*x), upward.y(*y)));
        pen = 'L';
    }
    // A single point is seen as a dot.
    if line.points.len() == 1 {
        path.push_str("h0.1");
    }
    path
}

/// Text as it may stand in HTML.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Writing to a text in memory fails nowhere.
fn wrote(written: std::fmt::Result) {
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
