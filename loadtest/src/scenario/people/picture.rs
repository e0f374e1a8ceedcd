//! What a person's screen shows of one event.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use parterre_domain::wire::api::Availability;
use parterre_domain::wire::live::Changes;
use parterre_domain::{Counts, Rev};

use super::deliveries::Told;
use crate::fold::{Fold, Wrong, follows, leads_on};
use crate::numbers::locked;
use crate::scenario::recorder::Recorder;

/// A screen, which its person changes and others look at.
#[derive(Default)]
pub(crate) struct Screen {
    picture: Mutex<Picture>,
    told: Mutex<Told>,
}

/// What is on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Picture {
    /// Nothing so far.
    #[default]
    Blank,
    /// Every ticket's state.
    Whole(Box<Fold>),
    /// Only where it is: folding all of many thousand screens would measure this tool.
    Mark(Rev),
}

impl Screen {
    /// Where it is.
    pub(super) fn rev(&self) -> Option<Rev> {
        match &*locked(&self.picture) {
            Picture::Blank => None,
            Picture::Whole(fold) => Some(fold.rev()),
            Picture::Mark(rev) => Some(*rev),
        }
    }

    /// What somebody makes of the whole picture, where there is one.
    pub(super) fn looked_at<T>(&self, look: impl FnOnce(&Fold) -> T) -> Option<T> {
        match &*locked(&self.picture) {
            Picture::Whole(fold) => Some(look(fold)),
            Picture::Blank | Picture::Mark(_) => None,
        }
    }

    /// What it was told of the changes of a run.
    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        locked(&self.told)
    }

    /// Takes a snapshot; `whole` says what to keep of the first one.
    pub(super) fn snapshot(
        &self,
        whole: bool,
        rev: Rev,
        counts: Counts,
        letters: &str,
    ) -> Result<(), Wrong> {
        self.told().snapshot(Instant::now());
        let mut picture = locked(&self.picture);
        match &mut *picture {
            Picture::Whole(fold) => fold.replace(rev, counts, letters),
            Picture::Mark(mine) => {
                leads_on(*mine, rev)?;
                *mine = rev;
                Ok(())
            }
            Picture::Blank => {
                *picture = match whole {
                    true => Picture::Whole(Box::new(Fold::new(rev, counts, letters)?)),
                    false => Picture::Mark(rev),
                };
                Ok(())
            }
        }
    }

    /// Takes a delta, which must follow.
    pub(super) fn delta(
        &self,
        from: Rev,
        rev: Rev,
        counts: Counts,
        changes: &Changes,
    ) -> Result<(), Wrong> {
        match &mut *locked(&self.picture) {
            Picture::Whole(fold) => fold.apply(from, rev, counts, changes),
            Picture::Blank => Err(Wrong::Gap {
                mine: Rev::default(),
                from,
                rev,
            }),
            Picture::Mark(mine) => {
                let before = *mine;
                *mine = rev.max(before);
                follows(before, from, rev)
            }
        }
    }

    pub(super) fn has(&self, rev: Rev) -> bool {
        self.rev().is_some_and(|mine| mine >= rev)
    }

    pub(super) fn count_compared(&self, recorder: &Recorder) {
        recorder.count(match &*locked(&self.picture) {
            Picture::Whole(_) => "folds compared at the end",
            Picture::Blank | Picture::Mark(_) => "screens whose rev was compared",
        });
    }

    /// How it differs from what the core says.
    pub(super) fn differs(&self, core: &Availability) -> Option<String> {
        match &*locked(&self.picture) {
            Picture::Blank => Some("heard nothing".to_owned()),
            Picture::Mark(rev) => (*rev != core.rev).then(|| format!("is at {rev}")),
            Picture::Whole(fold) => fold.differs(core),
        }
    }
}

#[cfg(test)]
mod tests {
    use parterre_domain::Position;

    use super::*;

    fn rev(n: u64) -> Rev {
        Rev {
            epoch: 1,
            position: Position::from_sequence(n),
        }
    }

    fn counts(free: u32) -> Counts {
        Counts {
            total: 2,
            free,
            pending: 2 - free,
            sold: 0,
        }
    }

    #[test]
    fn a_screen_that_only_marks_still_sees_what_is_missing_and_what_comes_twice() {
        let nothing = Changes::default();
        let check = |from, to, expected: Result<(), Wrong>| {
            let screen = Screen::default();
            screen.snapshot(false, rev(5), counts(2), "ff").unwrap();
            let got = screen.delta(rev(from), rev(to), counts(2), &nothing);
            assert_eq!(got, expected, "{from} to {to}");
        };
        let mine = rev(5);
        check(5, 6, Ok(()));
        check(3, 6, Ok(()));
        let (from, to) = (rev(6), rev(7));
        check(
            6,
            7,
            Err(Wrong::Gap {
                mine,
                from,
                rev: to,
            }),
        );
        check(4, 5, Err(Wrong::Twice { mine, rev: mine }));
    }

    #[test]
    fn a_screen_differs_from_the_core_in_rev_in_states_or_not() {
        let core = Availability {
            event: parterre_domain::EventId::from_number(1),
            rev: rev(6),
            counts: counts(1),
            states: "pf".to_owned(),
        };
        let check = |whole, at, free, letters, expected: Option<&str>| {
            let screen = Screen::default();
            screen
                .snapshot(whole, rev(at), counts(free), letters)
                .unwrap();
            let differs = screen.differs(&core);
            let fits = match (&differs, expected) {
                (Some(said), Some(expected)) => said.starts_with(expected),
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{differs:?}, expected {expected:?}");
        };
        check(true, 6, 1, "pf", None);
        check(false, 6, 2, "ff", None);
        check(true, 6, 1, "fp", Some("sees other states"));
        check(true, 5, 2, "ff", Some("is at"));
        check(false, 5, 2, "ff", Some("is at"));
        assert!(Screen::default().differs(&core).is_some());
    }
}
