//! The file of the embedded store: made, found, opened.

use std::path::Path;

use parterre_domain::limits;
use redb::{Builder, Database, DatabaseError};

use crate::store::Failure;

const FILE: &str = "parterre.redb";

/// Opens the file in a directory, and makes both if they aren't there.
pub(super) fn create(directory: &Path) -> Result<Database, Failure> {
    let shown = directory.display();
    std::fs::create_dir_all(directory)
        .map_err(|error| Failure(format!("can't make the directory {shown}: {error}")))?;
    let database = builder().create(directory.join(FILE));
    database.map_err(|error| closed(directory, &error))
}

/// Opens the file in a directory that holds one.
pub(super) fn open(directory: &Path) -> Result<Database, Failure> {
    let file = directory.join(FILE);
    if !file.is_file() {
        return Err(missing(directory));
    }
    let database = builder().open(file);
    database.map_err(|error| closed(directory, &error))
}

/// Makes the names of the file and its directory survive a power cut: redb syncs what is
/// in the file only. A parent that may not be opened was there before.
pub(super) fn sync_names(directory: &Path) -> Result<(), Failure> {
    let shown = directory.display();
    sync(directory).map_err(|error| Failure(format!("can't sync the directory {shown}: {error}")))
}

fn sync(directory: &Path) -> std::io::Result<()> {
    let directory = directory.canonicalize()?;
    std::fs::File::open(&directory)?.sync_all()?;
    match directory.parent().map(std::fs::File::open) {
        Some(Ok(parent)) => parent.sync_all(),
        Some(Err(_)) | None => Ok(()),
    }
}

/// Why a store that is there can't be opened.
fn closed(directory: &Path, error: &DatabaseError) -> Failure {
    let shown = directory.display();
    Failure(match error {
        DatabaseError::DatabaseAlreadyOpen => format!(
            "the store in {shown} is open in another process; stop that one or name another directory"
        ),
        error => format!("can't open the store in {shown}: {error}"),
    })
}

/// That there is no store, and where one may be: `--data` of a `standalone` holds its
/// store in a folder.
fn missing(directory: &Path) -> Failure {
    let shown = directory.display();
    let below = directory.join("store");
    let mend = if below.join(FILE).is_file() {
        format!("there is one in {}", below.display())
    } else {
        "name the directory that a core was given".to_owned()
    };
    Failure(format!(
        "there is no store in {shown}, for it holds no {FILE}; {mend}"
    ))
}

/// How every store is opened.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(limits::STORE_CACHE_BYTES);
    builder
}
