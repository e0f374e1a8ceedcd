//! Frames of the WebSocket protocol (RFC 6455), as far as an edge speaks it: it writes
//! whole, unmasked frames and reads masked ones. No extension is negotiated.

use bytes::Bytes;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 6455's names")]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    fn is_control(self) -> bool {
        match self {
            Self::Close | Self::Ping | Self::Pong => true,
            Self::Continuation | Self::Text | Self::Binary => false,
        }
    }
}

/// A breach of the protocol, after which the stream can't be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The frame or their order is wrong.
    Protocol,
    /// Text that isn't UTF-8.
    NotUtf8,
    /// A message over [`parterre_domain::limits::LIVE_MESSAGE_BYTES`].
    TooBig,
}

impl Violation {
    /// The close code that RFC 6455, section 7.4.1, gives it.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// Bytes that a payload must leave free in front for [`seal`].
pub(crate) const HEADER_ROOM: usize = 10;

/// The payload of a control frame has at most so many bytes.
const CONTROL_BYTES: usize = 125;

/// Makes a frame of a buffer whose payload begins behind [`HEADER_ROOM`] bytes, so that
/// the payload needn't be copied.
pub(crate) fn seal(opcode: Opcode, mut buffer: Vec<u8>) -> Bytes {
    debug_assert!(buffer.len() >= HEADER_ROOM);
    let length = buffer.len() - HEADER_ROOM;
    let first = 0x80 | opcode as u8;
    let start = if let Ok(short @ 0..=125) = u8::try_from(length) {
        buffer[8..10].copy_from_slice(&[first, short]);
        8
    } else if let Ok(middle) = u16::try_from(length) {
        let [a, b] = middle.to_be_bytes();
        buffer[6..10].copy_from_slice(&[first, 126, a, b]);
        6
    } else {
        buffer[..2].copy_from_slice(&[first, 127]);
        buffer[2..10].copy_from_slice(&(length as u64).to_be_bytes());
        0
    };
    Bytes::from(buffer).slice(start..)
}

/// A frame around a copy of a payload.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut buffer = vec![0; HEADER_ROOM];
    buffer.extend_from_slice(payload);
    seal(opcode, buffer)
}

/// A close frame; `reason` has at most 123 bytes.
pub(crate) fn close(code: u16, reason: &[u8]) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason);
    debug_assert!(payload.len() <= CONTROL_BYTES);
    frame(Opcode::Close, &payload)
}

/// A frame from a client, unmasked in place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientFrame<'a> {
    pub(crate) last: bool,
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
    /// How many bytes of the input it took.
    pub(crate) taken: usize,
}

/// Reads one frame from the front of `input`; none when more bytes are needed. What can
/// be refused by its header is refused before its payload has come, so the caller never
/// holds more than `limit_bytes` and a header.
pub(crate) fn parse(
    input: &mut [u8],
    limit_bytes: usize,
) -> Result<Option<ClientFrame<'_>>, Violation> {
    let &mut [first, second, ..] = input else {
        return Ok(None);
    };
    let opcode = Opcode::of(first & 0x0f).ok_or(Violation::Protocol)?;
    let (last, reserved, masked) = (first & 0x80 != 0, first & 0x70, second & 0x80 != 0);
    let short = usize::from(second & 0x7f);
    let unfit = opcode.is_control() && (!last || short > CONTROL_BYTES);
    if reserved != 0 || !masked || unfit {
        return Err(Violation::Protocol);
    }
    let Some((length, header)) = payload_length(short, &input[2..])? else {
        return Ok(None);
    };
    if length > limit_bytes {
        return Err(Violation::TooBig);
    }
    let (from, taken) = (header + 4, header + 4 + length);
    if input.len() < taken {
        return Ok(None);
    }
    let (head, rest) = input.split_at_mut(from);
    let payload = &mut rest[..length];
    unmask(
        payload,
        [
            head[header],
            head[header + 1],
            head[header + 2],
            head[header + 3],
        ],
    );
    Ok(Some(ClientFrame {
        last,
        opcode,
        payload,
        taken,
    }))
}

