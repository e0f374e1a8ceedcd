//! The middle of what was measured, and how numbers are written.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The middle of several measurements of one thing, with the least and the most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Figure {
    /// Of what was measured; none of nothing.
    pub fn of(measured: &[f64]) -> Option<Self> {
        let mut sorted = measured.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            // Of an even number, the lower of the two in the middle.
            median: *sorted.get(sorted.len().saturating_sub(1) / 2)?,
            least: *sorted.first()?,
            most: *sorted.last()?,
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            median,
            least,
            most,
        } = *self;
        write!(f, "{}", Number(median))?;
        if least < most {
            write!(f, " ({} to {})", Number(least), Number(most))?;
        }
        Ok(())
    }
}

/// A number with the digits that mean something.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0.abs() {
            0.0..10.0 => format!("{:.2}", self.0),
            10.0..100.0 => format!("{:.1}", self.0),
            _ => format!("{:.0}", self.0),
        };
        let is_whole = !text.contains('.');
        for (at, letter) in text.char_indices() {
            // Behind every third digit from the end, if there is one before.
            let is_between = at > 0 && (text.len() - at).is_multiple_of(3);
            if is_whole && is_between && !text[..at].ends_with('-') {
                f.write_str(",")?;
            }
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

/// A time in milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A count for a calculation.
#[expect(clippy::cast_precision_loss, reason = "counts of a few millions")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_middle_between_the_least_and_the_most() {
        let check = |measured: &[f64], expected: &str| {
            let said = Figure::of(measured).map(|figure| figure.to_string());
            assert_eq!(said.unwrap_or_default(), expected, "{measured:?}");
        };
        check(&[], "");
        check(&[5.0], "5.00");
        check(&[11.26, 9.0, 120.4], "11.3 (9.00 to 120)");
        check(&[2.0, 1.0], "1.00 (1.00 to 2.00)");
        check(
            &[123_456.7, 1_234_567.0, 999.9],
            "123,457 (1,000 to 1,234,567)",
        );
        check(&[-0.5], "-0.50");
        check(&[-123_456.0], "-123,456");
    }
}
