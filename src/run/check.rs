//! `parterre check`.

use parterre_core::config::StoreConfig;
use parterre_core::store::any::AnyStore;
use parterre_core::store::embedded::EmbeddedStore;

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
    Ok(match store {
        StoreConfig::Embedded(directory) => {
            AnyStore::Embedded(EmbeddedStore::open_existing(directory)?)
        }
        StoreConfig::Memory => AnyStore::open(store)?,
    })
}
