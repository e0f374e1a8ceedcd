//! A sorted map in short runs that copies share, so that a copy in which a few entries
//! differ costs a few runs and not the whole.

use std::sync::Arc;

/// A sorted map whose clones share what they have in common.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<K, V> {
    /// Each sorted and not empty; every key of one is before every key of the next.
    runs: Vec<Arc<Vec<(K, V)>>>,
    len: usize,
}

/// Entries of a run at most; a longer one is cut in two.
const RUN: usize = 128;

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self {
            runs: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V: Clone> Sorted<K, V> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let run = self.runs.get(self.run_of(key))?;
        let at = run.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
        Some(&run[at].1)
    }

    /// Puts a value and gives the one before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let run = self.run_of(&key).min(self.runs.len().saturating_sub(1));
        if self.runs.is_empty() {
            self.runs.push(Arc::default());
        }
        let entries = Arc::make_mut(&mut self.runs[run]);
        match entries.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => Some(std::mem::replace(&mut entries[at].1, value)),
            Err(at) => {
                entries.insert(at, (key, value));
                self.len += 1;
                if entries.len() > RUN {
                    let rest = entries.split_off(RUN / 2);
                    self.runs.insert(run + 1, Arc::new(rest));
                }
                None
            }
        }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let run = self.run_of(key);
        let entries = self.runs.get(run)?;
        let at = entries.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
        let entries = Arc::make_mut(&mut self.runs[run]);
        let (_, value) = entries.remove(at);
        if entries.is_empty() {
            self.runs.remove(run);
        }
        self.len -= 1;
        Some(value)
    }

    /// Every entry with a key of at least `start`, ascending.
    pub(crate) fn range_from<'a>(
        &'a self,
        start: &K,
    ) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let run = self.run_of(start);
        let at = self.runs.get(run).map_or(0, |entries| {
            entries.partition_point(|(known, _)| known < start)
        });
        let entries = self.runs[run.min(self.runs.len())..].iter();
        entries
            .flat_map(|entries| entries.iter())
            .skip(at)
            .map(|(key, value)| (key, value))
    }

    /// Every entry with a key below `end`, descending.
    pub(crate) fn before<'a>(
        &'a self,
        end: &K,
    ) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let run = self.run_of(end);
        let at = self.runs.get(run).map_or(0, |entries| {
            entries.partition_point(|(known, _)| known < end)
        });
        let nearest = self.runs.get(run).map_or(&[][..], |entries| &entries[..at]);
        let others = self.runs[..run.min(self.runs.len())].iter().rev();
        nearest
            .iter()
            .rev()
            .chain(others.flat_map(|entries| entries.iter().rev()))
            .map(|(key, value)| (key, value))
    }

    /// Every entry, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let entries = self.runs.iter().flat_map(|entries| entries.iter());
        entries.map(|(key, value)| (key, value))
    }

    /// The run in which a key is or belongs; one behind the last for a key behind all.
    fn run_of(&self, key: &K) -> usize {
        self.runs
            .partition_point(|entries| entries.last().is_some_and(|(last, _)| last < key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_behaves_like_an_ordered_map_and_leaves_its_clones_alone() {
        let seed = 7;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut sorted = Sorted::default();
        let mut model = BTreeMap::new();
        for step in 0..20_000_u32 {
            let key = random.u32(0..1_000);
            if random.u8(0..3) < 2 {
                let before = sorted.insert(key, step);
                assert_eq!(before, model.insert(key, step), "seed {seed} step {step}");
            } else {
                assert_eq!(sorted.remove(&key), model.remove(&key), "seed {seed}");
            }
            assert_eq!(sorted.get(&key), model.get(&key), "seed {seed} step {step}");
            assert_eq!(sorted.len(), model.len(), "seed {seed} step {step}");
        }
        assert!(sorted.iter().eq(model.iter()));
        let copy = sorted.clone();
        for key in 0..1_000 {
            assert!(sorted.range_from(&key).eq(model.range(key..)), "from {key}");
            sorted.insert(key, 0);
            sorted.remove(&(key / 2));
        }
        assert!(copy.iter().eq(model.iter()), "the copy has changed");
        for key in 0..1_001 {
            let before = model.range(..key).rev();
            assert!(copy.before(&key).eq(before), "before {key}");
        }
    }
}
