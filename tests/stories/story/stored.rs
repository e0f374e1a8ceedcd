//! Where the servers of a story keep their state.

use std::path::Path;

#[cfg(feature = "fdb")]
use super::FoundationDb;

/// A place for `--store`, and what must live as long as the servers.
pub(crate) struct Stored {
    name: String,
    #[cfg(feature = "fdb")]
    _database: Option<FoundationDb>,
}

impl Stored {
    /// A store that is there already.
    pub(crate) fn at(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            #[cfg(feature = "fdb")]
            _database: None,
        }
    }

    /// A new one in a folder; or in a cluster of its own, for stories that are told again
    /// with `PARTERRE_TEST_STORE=foundationdb`.
    pub(crate) fn within(folder: &Path) -> Self {
        #[cfg(feature = "fdb")]
        if super::text_setting("PARTERRE_TEST_STORE").as_deref() == Some("foundationdb") {
            let database = FoundationDb::start().expect("FoundationDB is installed");
            return Self {
                name: database.store(),
                _database: Some(database),
            };
        }
        Self::at(&format!("embedded:{}", folder.join("store").display()))
    }

    /// What `--store` takes.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}
