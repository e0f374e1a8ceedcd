//! `parterre check`.

use std::path::Path;

use parterre_core::config::StoreConfig;
use parterre_core::store::any::AnyStore;

use super::Ended;
use crate::cli;

pub(super) async fn run(args: cli::Check) -> Result<(), Ended> {
    let store = open(&args.store)?;
    let report = parterre_core::check::check(&store).await?;
    println!("{report}");
    if report.is_clean() {
        Ok(())
    } else {
        Err(Ended::found())
    }
}

/// Opens a store that is there.
pub(super) fn open(store: &StoreConfig) -> Result<AnyStore, Ended> {
    if let StoreConfig::Embedded(directory) = store
        && is_empty(directory)
    {
        let shown = directory.display();
        return Err(Ended::cannot(format!(
            "there is no store in {shown}; name the directory that a core was given"
        )));
    }
    Ok(AnyStore::open(store)?)
}

/// Opening a store makes it, which an audit must not.
fn is_empty(directory: &Path) -> bool {
    let entries = directory.read_dir();
    entries.map_or(true, |mut entries| entries.next().is_none())
}
