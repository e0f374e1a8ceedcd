//! What measurements share that start their own server: a stage, Parterre on it, calls in a
//! closed loop, the floor under every delivery, and figures.
//!
//! Where CPU time is measured, the server is alone on core 0 and this process on core 1.
//! Nothing here passes or fails: a figure means something only beside another of the same
//! run.

mod alone;
mod calls;
mod figure;
mod floor;
mod machine;
mod parterre;
mod program;
mod stage;
mod table;

use std::fmt::Display;
use std::path::Path;

use serde::Serialize;

pub(crate) use alone::alone;
pub(crate) use calls::{Calls, Next, again, answered, by_turns, expect, like};
pub use figure::Figure;
pub(crate) use figure::{Number, float, millis};
pub(crate) use floor::{Floor, floor};
pub(crate) use machine::{machine, version};
pub(crate) use parterre::{Parterre, door};
pub(crate) use program::{LOOK, Launch, Program, free_address, under};
pub(crate) use stage::{Stage, comes_to_rest};
pub(crate) use table::Table;

use crate::wire::Failure;

/// Writes a text to a file.
///
/// # Errors
///
/// When it can't be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| odd(path, &error))
}

/// Writes a report for a program to read.
///
/// # Errors
///
/// As for [`write`].
pub(crate) fn write_json(path: &Path, report: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report).map_err(|error| odd(path, &error))?;
    write(path, &(text + "\n"))
}

fn odd(path: &Path, error: &dyn Display) -> Failure {
    Failure::Odd(format!("{}: {error}", path.display()))
}
