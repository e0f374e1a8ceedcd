//! `parterre check`.

use parterre_core::clock::Clock;
use parterre_core::store::any::AnyStore;

use super::Ended;
use crate::cli;

pub(super) async fn run(args: cli::Check) -> Result<(), Ended> {
    let store = AnyStore::open(&args.store)?;
    // At rest nothing is overdue: what is past its time waits for a core to run.
    let now = parterre_domain::Timestamp::from_millis(0).min(Clock::Wall.now());
    let report = parterre_core::check::check(&store, now).await?;
    println!("{report}");
    if report.is_clean() {
        Ok(())
    } else {
        Err(Ended::found())
    }
}
