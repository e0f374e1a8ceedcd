//! A whole store in memory, for tests, models and audits: rules run on it as they run in
//! the driver, one command a transaction.

use std::collections::BTreeMap;

use super::{Overlay, Stop, Want, Write};
use crate::command::{Answer, Command};
use crate::keys::{Key, Range};
use crate::{LogRecord, Refusal, Timestamp, limits};

/// Keys and values in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rows(pub BTreeMap<Key, Vec<u8>>);

impl Rows {
    /// Decides a command and applies its writes, or gives the refusal.
    ///
    /// # Errors
    ///
    /// The rules' refusal; nothing has changed then.
    ///
    /// # Panics
    ///
    /// When a rule never has enough or finds a broken record: both are bugs.
    pub fn run(
        &mut self,
        command: &Command,
        now: Timestamp,
    ) -> Result<(Answer, LogRecord), Refusal> {
        let mut overlay = Overlay::default();
        overlay.want(command.hints());
        for _ in 0..limits::LOAD_PASSES {
            for want in overlay.take_wanted() {
                self.load(&mut overlay, want);
            }
            match command.decide(now, &mut overlay) {
                Ok(answer) => {
                    let (writes, record) = overlay.into_writes(now);
                    self.apply(&writes);
                    return Ok((answer, record));
                }
                Err(Stop::Refused(refusal)) => return Err(refusal),
                Err(Stop::Missing) => overlay.clear_writes(),
                Err(Stop::Corrupt(what)) => panic!("{what}"),
            }
        }
        panic!("{command:?} never has enough records")
    }

    /// Loads what a rule wants.
    pub fn load(&self, overlay: &mut Overlay, want: Want) {
        match want {
            Want::Key(key) => {
                let value = self.0.get(&key).cloned();
                overlay.fill_key(key, value);
            }
            Want::Range(range, limit) => {
                let rows = self.range(&range).take(limit);
                let rows = rows
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                overlay.fill_range(range, limit, rows);
            }
        }
    }

    /// The entries of a range.
    pub fn range(&self, range: &Range) -> impl Iterator<Item = (&Key, &Vec<u8>)> {
        self.0.range(range.start.clone()..range.end.clone())
    }

    /// Applies writes. Revs aren't kept: the store assigns them.
    pub fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Set(key, value) => {
                    self.0.insert(key.clone(), value.clone());
                }
                Write::Clear(key) => {
                    self.0.remove(key);
                }
                Write::ClearRange(range) => self.0.retain(|key, _| !range.contains(key)),
                Write::Add(key, by) => {
                    let value = self.0.entry(key.clone()).or_insert_with(|| vec![0; 8]);
                    *value = (counter(value) + by).to_le_bytes().to_vec();
                }
                Write::SetRev(_) => {}
            }
        }
    }
}

/// Reads a counter's value; anything but eight bytes counts as 0.
pub fn counter(value: &[u8]) -> i64 {
    value.try_into().map_or(0, i64::from_le_bytes)
}
