//! The head of an answer, as far as it says where the answer ends.

/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 16 << 10;
/// Bytes of a body.
const BODY_BYTES: usize = 16 << 20;
/// Headers of an answer.
const HEADERS: usize = 64;

/// Where an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Bytes of the head, its empty line included.
    pub(super) head: usize,
    /// Bytes of the body behind it.
    pub(super) body: usize,
}

impl Head {
    /// Bytes of the whole answer.
    pub(super) fn whole(self) -> usize {
        self.head + self.body
    }
}

/// An answer that isn't understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Not HTTP/1.
    #[error("not HTTP/1: {0}")]
    Unreadable(httparse::Error),
    /// A head without an end.
    #[error("a head of more than 16 KiB")]
    LongHead,
    /// A body that is longer than any that is asked for here.
    #[error("a body of more than 16 MiB")]
    LongBody,
    /// A body that doesn't say how long it is, or says it twice.
    #[error("a body without one length")]
    NoLength,
    /// More bytes than the answer has.
    #[error("bytes behind the answer")]
    Surplus,
}

/// Reads a head; none when it isn't whole yet.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>, BadAnswer> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = answer.parse(bytes).map_err(BadAnswer::Unreadable)?;
    let (httparse::Status::Complete(head), Some(status)) = (parsed, answer.code) else {
        let is_long = bytes.len() >= HEAD_BYTES;
        return if is_long {
            Err(BadAnswer::LongHead)
        } else {
            Ok(None)
        };
    };
    let body = match status {
        101 | 204 | 304 => 0,
        _ => length(answer.headers)?,
    };
    Ok(Some(Head { status, head, body }))
}

/// How long a body is by its headers: known beforehand, or this client doesn't take it.
fn length(headers: &[httparse::Header<'_>]) -> Result<usize, BadAnswer> {
    let named = |name: &'static str| {
        let headers = headers.iter();
        headers.filter(move |header| header.name.eq_ignore_ascii_case(name))
    };
    let mut lengths = named("content-length");
    let (Some(length), None, None) = (
        lengths.next(),
        lengths.next(),
        named("transfer-encoding").next(),
    ) else {
        return Err(BadAnswer::NoLength);
    };
    let length = std::str::from_utf8(length.value).ok();
    let length: usize = length
        .and_then(|text| text.trim().parse().ok())
        .ok_or(BadAnswer::NoLength)?;
    if length > BODY_BYTES {
        return Err(BadAnswer::LongBody);
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Option<(u16, usize)>, BadAnswer>) {
        let read = head(text.as_bytes());
        let read = read.map(|head| head.map(|head| (head.status, head.body)));
        assert_eq!(read, expected, "{text:?}");
    }

    #[test]
    fn an_answer_says_where_it_ends() {
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
        check(length, Ok(Some((200, 12))));
        check(
            "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\nx",
            Ok(Some((200, 0))),
        );
        check("HTTP/1.1 304 Not Modified\r\n\r\n", Ok(Some((304, 0))));
        // What a 304 says of a length is that of the body that isn't sent.
        check(
            "HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n",
            Ok(Some((304, 0))),
        );
        check(
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            Ok(Some((101, 0))),
        );
        for cut in 0..length.len() {
            check(&length[..cut], Ok(None));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let with = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        check(&with(""), Err(BadAnswer::NoLength));
        check(
            &with("Transfer-Encoding: chunked\r\n"),
            Err(BadAnswer::NoLength),
        );
        let both = "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n";
        check(&with(both), Err(BadAnswer::NoLength));
        let twice = "Content-Length: 1\r\nContent-Length: 1\r\n";
        check(&with(twice), Err(BadAnswer::NoLength));
        check(&with("Content-Length: -1\r\n"), Err(BadAnswer::NoLength));
        check(
            &with("Content-Length: 16777217\r\n"),
            Err(BadAnswer::LongBody),
        );
        let long = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(HEAD_BYTES));
        check(&long, Err(BadAnswer::LongHead));
        let version = BadAnswer::Unreadable(httparse::Error::Version);
        check("HTTP/2 200 OK\r\n\r\n", Err(version));
    }
}
