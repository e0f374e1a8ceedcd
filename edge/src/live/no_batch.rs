//! Where there is no io_uring, no batch is ever made.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;

/// Never there.
pub(crate) struct Batch(Infallible);

/// Bytes for a socket.
pub(crate) struct Sending<'a> {
    pub(crate) socket: BorrowedFd<'a>,
    pub(crate) bytes: &'a [u8],
}

impl Batch {
    pub(crate) fn new() -> Option<Self> {
        None
    }

    pub(crate) fn send(&mut self, _: &[Sending<'_>]) -> Vec<io::Result<usize>> {
        match self.0 {}
    }
}
