use super::super::Rows;
use super::*;

/// Every sequence of `length` of these.
fn sequences<T: Copy>(of: &[T], length: u32) -> impl Iterator<Item = Vec<T>> {
    (0..of.len().pow(length)).map(move |number| {
        (0..length)
            .map(|place| of[number / of.len().pow(place) % of.len()])
            .collect()
    })
}

fn key(name: char) -> Key {
    vec![name as u8]
}

fn eight(number: i64) -> Value {
    number.to_le_bytes().to_vec()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Set(char, i64),
    Clear(char),
    ClearAll,
    Add(char, i64),
    /// Marks where a command begins.
    Save,
    /// Undoes that command.
    Undo,
}

use Step::{Add, Clear, ClearAll, Save, Set, Undo};

#[test]
fn reads_see_what_was_written_and_not_undone() {
    let steps = [
        Set('a', 1),
        Set('a', 2),
        Clear('a'),
        Set('b', 3),
        Save,
        Undo,
    ];
    for history in sequences(&steps, 6) {
        let before = Rows(BTreeMap::from([(key('a'), eight(9))]));
        let mut overlay = Overlay::default();
        for name in ['a', 'b'] {
            before.load(&mut overlay, Want::Key(key(name)));
        }
        let mut expected = before.clone();
        let mut saved = (overlay.savepoint(), expected.clone());
        for &step in &history {
            match step {
                Set(name, value) => overlay.set(key(name), eight(value)),
                Clear(name) => overlay.clear(key(name)),
                Save => saved = (overlay.savepoint(), expected.clone()),
                Undo => {
                    overlay.rollback(saved.0);
                    expected = saved.1.clone();
                }
                ClearAll | Add(..) => unreachable!("not among the steps"),
            }
            expected.apply(&write(step).into_iter().collect::<Vec<_>>());
            for name in ['a', 'b'] {
                let read = overlay.get(&key(name)).unwrap();
                assert_eq!(read, expected.0.get(&key(name)), "{history:?}");
            }
        }
        let mut after = before;
        after.apply(&overlay.into_writes(Timestamp::default()).0);
        assert_eq!(after, expected, "{history:?}");
    }
}

#[test]
fn summed_additions_leave_what_each_would_have_left() {
    let steps = [
        Add('a', 1),
        Add('a', -1),
        Add('b', 5),
        Set('a', 7),
        Clear('a'),
        ClearAll,
    ];
    for history in sequences(&steps, 6) {
        let writes: Vec<Write> = history.iter().copied().filter_map(write).collect();
        let summed = sum_adds(writes.iter().cloned());
        assert_eq!(left_by(&summed), left_by(&writes), "{history:?}");
        let adds = |name| {
            let is_add = |write: &&Write| matches!(write, Write::Add(to, _) if *to == key(name));
            summed.iter().filter(is_add).count()
        };
        let breaks = |step: &&Step| matches!(step, Set(..) | Clear(_) | ClearAll);
        let most = history.iter().filter(breaks).count() + 1;
        assert!(adds('a') <= most && adds('b') <= most, "{history:?}");
    }
}

fn write(step: Step) -> Option<Write> {
    Some(match step {
        Set(name, value) => Write::Set(key(name), eight(value)),
        Clear(name) => Write::Clear(key(name)),
        ClearAll => Write::ClearRange(Range {
            start: key('a'),
            end: key('c'),
        }),
        Add(name, by) => Write::Add(key(name), by),
        Save | Undo => return None,
    })
}

/// Counters that aren't 0, which is what an absent one counts as.
fn left_by(writes: &[Write]) -> BTreeMap<Key, Value> {
    let mut rows = Rows::default();
    rows.apply(writes);
    rows.0.retain(|_, value| *value != eight(0));
    rows.0
}