/// The payload's length and where its mask begins. RFC 6455, section 5.2, wants the
/// shortest spelling.
fn payload_length(short: usize, rest: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let (length, header) = match (short, rest) {
        (126, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 4),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
        (126 | 127, _) => return Ok(None),
        _ => return Ok(Some((short, 2))),
    };
    let shortest = match short {
        126 => length > 125,
        _ => length > 0xffff && length >> 63 == 0,
    };
    if !shortest {
        return Err(Violation::Protocol);
    }
    let length = usize::try_from(length).map_err(|_| Violation::TooBig)?;
    Ok(Some((length, header)))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame as a client sends it; the length is spelled in `length_bytes`.
    fn masked(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = vec![first];
        bytes.extend_from_slice(length);
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
        bytes
    }

    type Parsed = (bool, Opcode, Vec<u8>, usize);

    fn parsed(mut bytes: Vec<u8>) -> Result<Option<Parsed>, Violation> {
        let frame = parse(&mut bytes, 4096)?;
        Ok(frame.map(|frame| {
            (
                frame.last,
                frame.opcode,
                frame.payload.to_vec(),
                frame.taken,
            )
        }))
    }

    #[test]
    fn a_client_frame_is_unmasked_and_measured() {
        let long = vec![b'x'; 300];
        let rows = [
            (
                masked(0x81, &[0x85], b"Hello"),
                true,
                Opcode::Text,
                &b"Hello"[..],
            ),
            (masked(0x02, &[0x80], b""), false, Opcode::Binary, b""),
            (
                masked(0x80, &[0x81], b"a"),
                true,
                Opcode::Continuation,
                b"a",
            ),
            (masked(0x89, &[0x80], b""), true, Opcode::Ping, b""),
            (
                masked(0x81, &[0xfe, 1, 44], &long),
                true,
                Opcode::Text,
                &long,
            ),
        ];
        for (bytes, last, opcode, payload) in rows {
            let length = bytes.len();
            for cut in 0..length {
                let short = parsed(bytes[..cut].to_vec());
                assert_eq!(short, Ok(None), "{opcode:?} cut at {cut}");
            }
            let expected = (last, opcode, payload.to_vec(), length);
            assert_eq!(parsed(bytes), Ok(Some(expected)));
        }
    }

    #[test]
    fn a_bad_header_is_refused_before_the_payload_has_come() {
        let rows: [(&str, &[u8], Violation); 12] = [
            ("unmasked", &[0x81, 0x05], Violation::Protocol),
            ("reserved bit 1", &[0xc1, 0x85], Violation::Protocol),
            ("reserved bit 3", &[0x91, 0x85], Violation::Protocol),
            ("opcode 3", &[0x83, 0x80], Violation::Protocol),
            ("opcode 11", &[0x8b, 0x80], Violation::Protocol),
            ("a ping in fragments", &[0x09, 0x80], Violation::Protocol),
            ("a long ping", &[0x89, 0xfe], Violation::Protocol),
            (
                "125 in two bytes",
                &[0x81, 0xfe, 0, 125],
                Violation::Protocol,
            ),
            (
                "65535 in eight bytes",
                &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
                Violation::Protocol,
            ),
            (
                "the highest bit",
                &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
                Violation::Protocol,
            ),
            ("4097 bytes", &[0x81, 0xfe, 0x10, 0x01], Violation::TooBig),
            (
                "a terabyte",
                &[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0],
                Violation::TooBig,
            ),
        ];
        for (what, bytes, violation) in rows {
            assert_eq!(parsed(bytes.to_vec()), Err(violation), "{what}");
        }
    }

    #[test]
    fn a_server_frame_spells_its_length_as_shortly_as_it_can() {
        let rows: [(usize, &[u8]); 6] = [
            (0, &[0x81, 0]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (200_000, &[0x81, 127, 0, 0, 0, 0, 0, 3, 0x0d, 0x40]),
        ];
        for (length, header) in rows {
            let bytes = frame(Opcode::Text, &vec![b'f'; length]);
            assert_eq!(&bytes[..header.len()], header, "{length}");
            assert_eq!(bytes.len(), header.len() + length);
        }
        assert_eq!(&close(1012, b"{}")[..], [0x88, 4, 0x03, 0xf4, b'{', b'}']);
    }
}
