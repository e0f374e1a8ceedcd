//! A client's picture of one event, folded from what it hears, held to API.md's promise:
//! deltas in order, none missing, none twice, and counts that are the count of states.

use parterre_domain::wire::api::Availability;
use parterre_domain::wire::live::Changes;
use parterre_domain::{Counts, CountsChange, Rev, States};

/// An event as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    rev: Rev,
    states: States,
    counts: Counts,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A delta that begins after what the client has.
    #[error("a gap: at {mine}, then a delta from {from} to {rev}")]
    Gap {
        /// What the client has.
        mine: Rev,
        /// Where the delta begins.
        from: Rev,
        /// Where it ends.
        rev: Rev,
    },
    /// A delta that ends at or before what the client has.
    #[error("told twice: at {mine}, then a delta up to {rev}")]
    Twice {
        /// What the client has.
        mine: Rev,
        /// Where the delta ends.
        rev: Rev,
    },
    /// A snapshot of an earlier time than the client's.
    #[error("backwards: at {mine}, then a snapshot of {rev}")]
    Backwards {
        /// What the client has.
        mine: Rev,
        /// What it was sent.
        rev: Rev,
    },
    /// Counts that aren't the count of states.
    #[error("at {rev} told {told:?} and counted {counted:?}")]
    Counts {
        /// Where.
        rev: Rev,
        /// What was said.
        told: Counts,
        /// What the states add up to.
        counted: Counts,
    },
    /// A state that is none of f, p, s, w, or a ticket that the event doesn't have.
    #[error("at {0} a state or a ticket that there isn't")]
    Unreadable(Rev),
}

impl Fold {
    /// Begins from a snapshot.
    ///
    /// # Errors
    ///
    /// When its counts or letters are wrong.
    pub fn new(rev: Rev, told: Counts, letters: &str) -> Result<Self, Wrong> {
        let states = States::from_letters(letters).ok_or(Wrong::Unreadable(rev))?;
        let counts = states.count();
        let fold = Self {
            rev,
            states,
            counts,
        };
        fold.agrees(told)?;
        Ok(fold)
    }

    /// Where the client is.
    pub fn rev(&self) -> Rev {
        self.rev
    }

    /// Every ticket's state.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// How many are in which.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Replaces everything by a snapshot, which mustn't be older within an epoch.
    ///
    /// # Errors
    ///
    /// When it is older or wrong in itself.
    pub fn replace(&mut self, rev: Rev, told: Counts, letters: &str) -> Result<(), Wrong> {
        leads_on(self.rev, rev)?;
        *self = Self::new(rev, told, letters)?;
        Ok(())
    }

    /// Applies a delta.
    ///
    /// # Errors
    ///
    /// When it doesn't follow, or leads to other counts than it says.
    pub fn apply(
        &mut self,
        from: Rev,
        rev: Rev,
        told: Counts,
        changes: &Changes,
    ) -> Result<(), Wrong> {
        follows(self.rev, from, rev)?;
        for (ticket, state) in changes.iter() {
            let Some(before) = self.states.set(ticket, state) else {
                return Err(Wrong::Unreadable(rev));
            };
            self.counts = self.counts.after(CountsChange::of_step(before, state));
        }
        self.rev = rev;
        self.agrees(told)
    }

    /// How it differs from what the core says.
    pub fn differs(&self, core: &Availability) -> Option<String> {
        if self.rev != core.rev {
            return Some(format!("is at {}", self.rev));
        }
        if self.states.to_letters() != core.states {
            return Some("sees other states".to_owned());
        }
        (self.counts != core.counts).then(|| "counts otherwise".to_owned())
    }

    fn agrees(&self, told: Counts) -> Result<(), Wrong> {
        if told == self.counts {
            return Ok(());
        }
        Err(Wrong::Counts {
            rev: self.rev,
            told,
            counted: self.counts,
        })
    }
}

/// A delta follows what a client has.
///
/// # Errors
///
/// When it leaves something out, or tells what is known.
pub fn follows(mine: Rev, from: Rev, rev: Rev) -> Result<(), Wrong> {
    if mine < from {
        return Err(Wrong::Gap { mine, from, rev });
    }
    if rev <= mine {
        return Err(Wrong::Twice { mine, rev });
    }
    Ok(())
}

/// A snapshot is no older than what a client has, within an epoch.
///
/// # Errors
///
/// When it is.
pub fn leads_on(mine: Rev, rev: Rev) -> Result<(), Wrong> {
    if rev.epoch == mine.epoch && rev < mine {
        return Err(Wrong::Backwards { mine, rev });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parterre_domain::{Position, TicketId};

    use super::*;

    fn rev(n: u64) -> Rev {
        Rev {
            epoch: 1,
            position: Position::from_sequence(n),
        }
    }

    fn counts(free: u32, pending: u32) -> Counts {
        Counts {
            total: 4,
            free,
            pending,
            sold: 0,
        }
    }

    #[test]
    fn a_fold_takes_what_follows_and_nothing_else() {
        let pending = Changes {
            p: vec![TicketId(1)],
            ..Changes::default()
        };
        let beyond = Changes {
            p: vec![TicketId(4)],
            ..Changes::default()
        };
        let check = |from, to, told, changes: &Changes, expected: Result<(), Wrong>| {
            let mut fold = Fold::new(rev(5), counts(4, 0), "ffff").unwrap();
            let got = fold.apply(rev(from), rev(to), told, changes);
            assert_eq!(got, expected, "{from} to {to}");
        };
        let (mine, told) = (rev(5), counts(3, 1));
        check(5, 6, told, &pending, Ok(()));
        check(2, 6, told, &pending, Ok(()));
        let gap = Wrong::Gap {
            mine,
            from: rev(6),
            rev: rev(7),
        };
        check(6, 7, told, &pending, Err(gap));
        let twice = Wrong::Twice { mine, rev: rev(5) };
        check(4, 5, told, &pending, Err(twice));
        check(5, 6, told, &beyond, Err(Wrong::Unreadable(rev(6))));
        let wrong = Wrong::Counts {
            rev: rev(6),
            told: counts(4, 0),
            counted: told,
        };
        check(5, 6, counts(4, 0), &pending, Err(wrong));
    }

    #[test]
    fn a_snapshot_never_leads_back_within_an_epoch() {
        let mut fold = Fold::new(rev(5), counts(4, 0), "ffff").unwrap();
        let back = fold.replace(rev(4), counts(4, 0), "ffff");
        assert!(matches!(back, Err(Wrong::Backwards { .. })));
        let other_epoch = Rev { epoch: 2, ..rev(1) };
        assert_eq!(fold.replace(other_epoch, counts(3, 1), "fpff"), Ok(()));
        assert_eq!(fold.rev(), other_epoch);
    }
}
