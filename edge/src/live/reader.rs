//! From bytes of a client to its messages: joins frames cut by the network and messages
//! cut by the client. Holds nothing while the client is silent.

use parterre_domain::limits;

use super::frame::{self, Opcode, Violation};

/// Something whole that a client sent.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 6455's names")]
pub enum Incoming<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    /// With the code that it gave.
    Close(Option<u16>),
}

/// What of a client's stream hasn't become a message yet: at most one message of
/// [`limits::LIVE_MESSAGE_BYTES`] and one frame.
#[derive(Default)]
pub struct Reader {
    /// The beginning of a frame.
    held: Vec<u8>,
    /// The frames of a message whose last one hasn't come.
    message: Vec<u8>,
    /// So many bytes of a text so far are known to be UTF-8.
    checked: usize,
    /// What that message is; none between messages.
    kind: Option<Opcode>,
}

impl Reader {
    /// Takes bytes in and hands every message that is now whole to `take`. The bytes are
    /// unmasked in place.
    ///
    /// # Errors
    ///
    /// A breach of the protocol, after which nothing more can be read.
    pub fn feed(
        &mut self,
        bytes: &mut [u8],
        mut take: impl FnMut(Incoming<'_>),
    ) -> Result<(), Violation> {
        if self.held.is_empty() {
            let taken = self.frames(bytes, &mut take)?;
            self.held.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        let taken = self.frames(&mut joined, &mut take)?;
        self.held = joined.split_off(taken);
        Ok(())
    }

    /// Bytes that it has memory for.
    #[cfg(test)]
    pub(crate) fn holds_bytes(&self) -> usize {
        self.held.capacity() + self.message.capacity()
    }

    fn frames(
        &mut self,
        bytes: &mut [u8],
        take: &mut impl FnMut(Incoming<'_>),
    ) -> Result<usize, Violation> {
        let mut taken = 0;
        loop {
            let room = limits::LIVE_MESSAGE_BYTES - self.message.len();
            let Some(frame) = frame::parse(&mut bytes[taken..], room)? else {
                return Ok(taken);
            };
            taken += frame.taken;
            self.frame(&frame, take)?;
        }
    }

    fn frame(
        &mut self,
        frame: &frame::ClientFrame<'_>,
        take: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), Violation> {
        match frame.opcode {
            Opcode::Ping => take(Incoming::Ping(frame.payload)),
            Opcode::Pong => take(Incoming::Pong),
            Opcode::Close => {
                take(Incoming::Close(close_code(frame.payload)?));
            }
            Opcode::Text | Opcode::Binary if self.kind.is_some() => {
                return Err(Violation::Protocol);
            }
            Opcode::Text | Opcode::Binary if frame.last => {
                take(message(frame.opcode, frame.payload)?);
            }
            Opcode::Text | Opcode::Binary => {
                self.kind = Some(frame.opcode);
                self.extend(frame.opcode, frame.payload)?;
            }
            Opcode::Continuation => {
                let kind = self.kind.ok_or(Violation::Protocol)?;
                self.extend(kind, frame.payload)?;
                if frame.last {
                    self.kind = None;
                    self.checked = 0;
                    take(message(kind, &std::mem::take(&mut self.message))?);
                }
            }
        }
        Ok(())
    }

    /// Adds a fragment to its message. A text that can't become UTF-8 any more is refused
    /// at once, not when its last fragment comes.
    fn extend(&mut self, kind: Opcode, payload: &[u8]) -> Result<(), Violation> {
        self.message.extend_from_slice(payload);
        if kind == Opcode::Text {
            let unchecked = &self.message[self.checked..];
            self.checked += match std::str::from_utf8(unchecked) {
                Ok(text) => text.len(),
                Err(error) if error.error_len().is_some() => return Err(Violation::NotUtf8),
                // The rest of a character is still to come.
                Err(error) => error.valid_up_to(),
            };
        }
        Ok(())
    }
}

fn message(kind: Opcode, payload: &[u8]) -> Result<Incoming<'_>, Violation> {
    match kind {
        Opcode::Text => std::str::from_utf8(payload)
            .map(Incoming::Text)
            .map_err(|_| Violation::NotUtf8),
        _ => Ok(Incoming::Binary(payload)),
    }
}

/// RFC 6455, sections 5.5.1 and 7.4: nothing, or a code that may be sent and text.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(Violation::Protocol),
        &[a, b, ref reason @ ..] => match u16::from_be_bytes([a, b]) {
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => std::str::from_utf8(reason)
                .map(|_| Some(code))
                .map_err(|_| Violation::NotUtf8),
            _ => Err(Violation::Protocol),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len();
        let mut bytes = vec![first];
        match u8::try_from(length) {
            Ok(short @ 0..=125) => bytes.push(0x80 | short),
            _ => {
                bytes.push(0xfe);
                bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        bytes.extend_from_slice(&MASK);
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
        bytes
    }

    fn read(chunks: &[&[u8]]) -> (Vec<String>, Result<(), Violation>) {
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            let outcome = reader.feed(&mut chunk.to_vec(), |got| seen.push(format!("{got:?}")));
            if outcome.is_err() {
                return (seen, outcome);
            }
        }
        assert!(reader.held.len() <= limits::LIVE_MESSAGE_BYTES + 14);
        (seen, Ok(()))
    }

    #[test]
    fn messages_come_whole_however_the_network_cuts_them() {
        let stream = [
            client(0x81, "Gérard".as_bytes()),
            client(0x01, b"one "),
            client(0x89, b"!"),
            client(0x80, b"message"),
            client(0x82, &[7; 200]),
            client(0x88, &[0x03, 0xe8]),
        ]
        .concat();
        let whole = read(&[&stream]);
        assert_eq!(whole.0.len(), 5, "{whole:?}");
        assert_eq!(whole.0[0], r#"Text("Gérard")"#);
        assert_eq!(whole.0[1], "Ping([33])");
        assert_eq!(whole.0[2], r#"Text("one message")"#);
        for size in 1..30 {
            let cut: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(read(&cut), whole, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn a_stream_that_breaks_the_protocol_ends() {
        let half = vec![b'x'; limits::LIVE_MESSAGE_BYTES / 2 + 1];
        let rows = [
            (
                "bytes that aren't UTF-8",
                client(0x81, &[0xff]),
                Violation::NotUtf8,
            ),
            (
                "a continuation of nothing",
                client(0x80, b"x"),
                Violation::Protocol,
            ),
            (
                "a message inside a message",
                [client(0x01, b"a"), client(0x81, b"b")].concat(),
                Violation::Protocol,
            ),
            (
                "fragments over the limit",
                [client(0x01, &half), client(0x80, &half)].concat(),
                Violation::TooBig,
            ),
            ("half a close code", client(0x88, &[3]), Violation::Protocol),
            (
                "a close code for nobody",
                client(0x88, &[3, 0xed]),
                Violation::Protocol,
            ),
        ];
        for (what, bytes, violation) in rows {
            assert_eq!(read(&[&bytes]).1, Err(violation), "{what}");
        }
    }

    #[test]
    fn a_silent_client_costs_no_buffer() {
        let mut reader = Reader::default();
        let bytes = client(0x81, b"hello");
        let mut whole = 0;
        for chunk in bytes.chunks(3) {
            reader.feed(&mut chunk.to_vec(), |_| whole += 1).unwrap();
        }
        assert_eq!(whole, 1);
        assert_eq!(reader.held.capacity() + reader.message.capacity(), 0);
    }
}
