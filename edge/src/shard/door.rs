//! Which connections are let in.

use std::net::SocketAddr;
use std::time::Instant;

use parterre_domain::limits;
use parterre_gate::admission::{Admission, Place};

/// Why a connection is closed before anything is read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoorClosed {
    /// The shard has as many as it takes.
    Full,
    /// Its client opens them too fast.
    TooFast,
    /// Its client has too many.
    TooMany,
}

/// A place for one more connection of a shard that has so many.
pub(super) fn place(
    connections: usize,
    admission: &Admission,
    peer: SocketAddr,
    now: Instant,
) -> Result<Place, DoorClosed> {
    if connections >= limits::CONNECTIONS_PER_SHARD {
        return Err(DoorClosed::Full);
    }
    let caller = admission.peer(peer.ip());
    if admission.count(caller, now).is_err() {
        return Err(DoorClosed::TooFast);
    }
    admission.place(caller).ok_or(DoorClosed::TooMany)
}
