//! A disk in memory whose syncs a test can hold up or let fail. Included by every test that
//! needs one.

use std::fmt;
use std::io;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

/// A disk that does something of a test's before each sync, and doesn't sync if that fails.
pub(crate) struct Disk<F> {
    memory: InMemoryBackend,
    before_sync: F,
}

impl<F> Disk<F> {
    pub(crate) fn new(before_sync: F) -> Self {
        Self {
            memory: InMemoryBackend::new(),
            before_sync,
        }
    }
}

impl<F> fmt::Debug for Disk<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

impl<F> StorageBackend for Disk<F>
where
    F: Fn() -> io::Result<()> + Send + Sync + 'static,
{
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        (self.before_sync)()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.memory.write(offset, data)
    }
}
