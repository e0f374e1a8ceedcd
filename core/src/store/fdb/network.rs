//! FoundationDB's client: one thread that does all of a process's talking to clusters.

use std::sync::atomic::{AtomicBool, Ordering};

use foundationdb::api::{FdbApiBuilder, NetworkAutoStop};
use foundationdb::options::NetworkOption;

use crate::store::Failure;

/// Whether it was ever started: FoundationDB's client can't be started again.
static STARTED: AtomicBool = AtomicBool::new(false);

/// The client's thread; dropping it stops it. `main` has it, and lets go of it when
/// every store has been dropped.
pub struct Network {
    _running: NetworkAutoStop,
}

/// What the client is to do wrong, for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// Conflicts, versions that are too old, and commits that went in and say they don't
    /// know: FoundationDB's own client buggification, with every fault in so many of a
    /// hundred cases.
    Percent(u8),
}

impl Network {
    /// Starts the client. A process can do so once.
    ///
    /// # Errors
    ///
    /// When the library is older than its header, or it was started before.
    pub fn start(faults: Faults) -> Result<Self, Failure> {
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(Failure("FoundationDB's client was started before".into()));
        }
        let wrong = |error| Failure(format!("FoundationDB's client can't start: {error}"));
        let mut network = FdbApiBuilder::default().build().map_err(wrong)?;
        if let Faults::Percent(percent) = faults {
            for option in [
                NetworkOption::ClientBuggifyEnable,
                NetworkOption::ClientBuggifySectionActivatedProbability(100),
                NetworkOption::ClientBuggifySectionFiredProbability(percent.into()),
            ] {
                network = network.set_option(option).map_err(wrong)?;
            }
        }
        // SAFETY: the thread must be stopped and joined before the process exits, which
        // dropping does; `main` drops it after the stores. A process that is aborted, or a
        // test that exits with it, takes the thread along.
        #[expect(
            unsafe_code,
            reason = "starting FoundationDB's client is unsafe by its type"
        )]
        let running = unsafe { network.boot() }.map_err(wrong)?;
        Ok(Self { _running: running })
    }
}
