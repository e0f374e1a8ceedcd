//! `parterre check`.

use parterre_core::store::any::AnyStore;

use super::Ended;
use crate::cli;

pub(super) async fn run(args: cli::Check) -> Result<(), Ended> {
    let store = AnyStore::open_existing(&args.store).await?;
    let report = parterre_core::check::check(&store).await?;
    println!("{report}");
    if report.is_clean() {
        Ok(())
    } else {
        Err(Ended::found())
    }
}
