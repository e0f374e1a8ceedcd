//! WebSocket frames (RFC 6455, section 5.2) as a server sends them: unmasked, whole
//! messages, no extensions.

/// Bytes of a frame's payload.
const FRAME_BYTES: u64 = 16 << 20;

/// A frame that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// What is in it.
    pub payload: &'a [u8],
}

/// The opcode of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message in text.
    Text,
    /// A message in bytes.
    Binary,
    /// The end.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

/// A frame that isn't understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Part of a message, which no server of this kind sends.
    #[error("a message in parts")]
    Part,
    /// Bits or an opcode without a meaning here.
    #[error("a frame that begins with {0:#04x}")]
    Unknown(u8),
    /// Only clients mask.
    #[error("a masked frame from a server")]
    Masked,
    /// Longer than any that is sent here.
    #[error("a frame of more than 16 MiB")]
    Long,
}

/// Cuts what a socket gives into frames. Keeps nothing but a frame that isn't whole yet, so
/// that thousands of idle sockets weigh next to nothing.
#[derive(Debug, Default)]
pub struct Frames {
    begun: Vec<u8>,
}

impl Frames {
    /// Takes what came, and hands on every frame that is whole.
    ///
    /// # Errors
    ///
    /// On the first frame that isn't understood.
    pub fn take(&mut self, bytes: &[u8], mut each: impl FnMut(Frame<'_>)) -> Result<(), BadFrame> {
        if self.begun.is_empty() {
            let used = whole(bytes, &mut each)?;
            self.begun.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.begun.extend_from_slice(bytes);
        let used = whole(&self.begun, &mut each)?;
        self.begun.drain(..used);
        if self.begun.is_empty() {
            self.begun = Vec::new();
        }
        Ok(())
    }
}

/// A frame as a server sends it, that begins with this byte.
pub fn framed(opening: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![opening];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..126), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Hands on the frames that are whole, and says how many bytes they are.
fn whole(bytes: &[u8], each: &mut impl FnMut(Frame<'_>)) -> Result<usize, BadFrame> {
    let mut used = 0;
    while let Some((frame, length)) = first(&bytes[used..])? {
        each(frame);
        used += length;
    }
    Ok(used)
}

/// The first frame and its length; none when it isn't whole.
fn first(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, BadFrame> {
    let [opening, short, rest @ ..] = bytes else {
        return Ok(None);
    };
    let kind = kind(*opening)?;
    if short & 0x80 != 0 {
        return Err(BadFrame::Masked);
    }
    let (length, rest) = match (short, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126 | 127, _) => return Ok(None),
        _ => (u64::from(*short), rest),
    };
    if length > FRAME_BYTES {
        return Err(BadFrame::Long);
    }
    let length = usize::try_from(length).map_err(|_| BadFrame::Long)?;
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let whole = bytes.len() - rest.len() + length;
    Ok(Some((Frame { kind, payload }, whole)))
}

fn kind(opening: u8) -> Result<Kind, BadFrame> {
    match opening {
        0x81 => Ok(Kind::Text),
        0x82 => Ok(Kind::Binary),
        0x88 => Ok(Kind::Close),
        0x89 => Ok(Kind::Ping),
        0x8a => Ok(Kind::Pong),
        0x00..=0x02 | 0x80 => Err(BadFrame::Part),
        other => Err(BadFrame::Unknown(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Kind, Vec<u8>)> {
        let (mut frames, mut seen) = (Frames::default(), Vec::new());
        for piece in pieces {
            let took = frames.take(piece, |frame| {
                seen.push((frame.kind, frame.payload.to_vec()));
            });
            took.unwrap();
        }
        assert_eq!(frames.begun.capacity(), 0, "something is left over");
        seen
    }

    #[test]
    fn frames_are_the_same_wherever_they_are_cut() {
        let messages = [
            (0x81, b"{\"op\":\"delta\"}".to_vec()),
            (0x89, Vec::new()),
            (0x82, vec![7; 126]),
            (0x81, vec![b'x'; 300]),
            (0x8a, b"?".to_vec()),
            (0x88, vec![3, 244]),
        ];
        let stream = messages.iter();
        let stream: Vec<u8> = stream
            .flat_map(|(opening, payload)| framed(*opening, payload))
            .collect();
        let expected = read([&stream[..]]);
        let payloads: Vec<&Vec<u8>> = expected.iter().map(|(_, payload)| payload).collect();
        let sent: Vec<&Vec<u8>> = messages.iter().map(|(_, payload)| payload).collect();
        assert_eq!(payloads, sent);
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let cuts = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(read(cuts), expected, "cut at {first} and {second}");
            }
        }
        assert_eq!(read(stream.chunks(1)), expected);
    }

    #[test]
    fn a_frame_may_be_as_long_as_a_snapshot() {
        let frame = framed(0x81, &vec![b'f'; 200_000]);
        let seen = read(frame.chunks(4_096));
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].1.len(), 200_000);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let check = |bytes: &[u8], expected| {
            let taken = Frames::default().take(bytes, |_| {});
            assert_eq!(taken, Err(expected), "{bytes:?}");
        };
        check(&[0x01, 0], BadFrame::Part);
        check(&[0x80, 0], BadFrame::Part);
        check(&[0xc1, 0], BadFrame::Unknown(0xc1));
        check(&[0x83, 0], BadFrame::Unknown(0x83));
        check(&[0x81, 0x80], BadFrame::Masked);
        check(&[0x81, 127, 0, 0, 0, 0, 1, 0, 0, 1], BadFrame::Long);
    }
}
