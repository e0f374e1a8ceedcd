//! When things are due. Pure: a seeded schedule of instants, which knows nothing of how
//! long anything takes. Whatever is late is late by this schedule, so a server that stalls
//! can't make its load wait for it and look fast.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many things are due a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Rate {
    /// The same all the time.
    Flat {
        /// Things a second.
        per_second: f64,
    },
    /// From nothing up to this much at the end, evenly.
    Ramp {
        /// Things a second at the end.
        to: f64,
    },
    /// A day with its quiet night, its noon and its evening, squeezed into the run.
    Day {
        /// Things a second on average.
        mean: f64,
    },
    /// As many as can be done: a closed loop, which only looks for a ceiling.
    Flood,
}

/// How high the two humps of a day are and where they stand, beside [`NIGHT`]. Each is a
/// bell of width [`HUMP`], so that all of it together is 1 on average.
const NOON: (f64, f64) = (1.6, 0.42);
const EVENING: (f64, f64) = (3.2, 0.8);
const NIGHT: f64 = 0.15;
const HUMP: f64 = 0.1;

/// The instants at which things are due, from the beginning of a run, in order.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    rate: Rate,
    lasts: f64,
    random: fastrand::Rng,
    at: f64,
}

impl Rate {
    /// This rate's share for one of so many processes.
    pub(crate) fn shared_by(self, processes: f64) -> Self {
        match self {
            Self::Flat { per_second } => Self::Flat {
                per_second: per_second / processes,
            },
            Self::Ramp { to } => Self::Ramp { to: to / processes },
            Self::Day { mean } => Self::Day {
                mean: mean / processes,
            },
            Self::Flood => Self::Flood,
        }
    }

    /// Things a second at a point of the run, 0 to 1.
    fn at(self, point: f64) -> f64 {
        match self {
            Self::Flat { per_second } => per_second,
            Self::Ramp { to } => to * point,
            Self::Day { mean } => {
                let bell = |(height, middle): (f64, f64)| {
                    height * (-((point - middle) / HUMP).powi(2)).exp()
                };
                mean * (NIGHT + bell(NOON) + bell(EVENING))
            }
            Self::Flood => 0.0,
        }
    }

    /// No less than it ever is.
    fn peak(self) -> f64 {
        match self {
            Self::Flat { per_second } => per_second,
            Self::Ramp { to } => to,
            Self::Day { mean } => mean * (NIGHT + NOON.0 + EVENING.0),
            Self::Flood => 0.0,
        }
    }
}

impl Arrivals {
    /// A Poisson process of this rate: many people who know nothing of each other.
    pub(crate) fn new(rate: Rate, lasts: Duration, seed: u64) -> Self {
        Self {
            rate,
            lasts: lasts.as_secs_f64(),
            random: fastrand::Rng::with_seed(seed),
            at: 0.0,
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    /// Draws at the peak's rate and keeps each with the chance that the rate of its time
    /// has of the peak: "thinning", Lewis and Shedler 1979.
    fn next(&mut self) -> Option<Duration> {
        let peak = self.rate.peak();
        if peak <= 0.0 {
            return None;
        }
        loop {
            self.at -= (1.0 - self.random.f64()).ln() / peak;
            if self.at >= self.lasts {
                return None;
            }
            if self.random.f64() * peak < self.rate.at(self.at / self.lasts) {
                return Some(Duration::from_secs_f64(self.at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(100);

    fn all(rate: Rate) -> Vec<Duration> {
        Arrivals::new(rate, LASTS, 7).collect()
    }

    #[test]
    fn every_rate_gives_as_many_as_it_says_in_order() {
        let check = |rate, expected: f64| {
            let due = all(rate);
            assert!(due.is_sorted(), "{rate:?}");
            assert!(due.last().is_none_or(|last| *last < LASTS), "{rate:?}");
            // Five deviations of a Poisson process.
            let off = (due.len() as f64 - expected).abs();
            assert!(
                off <= 5.0 * expected.sqrt() + 0.01 * expected,
                "{rate:?}: {}",
                due.len()
            );
        };
        check(Rate::Flat { per_second: 50.0 }, 5_000.0);
        check(Rate::Ramp { to: 50.0 }, 2_500.0);
        check(Rate::Day { mean: 50.0 }, 5_000.0);
        check(Rate::Flat { per_second: 0.0 }, 0.0);
        check(Rate::Flood, 0.0);
    }

    #[test]
    fn a_day_is_busiest_in_the_evening_and_quiet_at_night() {
        let due = all(Rate::Day { mean: 100.0 });
        let within = |from, to| {
            let seconds = Duration::from_secs(from)..Duration::from_secs(to);
            due.iter().filter(|at| seconds.contains(at)).count()
        };
        let (night, noon, evening) = (within(0, 10), within(37, 47), within(75, 85));
        assert!(
            night * 5 < noon && noon < evening,
            "{night} {noon} {evening}"
        );
    }

    #[test]
    fn a_seed_means_one_schedule() {
        let rate = Rate::Flat { per_second: 10.0 };
        let of = |seed| Arrivals::new(rate, LASTS, seed).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let whole = Rate::Flat { per_second: 90.0 };
        assert_eq!(whole.shared_by(3.0), Rate::Flat { per_second: 30.0 });
        assert_eq!(Rate::Flood.shared_by(3.0), Rate::Flood);
    }
}
