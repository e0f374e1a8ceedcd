//! Frames on their way out: a slice at a time, together where that is possible.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use tokio::task::spawn_local;

use parterre_domain::limits;

use super::{Live, Surroundings};
use crate::live::batch::Sending;
use crate::live::hub::{Hub, World};
use crate::live::outlet::Outlet;
use crate::slab::ConnectionId;

impl<W: Surroundings> Live<W> {
    /// Serves everybody who is ready; between two slices others have their turn.
    pub(super) async fn serve_ready(self: &Rc<Self>) {
        while self.serve_slice() {
            tokio::task::yield_now().await;
        }
    }

    /// Serves those that are ready, a slice at most; whether there may be more.
    fn serve_slice(self: &Rc<Self>) -> bool {
        let mut slice = Vec::new();
        let mut hub = self.hub.borrow_mut();
        while slice.len() < limits::SENDS_PER_SLICE
            && let Some(id) = hub.pop_ready()
        {
            slice.push(id);
        }
        drop(hub);
        self.send_together(&slice);
        for &id in &slice {
            self.serve(id);
        }
        self.metrics.add(&self.hub.borrow_mut().take_tally());
        slice.len() == limits::SENDS_PER_SLICE
    }

    /// Writes to each of several connections what it is owed next, by one system call. What
    /// they are owed then, and what wasn't taken, is left to [`Self::serve`].
    fn send_together(&self, ids: &[ConnectionId]) {
        let mut batch = self.batch.borrow_mut();
        let Some(batch) = batch
            .as_mut()
            .filter(|_| ids.len() >= limits::SENDS_TOGETHER)
        else {
            return;
        };
        let (mut hub, outlets) = (self.hub.borrow_mut(), self.outlets.borrow());
        let now = Instant::now();
        let owed = |&id: &ConnectionId| {
            let outlet = outlets.get(id.index())?.as_ref()?;
            Some((id, outlet, outlet.plain()?, hub.next(id, now)?))
        };
        let owed: Vec<_> = ids.iter().filter_map(owed).collect();
        let sends: Vec<_> = owed
            .iter()
            .map(|&(_, _, socket, ref bytes)| Sending { socket, bytes })
            .collect();
        let answers = batch.send(&sends);
        for ((id, outlet, _, bytes), answer) in owed.into_iter().zip(answers) {
            settle(&mut hub, id, outlet, bytes, answer, now);
        }
    }

    /// Writes what a connection is owed; if its socket is full, a task of its own goes
    /// on when it no longer is.
    fn serve(self: &Rc<Self>, id: ConnectionId) {
        let Some(outlet) = self.outlet(id) else {
            return;
        };
        if self.pump(id, &outlet) == Pumped::Full {
            let live = Rc::clone(self);
            spawn_local(async move {
                while live.pump(id, &outlet) == Pumped::Full {
                    if outlet.writable().await.is_err() {
                        break;
                    }
                }
                live.wake.notify_one();
            });
        }
    }

    fn pump(&self, id: ConnectionId, outlet: &Outlet) -> Pumped {
        let mut hub = self.hub.borrow_mut();
        let now = Instant::now();
        while let Some(bytes) = hub.next(id, now) {
            let answer = outlet.try_write(&bytes);
            match settle(&mut hub, id, outlet, bytes, answer, now) {
                Wrote::Some => {}
                Wrote::Nothing => return Pumped::Full,
                Wrote::Never => return Pumped::Done,
            }
        }
        Pumped::Done
    }
}

/// What a socket did with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    /// It took some of it, or all.
    Some,
    /// It is full.
    Nothing,
    /// It takes nothing any more.
    Never,
}

/// Tells the hub what a socket did with bytes that were owed.
fn settle<W: World>(
    hub: &mut Hub<W>,
    id: ConnectionId,
    outlet: &Outlet,
    mut bytes: Bytes,
    answer: io::Result<usize>,
    now: Instant,
) -> Wrote {
    match answer {
        Ok(written) => {
            let rest = bytes.split_off(written);
            hub.wrote(id, (!rest.is_empty()).then_some(rest), true, now);
            Wrote::Some
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            hub.wrote(id, Some(bytes), false, now);
            Wrote::Nothing
        }
        Err(_) => {
            outlet.end();
            Wrote::Never
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pumped {
    /// The connection lacks nothing, or is gone.
    Done,
    /// The socket takes no more for now.
    Full,
}
