//! A connection under hyper: counted as it gets on, and answered in our words where hyper
//! would answer in its own.
//!
//! What hyper can't read it refuses with a bare status. The contract says that every
//! error is a problem with a `Request-Id`, so such an answer is replaced on its way out.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use parterre_domain::{Slug, limits};

use crate::head::headers_detail;
use crate::progress::{Progress, Verdict};
use crate::stream::Stream;

/// A connection whose progress is counted.
#[derive(Debug)]
pub struct Guarded {
    stream: Stream,
    progress: Arc<Progress>,
    /// The rest of an answer of our own.
    owed: Option<Bytes>,
    is_shut: bool,
    lingered: usize,
}

thread_local! {
    /// Short parts of an answer as one: the kernel takes one buffer for less than several,
    /// and the difference is more than the copy costs.
    static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Guarded {
    pub(crate) fn new(stream: Stream, progress: Arc<Progress>) -> Self {
        Self {
            stream,
            progress,
            owed: None,
            is_shut: false,
            lingered: 0,
        }
    }

    /// The connection, no longer counted.
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    fn owe(&mut self, slug: Slug) {
        self.owed = Some(answer(slug));
        self.progress.answers_itself(slug.parts().0);
    }

    fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(owed) = &mut self.owed {
            if owed.is_empty() {
                self.owed = None;
                break;
            }
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, owed))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            owed.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Replaces an answer of hyper's own; none if it isn't one.
    fn replace(&mut self, cx: &mut Context<'_>, first: &[u8]) -> Option<Poll<io::Result<()>>> {
        if self.owed.is_none() {
            let slug = bare_refusal(first, self.progress.line_bytes())?;
            self.owe(slug);
            self.progress.linger();
        }
        Some(self.poll_owed(cx))
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.progress.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.progress.blocked(),
        }
        written
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.progress.verdict() == Some(Verdict::SlowHead) {
            if self.owed.is_none() && !self.is_shut {
                self.owe(Slug::TooSlow);
            }
            // Whether it can be said or not, to hyper the client has gone.
            drop(self.poll_owed(cx));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let new = buffer.filled().get(before..).unwrap_or_default();
        if !new.is_empty() {
            self.progress.read(new);
        }
        polled
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(replaced) = self.replace(cx, bytes) {
            return replaced.map_ok(|()| bytes.len());
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.first().map_or(&[][..], |part| part);
        let length = parts.iter().map(|part| part.len()).sum();
        if let Some(replaced) = self.replace(cx, first) {
            return replaced.map_ok(|()| length);
        }
        let stream = Pin::new(&mut self.stream);
        let written = if length <= limits::GATHERED_BYTES {
            GATHERED.with_borrow_mut(|gathered| {
                gathered.clear();
                for part in parts {
                    gathered.extend_from_slice(part);
                }
                stream.poll_write(cx, gathered)
            })
        } else {
            stream.poll_write_vectored(cx, parts)
        };
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_pending() {
            self.progress.blocked();
        } else {
            self.progress.flushed();
        }
        flushed
    }

    /// Says that no more is sent. After a refusal it then reads and forgets what still
    /// comes: a connection that is closed over unread bytes is reset, and a reset may
    /// overtake the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut = true;
            self.progress.closing();
        }
        let mut scratch = [0; 1 << 10];
        while self.progress.lingers() && self.lingered < limits::LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 {
                break;
            }
            self.lingered += count;
        }
        Poll::Ready(Ok(()))
    }
}

/// What an answer that begins so refuses, if it is one that hyper makes by itself: an
/// error without a body and without an id. No body of ours can be taken for one: none
/// has a bare line end after such a beginning.
fn bare_refusal(bytes: &[u8], line_bytes: u64) -> Option<Slug> {
    let status = bytes.strip_prefix(b"HTTP/1.1 4")?;
    let head = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    if head.contains("\r\nrequest-id:") || !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let limit = u64::try_from(limits::URI_BYTES).unwrap_or(u64::MAX);
    match status.get(..2)? {
        b"31" if line_bytes > limit => Some(Slug::UriTooLong),
        b"31" => Some(Slug::HeadersTooLarge),
        b"14" => Some(Slug::UriTooLong),
        _ => Some(Slug::Malformed),
    }
}

fn detail(slug: Slug) -> String {
    match slug {
        Slug::UriTooLong => format!("path and query may have {} bytes", limits::URI_BYTES),
        Slug::HeadersTooLarge => headers_detail(),
        Slug::TooSlow => format!(
            "a request's head must come within {} s",
            limits::HEAD_PATIENCE.as_secs()
        ),
        _ => "this isn't a request of HTTP/1.1".to_owned(),
    }
}

/// A problem as a whole answer of HTTP/1.1.
fn answer(slug: Slug) -> Bytes {
    let problem = slug.problem(detail(slug));
    let body = problem.to_json();
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         request-id: {:016x}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        problem.status,
        problem.title,
        fastrand::u64(..),
        body.len()
    );
    [head.into_bytes(), body].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hyper_says_by_itself_is_replaced() {
        let check = |head: &str, line: u64, expected: Option<Slug>| {
            assert_eq!(bare_refusal(head.as_bytes(), line), expected, "{head}");
        };
        let bare = "\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let large = Some(Slug::HeadersTooLarge);
        check(&format!("HTTP/1.1 431 Too Large{bare}"), 100, large);
        check(
            &format!("HTTP/1.1 431 Too Large{bare}"),
            9_000,
            Some(Slug::UriTooLong),
        );
        check(
            &format!("HTTP/1.1 414 Too Long{bare}"),
            9,
            Some(Slug::UriTooLong),
        );
        check(&format!("HTTP/1.1 400 Bad{bare}"), 9, Some(Slug::Malformed));
        check(&format!("HTTP/1.1 204 No Content{bare}"), 9, None);
        check(
            &format!("HTTP/1.1 404 Not Found\r\nrequest-id: 1{bare}"),
            9,
            None,
        );
        check("HTTP/1.1 431 in a text", 9, None);
        check("", 9, None);
    }
}
