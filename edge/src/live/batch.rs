//! Sends to many sockets by one system call, where the kernel has io_uring.
//!
//! What a send costs is mostly the kernel's own work, but a fifth of it is the way in and
//! out and the looking up of the socket. The batch is sent and answered before
//! [`Batch::send`] returns, so nothing here outlives a call: no buffer is handed over, no
//! completion comes later, and a socket that is full says so as it would to `send`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::squeue::Entry;
use io_uring::types::Fd;
use io_uring::{IoUring, Probe, opcode};
use parterre_domain::limits;
use rustix::net::SendFlags;

/// One thread's way to send batches.
pub(crate) struct Batch {
    ring: IoUring,
}

/// Bytes for a socket.
pub(crate) struct Sending<'a> {
    pub(crate) socket: BorrowedFd<'a>,
    pub(crate) bytes: &'a [u8],
}

/// Sends in a batch at most; a ring has a power of two.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const ENTRIES: u32 = limits::SENDS_PER_SLICE.next_power_of_two() as u32;

impl Batch {
    /// None where there is no io_uring, or it is forbidden: containers often forbid it.
    pub(crate) fn new() -> Option<Self> {
        match IoUring::new(ENTRIES).and_then(able) {
            Ok(ring) => Some(Self { ring }),
            Err(error) => {
                tracing::debug!(%error, "no io_uring, so each send is a system call");
                None
            }
        }
    }

    /// Sends what fits without waiting: how many bytes each socket took, or why none. Beyond
    /// [`limits::SENDS_PER_SLICE`] at once, the rest is answered as if its sockets were full.
    pub(crate) fn send(&mut self, sends: &[Sending<'_>]) -> Vec<io::Result<usize>> {
        let mut queue = self.ring.submission();
        let mut queued = 0;
        for (place, send) in (0..).zip(sends) {
            let entry = send.entry().user_data(place);
            // SAFETY: `sends` keeps the socket open and the bytes in place, and this
            // function doesn't return before the kernel has answered every entry.
            #[expect(unsafe_code, reason = "the kernel is given addresses")]
            let pushed = unsafe { queue.push(&entry) };
            if pushed.is_err() {
                break;
            }
            queued += 1;
        }
        drop(queue);
        self.answers(sends.len(), queued)
    }

    /// What became of so many sends, of which the queue has the first.
    fn answers(&mut self, count: usize, queued: usize) -> Vec<io::Result<usize>> {
        let mut answers: Vec<_> = (0..count)
            .map(|_| Err(io::ErrorKind::WouldBlock.into()))
            .collect();
        let mut missing = queued;
        while missing > 0 {
            if let Err(error) = self.ring.submit_and_wait(missing)
                && !is_passing(&error)
            {
                // The kernel may still hold addresses, and won't say until when.
                tracing::error!(%error, "io_uring is broken");
                std::process::abort();
            }
            for completion in self.ring.completion() {
                let place = usize::try_from(completion.user_data()).unwrap_or(usize::MAX);
                answers[place] = outcome(completion.result());
                missing -= 1;
            }
        }
        answers
    }
}

impl Sending<'_> {
    fn entry(&self) -> Entry {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        opcode::Send::new(Fd(self.socket.as_raw_fd()), self.bytes.as_ptr(), length)
            .flags(flags.bits().cast_signed())
            .build()
    }
}

/// The ring, if the kernel sends by it and may be asked to. Before Linux 5.6 there are rings
/// that can't send; and a policy may allow to make a ring and nothing else.
fn able(ring: IoUring) -> io::Result<IoUring> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    ring.submitter().submit()?;
    match probe.is_supported(opcode::Send::CODE) {
        true => Ok(ring),
        false => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Whether the same may succeed when it is tried again.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy
    )
}

/// What an answer of the kernel means: a number of bytes, or an error below zero.
fn outcome(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn each_socket_takes_what_fits_and_says_what_doesnt() {
        let Some(mut batch) = Batch::new() else {
            return println!("skipped: no io_uring");
        };
        let pairs: Vec<_> = (0..limits::SENDS_PER_SLICE)
            .map(|_| UnixStream::pair().unwrap())
            .collect();
        let (full, gone) = (3, 5);
        pairs[gone].1.shutdown(std::net::Shutdown::Both).unwrap();
        let large = vec![b'x'; 8 << 20];
        for round in 0_u8..20 {
            let texts: Vec<_> = (0..pairs.len())
                .map(|place| format!("{round} for {place}"))
                .collect();
            let sends = pairs
                .iter()
                .zip(&texts)
                .enumerate()
                .map(|(place, (pair, text))| Sending {
                    socket: pair.0.as_fd(),
                    bytes: if place == full {
                        &large
                    } else {
                        text.as_bytes()
                    },
                });
            let sends: Vec<_> = sends.collect();
            let answers = batch.send(&sends);
            for (place, answer) in answers.iter().enumerate() {
                match (place, answer) {
                    (place, Err(error)) if place == gone => {
                        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
                    }
                    (place, Ok(sent)) if place == full => {
                        assert!(round == 0 && *sent < large.len());
                    }
                    (place, Err(error)) if place == full => {
                        assert!(round > 0);
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    }
                    (place, answer) => {
                        assert_eq!(*answer.as_ref().unwrap(), texts[place].len());
                        let mut got = vec![0; texts[place].len()];
                        (&pairs[place].1).read_exact(&mut got).unwrap();
                        assert_eq!(got, texts[place].as_bytes());
                    }
                }
            }
        }
    }

    #[test]
    fn whoever_finds_no_place_in_a_batch_is_told_to_try_again() {
        let Some(mut batch) = Batch::new() else {
            return println!("skipped: no io_uring");
        };
        let pair = UnixStream::pair().unwrap();
        let places = ENTRIES as usize;
        let sends: Vec<_> = (0..places + 3)
            .map(|_| Sending {
                socket: pair.0.as_fd(),
                bytes: b"x",
            })
            .collect();
        let answers = batch.send(&sends);
        assert_eq!(answers.len(), sends.len());
        assert!(
            answers[..places]
                .iter()
                .all(|answer| matches!(answer, Ok(1)))
        );
        for answer in &answers[places..] {
            let error = answer.as_ref().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }
}
