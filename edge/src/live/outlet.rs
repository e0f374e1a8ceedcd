//! Where a live connection's frames leave: by a socket that was taken over from HTTP, or
//! as the body of an answer, which hyper asks for when it has room.
//!
//! A body has room for one frame. Until hyper has taken it, it counts as a socket that is
//! full: the hub keeps one more frame in flight, and merges the rest.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::Notify;

use super::driver::{Live, Surroundings};
use super::socket::LiveSocket;
use crate::slab::ConnectionId;

/// Where frames leave. Clones are the same outlet.
#[derive(Clone)]
pub(super) enum Outlet {
    Socket(Rc<LiveSocket>),
    Body(Rc<Mailbox>),
}

/// A frame on its way to hyper.
#[derive(Default)]
pub(super) struct Mailbox {
    frame: RefCell<Option<Bytes>>,
    has_ended: Cell<bool>,
    /// Hyper, which waits for a frame.
    reader: RefCell<Option<Waker>>,
    /// Told when the frame has been taken.
    taken: Notify,
}

/// The body of an answer that tells what changes for as long as its client listens.
pub(crate) struct EventStream<W: Surroundings> {
    live: Rc<Live<W>>,
    id: ConnectionId,
    mailbox: Rc<Mailbox>,
}

impl Outlet {
    /// Writes what fits; how many bytes.
    pub(super) fn try_write(&self, bytes: &Bytes) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => socket.try_write(bytes),
            Self::Body(mailbox) => mailbox.put(bytes),
        }
    }

    /// A socket that bytes can be sent by as they are, past [`Self::try_write`].
    pub(super) fn plain(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Socket(socket) => socket.plain(),
            Self::Body(_) => None,
        }
    }

    /// Waits until a write is worth trying.
    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.writable().await,
            Self::Body(mailbox) => mailbox.has_room().await,
        }
    }

    /// Ends the connection.
    pub(super) fn end(&self) {
        match self {
            Self::Socket(socket) => socket.end(),
            Self::Body(mailbox) => mailbox.end(),
        }
    }

    /// Says that nothing more is sent.
    pub(super) fn finish(&self) {
        match self {
            Self::Socket(socket) => socket.finish(),
            Self::Body(mailbox) => mailbox.end(),
        }
    }

    /// Ends the connection and forgets what wasn't sent.
    pub(super) fn cut(&self) {
        match self {
            Self::Socket(socket) => socket.cut(),
            Self::Body(mailbox) => {
                mailbox.frame.take();
                mailbox.end();
            }
        }
    }
}

impl Mailbox {
    fn put(&self, bytes: &Bytes) -> io::Result<usize> {
        if self.has_ended.get() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut frame = self.frame.borrow_mut();
        if frame.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *frame = Some(bytes.clone());
        self.wake_reader();
        Ok(bytes.len())
    }

    async fn has_room(&self) -> io::Result<()> {
        while self.frame.borrow().is_some() {
            if self.has_ended.get() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.taken.notified().await;
        }
        Ok(())
    }

    /// What is in it still leaves.
    fn end(&self) {
        self.has_ended.set(true);
        self.taken.notify_one();
        self.wake_reader();
    }

    fn wake_reader(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl<W: Surroundings> EventStream<W> {
    pub(super) fn new(live: Rc<Live<W>>, id: ConnectionId, mailbox: Rc<Mailbox>) -> Self {
        Self { live, id, mailbox }
    }

    /// Whether nothing more will come.
    #[cfg(test)]
    pub(super) fn is_ended(&self) -> bool {
        self.mailbox.has_ended.get() && self.mailbox.frame.borrow().is_none()
    }
}

impl<W: Surroundings> Body for EventStream<W> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mailbox = &self.mailbox;
        if let Some(bytes) = mailbox.frame.take() {
            mailbox.taken.notify_one();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if mailbox.has_ended.get() {
            return Poll::Ready(None);
        }
        mailbox.reader.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl<W: Surroundings> Drop for EventStream<W> {
    fn drop(&mut self) {
        self.mailbox.end();
        self.live.disconnect(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_room_for_one_frame_and_what_is_in_it_outlives_the_end() {
        let mailbox = Mailbox::default();
        let frame = Bytes::from_static(b"one");
        assert_eq!(mailbox.put(&frame).unwrap(), 3);
        let full = mailbox.put(&frame).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(mailbox.frame.take(), Some(frame.clone()));
        assert_eq!(mailbox.put(&frame).unwrap(), 3);
        mailbox.end();
        assert_eq!(mailbox.frame.take(), Some(frame.clone()));
        let ended = mailbox.put(&frame).unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::BrokenPipe);
    }
}
