//! Values by key, the most recently used ones within a weight.

use std::collections::HashMap;
use std::hash::Hash;

/// A bounded map that drops what wasn't used for longest. Dropping looks at every entry:
/// for values that cost far more to load than that.
pub(crate) struct Recent<K, V> {
    entries: HashMap<K, Entry<V>>,
    weight: u64,
    most: u64,
    uses: u64,
}

struct Entry<V> {
    value: V,
    weight: u64,
    last_use: u64,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// Nothing yet, and later values of at most this weight together, or one of any.
    pub(crate) fn new(most: u64) -> Self {
        Self {
            entries: HashMap::new(),
            weight: 0,
            most,
            uses: 0,
        }
    }

    /// A value, which thereby is used.
    pub(crate) fn get(&mut self, key: K) -> Option<&mut V> {
        self.uses += 1;
        let entry = self.entries.get_mut(&key)?;
        entry.last_use = self.uses;
        Some(&mut entry.value)
    }

    /// A value, which isn't thereby used.
    pub(crate) fn peek(&mut self, key: K) -> Option<&mut V> {
        self.entries.get_mut(&key).map(|entry| &mut entry.value)
    }

    /// Keeps a value and drops others as need be.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: u64) {
        self.remove(key);
        self.uses += 1;
        while self.weight + weight > self.most
            && let Some(oldest) = self.least_recent()
        {
            self.remove(oldest);
        }
        self.weight += weight;
        let last_use = self.uses;
        let entry = Entry {
            value,
            weight,
            last_use,
        };
        self.entries.insert(key, entry);
    }

    /// Drops a value.
    pub(crate) fn remove(&mut self, key: K) {
        if let Some(entry) = self.entries.remove(&key) {
            self.weight -= entry.weight;
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.weight = 0;
    }

    fn least_recent(&self) -> Option<K> {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use);
        oldest.map(|(key, _)| *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_the_newest_always_stays() {
        let mut recent = Recent::new(10);
        let check = |recent: &Recent<char, ()>, expected: &str| {
            let mut keys: Vec<char> = recent.entries.keys().copied().collect();
            keys.sort_unstable();
            assert_eq!(keys.into_iter().collect::<String>(), expected);
            let weight: u64 = recent.entries.values().map(|entry| entry.weight).sum();
            assert_eq!(weight, recent.weight);
        };
        recent.insert('a', (), 4);
        recent.insert('b', (), 4);
        assert!(recent.get('a').is_some());
        recent.insert('c', (), 2);
        check(&recent, "abc");
        recent.insert('d', (), 1);
        check(&recent, "acd");
        recent.insert('a', (), 5);
        check(&recent, "acd");
        recent.insert('e', (), 99);
        check(&recent, "e");
        assert!(recent.get('a').is_none());
        recent.clear();
        check(&recent, "");
    }
}
