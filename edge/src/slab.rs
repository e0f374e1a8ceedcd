//! Connections under small ids that are used again, but never for another connection.

/// Names a connection of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId {
    index: u32,
    generation: u32,
}

impl ConnectionId {
    /// A small number that no other connection has at the same time.
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }
}

/// Values under ids.
pub(crate) struct Slab<T> {
    entries: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Puts a value in.
    pub(crate) fn insert(&mut self, value: T) -> ConnectionId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, None));
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        });
        let (generation, entry) = &mut self.entries[index as usize];
        *entry = Some(value);
        ConnectionId {
            index,
            generation: *generation,
        }
    }

    /// The value under an id.
    pub(crate) fn get(&mut self, id: ConnectionId) -> Option<&mut T> {
        match self.entries.get_mut(id.index as usize) {
            Some((generation, entry)) if *generation == id.generation => entry.as_mut(),
            _ => None,
        }
    }

    /// Takes a value out; its id names nothing from then on.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<T> {
        let value = match self.entries.get_mut(id.index as usize) {
            Some((generation, entry)) if *generation == id.generation => {
                *generation = generation.wrapping_add(1);
                entry.take()
            }
            _ => None,
        };
        if value.is_some() {
            self.free.push(id.index);
        }
        value
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Every value with its id.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ConnectionId, &mut T)> {
        (0..).zip(&mut self.entries).filter_map(|(index, entry)| {
            let (generation, value) = entry;
            let generation = *generation;
            let id = ConnectionId { index, generation };
            value.as_mut().map(|value| (id, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_never_names_a_new_connection() {
        let mut slab = Slab::default();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        assert_eq!(slab.remove(first), None);
        let second = slab.insert("second");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.get(second), Some(&mut "second"));
        assert_eq!(slab.len(), 1);
        assert_eq!(
            slab.iter_mut().map(|(id, _)| id).collect::<Vec<_>>(),
            [second]
        );
    }
}
