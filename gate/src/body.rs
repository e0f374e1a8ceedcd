//! A request's body: bounded in bytes, in time, and in how slowly it may come.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use parterre_domain::{Problem, Slug, limits};

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes in all.
    pub bytes: usize,
    /// How long it may take.
    pub patience: Duration,
    /// Bytes a second that it must bring after [`limits::BODY_GRACE`].
    pub bytes_per_second: u32,
}

impl Bounds {
    /// When a body must have brought more than `bytes`, from its beginning on.
    fn deadline(&self, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / self.bytes_per_second.max(1);
        (limits::BODY_GRACE + earned).min(self.patience)
    }
}

/// Reads a request's whole body.
///
/// # Errors
///
/// With what to answer: 413, 408, or 400 when it breaks off.
pub async fn read<B>(headers: &HeaderMap, mut body: B, bounds: Bounds) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let length = headers.get(CONTENT_LENGTH);
    let declared = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > bounds.bytes) {
        return Err(too_large(bounds));
    }
    let began = Instant::now();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let read = first.len() + rest.len();
        let frame = timeout_at(began + bounds.deadline(read), body.frame()).await;
        let data = match frame {
            Err(_) => return Err(too_slow(bounds)),
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Slug::Malformed.problem("the body ended too early"));
            }
            // Trailers say nothing to us.
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        if read + data.len() > bounds.bytes {
            return Err(too_large(bounds));
        }
        if read == 0 {
            first = data;
        } else {
            if rest.is_empty() {
                // A body is nearly always in one piece; only others are copied.
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

fn too_large(bounds: Bounds) -> Problem {
    Slug::TooLarge.problem(format!("a body may have {} bytes", bounds.bytes))
}

fn too_slow(bounds: Bounds) -> Problem {
    Slug::TooSlow.problem(format!(
        "a body must come within {} s, with at least {} bytes a second",
        bounds.patience.as_secs(),
        bounds.bytes_per_second
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;
    use tokio::time::Sleep;

    use super::*;

    /// Brings a piece of so many bytes every so many milliseconds.
    struct Dribble {
        pieces: VecDeque<usize>,
        every: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl Body for Dribble {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.next.as_mut().poll(cx));
            let at = Instant::now() + self.every;
            self.next.as_mut().reset(at);
            let piece = self.pieces.pop_front();
            Poll::Ready(piece.map(|size| Ok(Frame::data(vec![b'x'; size].into()))))
        }
    }

    async fn outcome(pieces: usize, size: usize, every: u64) -> Result<usize, u16> {
        let every = Duration::from_millis(every);
        let body = Dribble {
            pieces: vec![size; pieces].into(),
            every,
            next: Box::pin(tokio::time::sleep(every)),
        };
        let bounds = Bounds {
            bytes: 10_000,
            patience: Duration::from_secs(30),
            bytes_per_second: 100,
        };
        let read = read(&HeaderMap::new(), body, bounds).await;
        read.map(|bytes| bytes.len())
            .map_err(|problem| problem.status)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_if_it_is_neither_too_large_nor_too_slow() {
        let rows = [
            (0, 0, 0, Ok(0)),
            (1, 10_000, 0, Ok(10_000)),
            (4, 2_500, 10, Ok(10_000)),
            (1, 10_001, 0, Err(413)),
            (2, 5_001, 10, Err(413)),
            // As slow as allowed, and slower.
            (20, 100, 1_000, Ok(2_000)),
            (200, 1, 100, Err(408)),
            (1, 1, 60_000, Err(408)),
            // Fast enough for its bytes, and yet too long.
            (100, 100, 500, Err(408)),
        ];
        for (pieces, size, every, expected) in rows {
            let outcome = outcome(pieces, size, every).await;
            assert_eq!(
                outcome, expected,
                "{pieces} pieces of {size} every {every} ms"
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_says_it_is_too_large_isnt_begun() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, 101.into());
        let bounds = Bounds {
            bytes: 100,
            patience: Duration::from_secs(1),
            bytes_per_second: 1,
        };
        let body = http_body_util::Empty::new();
        assert_eq!(read(&headers, body, bounds).await.unwrap_err().status, 413);
    }
}
