//! The rules as a search runs them: the true ones, or the true ones tampered with.
//!
//! A mutant changes no production code. It changes the command before it is decided,
//! hides stored rows from it, or edits what it writes.

use parterre_domain::command::{Answer, Command};
use parterre_domain::keys::Key;
use parterre_domain::state::{Overlay, Rows, Stop, Want, Write};
use parterre_domain::{LogRecord, Refusal, Timestamp, limits};

type Commanding = fn(&mut Command);
type Reading = fn(&Command, &Key, Vec<u8>) -> Option<Vec<u8>>;
type Writing = fn(&Command, &mut Vec<Write>, &mut LogRecord);

/// Rules and how they are tampered with.
pub(crate) struct Rules {
    /// Changes the command.
    pub(crate) command: Commanding,
    /// Changes a row that the command reads; none hides it.
    pub(crate) read: Reading,
    /// Edits what the command writes and tells.
    pub(crate) written: Writing,
    /// What a refused command leaves behind.
    pub(crate) left: fn(&Command, &Refusal) -> Vec<Write>,
}

impl Rules {
    /// Untampered.
    pub(crate) const TRUE: Self = Self {
        command: |_| {},
        read: |_, _, value| Some(value),
        written: |_, _, _| {},
        left: |_, _| Vec::new(),
    };

    pub(crate) fn commanding(command: Commanding) -> Self {
        Self {
            command,
            ..Self::TRUE
        }
    }

    pub(crate) fn reading(read: Reading) -> Self {
        Self { read, ..Self::TRUE }
    }

    pub(crate) fn writing(written: Writing) -> Self {
        Self {
            written,
            ..Self::TRUE
        }
    }

    /// Decides a command as the driver does, one command a transaction.
    pub(crate) fn run(
        &self,
        rows: &mut Rows,
        mut command: Command,
        now: Timestamp,
    ) -> Result<(Answer, LogRecord), Refusal> {
        (self.command)(&mut command);
        let mut overlay = Overlay::default();
        overlay.want(command.hints());
        for _ in 0..limits::LOAD_PASSES {
            for want in overlay.take_wanted() {
                self.load(rows, &command, &mut overlay, want);
            }
            match command.decide(now, &mut overlay) {
                Ok(answer) => {
                    let (mut writes, mut record) = overlay.into_writes(now);
                    (self.written)(&command, &mut writes, &mut record);
                    rows.apply(&writes);
                    return Ok((answer, record));
                }
                Err(Stop::Refused(refusal)) => {
                    rows.apply(&(self.left)(&command, &refusal));
                    return Err(refusal);
                }
                Err(Stop::Missing) => overlay.clear_writes(),
                Err(Stop::Corrupt(what)) => panic!("{what}"),
            }
        }
        panic!("{command:?} never has enough records")
    }

    fn load(&self, rows: &Rows, command: &Command, overlay: &mut Overlay, want: Want) {
        match want {
            Want::Key(key) => {
                let value = rows.0.get(&key).cloned();
                let value = value.and_then(|value| (self.read)(command, &key, value));
                overlay.fill_key(key, value);
            }
            want @ Want::Range(..) => rows.load(overlay, want),
        }
    }
}
