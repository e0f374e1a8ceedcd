//! Zipf's law: the first of many is wanted twice as often as the second, thrice as often
//! as the third.

/// A law over the numbers from 0 up to some count.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// The chance that a draw is at most this number.
    up_to: Vec<f64>,
}

impl Zipf {
    /// The law with this exponent: 1 as Zipf has it, 0 for evenly spread. `count` is 1 or
    /// more.
    pub(crate) fn new(count: usize, exponent: f64) -> Self {
        let ranks = (1..=count.max(1)).scan(0.0_f64, |rank, _| {
            *rank += 1.0;
            Some(rank.powf(-exponent))
        });
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = ranks
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        for chance in &mut up_to {
            *chance /= sum;
        }
        Self { up_to }
    }

    /// One number by lot.
    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let lot = random.f64();
        let at = self.up_to.partition_point(|chance| *chance <= lot);
        at.min(self.up_to.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_drawn_twice_as_often_as_the_second() {
        let check = |exponent: f64, expected: f64| {
            let (law, mut random) = (Zipf::new(50, exponent), fastrand::Rng::with_seed(3));
            let mut drawn = [0_u32; 50];
            for _ in 0..200_000 {
                drawn[law.draw(&mut random)] += 1;
            }
            let ratio = f64::from(drawn[0]) / f64::from(drawn[1]);
            assert!((ratio / expected - 1.0).abs() < 0.1, "{exponent}: {ratio}");
            assert!(drawn.iter().all(|count| *count > 0), "{drawn:?}");
        };
        check(1.0, 2.0);
        check(0.0, 1.0);
    }

    #[test]
    fn one_is_always_drawn() {
        let mut random = fastrand::Rng::with_seed(3);
        assert_eq!(Zipf::new(1, 1.0).draw(&mut random), 0);
    }
}
