//! Ranges of keys.

use super::Key;

/// Keys from `start` up to but without `end`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// The first key.
    pub start: Key,
    /// The first key beyond.
    pub end: Key,
}

impl Range {
    /// Every key that begins with a prefix whose last byte isn't 255.
    pub fn prefix(prefix: &[u8]) -> Self {
        let start = prefix.to_vec();
        let mut end = start.clone();
        while end.last() == Some(&u8::MAX) {
            end.pop();
        }
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Self { start, end }
    }

    /// The part of the range behind a key.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> Self {
        let mut next = key.to_vec();
        next.push(0);
        self.start = self.start.max(next);
        self
    }

    /// Whether a key lies in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && key < self.end.as_slice()
    }
}
