//! Numbers that are marked, a bit each: thousands of screens mark thousands of changes.

/// Marked numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    /// Marks a number; false when it was marked already.
    pub(super) fn mark(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// What is marked here and not there, from a number on.
    pub(super) fn beyond<'a>(&'a self, other: &'a Self, from: u32) -> impl Iterator<Item = u32> {
        let words = (0_u32..).step_by(64).zip(&self.0);
        words.flat_map(move |(first, word)| {
            let known = other.0.get(first as usize / 64).copied().unwrap_or(0);
            // Below `from`, nothing is asked.
            let asked = u64::MAX
                .checked_shl(from.saturating_sub(first))
                .unwrap_or(0);
            let mut left = word & !known & asked;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                (left != 0).then(|| {
                    left &= left - 1;
                    first + bit
                })
            })
        })
    }
}

impl FromIterator<u32> for Marks {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut marks = Self::default();
        for number in numbers {
            marks.mark(number);
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_is_what_is_missing_there() {
        let numbers = [0, 1, 63, 64, 65, 200, 4_095];
        let marks: Marks = numbers.into_iter().collect();
        for other in [&[][..], &[1, 64], &numbers, &[5, 9_000]] {
            let known: Marks = other.iter().copied().collect();
            for from in [0, 1, 2, 63, 64, 66, 128, 201, 4_095, 5_000] {
                let found: Vec<_> = marks.beyond(&known, from).collect();
                let is_beyond = |number: &u32| *number >= from && !other.contains(number);
                let expected: Vec<_> = numbers.into_iter().filter(is_beyond).collect();
                assert_eq!(found, expected, "{other:?} from {from}");
            }
        }
    }

    #[test]
    fn a_number_is_new_once() {
        let mut marks = Marks::default();
        assert!(marks.mark(70) && marks.mark(7));
        assert!(!marks.mark(70) && !marks.mark(7));
    }
}
