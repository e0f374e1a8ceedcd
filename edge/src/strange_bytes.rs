//! Whatever bytes a client of the edge sends, reading them ends in a value or a refusal,
//! within bounded memory.

#[path = "../../tests/strange/mod.rs"]
mod strange;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use parterre_domain::limits;

use self::strange::{each, each_text};
use crate::http::query;
use crate::live::message::Subprotocol;
use crate::live::reader::{Incoming, Reader};
use crate::search::{Cursor, fold};

/// A frame as a client sends it, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// What comes out of a reader that is fed in pieces of a size.
fn read(bytes: &[u8], size: usize) -> (Vec<String>, Option<u16>) {
    let (mut reader, mut seen) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(size) {
        let fed = reader.feed(&mut piece.to_vec(), |incoming| {
            for subprotocol in [Subprotocol::Json, Subprotocol::Msgpack] {
                drop(subprotocol.decode(&incoming));
            }
            seen.push(format!("{incoming:?}"));
        });
        assert!(reader.holds_bytes() <= 2 * limits::LIVE_MESSAGE_BYTES + 14);
        if let Err(violation) = fed {
            return (seen, Some(violation.code()));
        }
    }
    (seen, None)
}

#[test]
fn a_stream_of_frames_reads_the_same_however_it_is_cut() {
    let subscribe = br#"{"op":"subscribe","event":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#;
    let samples = [
        frame(0x81, subscribe),
        [
            frame(0x01, "κ".as_bytes()),
            frame(0x89, b"?"),
            frame(0x80, b"x"),
        ]
        .concat(),
        [
            frame(0x82, b"\x81\xa2op\xa7catalog"),
            frame(0x8a, b""),
            frame(0x88, b"\x03\xe8bye"),
        ]
        .concat(),
        [&[0x81, 0xfe, 0x01, 0x00, 9, 9, 9, 9][..], &[b'a'; 256]].concat(),
        [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4].to_vec(),
    ];
    let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
    each(&samples, |bytes| {
        let whole = read(bytes, bytes.len().max(1));
        for size in [1, 2, 7, 1_024] {
            assert_eq!(read(bytes, size), whole, "in pieces of {size} bytes");
        }
    });
}

#[test]
fn a_client_s_message_is_understood_or_refused_with_a_reason() {
    let samples: [&[u8]; 4] = [
        br#"{"op":"subscribe","event":"01ARZ3NDEKTSV4RRFFQ69G5FAV","since":"00"}"#,
        br#"{"op":"unsubscribe","event":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
        b"\x82\xa2op\xa9subscribe\xa5event\xba01ARZ3NDEKTSV4RRFFQ69G5FAV",
        b"\x81\xa2op\xa7catalog",
    ];
    each(&samples, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for decoded in [
            Subprotocol::Json.decode(&Incoming::Text(&text)),
            Subprotocol::Msgpack.decode(&Incoming::Binary(bytes)),
        ] {
            assert!(decoded.is_ok() || decoded.is_err_and(|why| !why.is_empty()));
        }
    });
}

#[test]
fn a_handshake_is_accepted_or_refused_with_its_status() {
    let right = "connection: Upgrade\nupgrade: websocket\nsec-websocket-version: 13\n\
                 sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n\
                 sec-websocket-protocol: parterre.v1.msgpack, parterre.v1.json";
    each(&[right.as_bytes()], |bytes| {
        let mut headers = HeaderMap::new();
        for line in bytes.split(|byte| *byte == b'\n').take(64) {
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let (name, value) = (parts.next().unwrap_or(b""), parts.next().unwrap_or(b""));
            let value = HeaderValue::from_bytes(value.trim_ascii());
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
                headers.append(name, value);
            }
        }
        match crate::live::handshake::read(&Method::GET, Version::HTTP_11, &headers) {
            Ok(accepted) => assert!(accepted.headers.len() >= 3),
            Err(refused) => assert!([400, 426].contains(&refused.status().as_u16())),
        }
    });
}

#[test]
fn a_query_is_a_wish_or_malformed() {
    let samples = [
        "category=Opera&city=Ghent&from=2026-01-01T00:00:00Z&q=a+b%20c&limit=7",
        "state=free&section=Stalls%2FA&tier=front&limit=1000&cursor=17",
        "cursor=0000018bcfe5687b01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "q=%C3%A9t%C3%A9&to=2030-01-01T00:00:00%2B02:00",
    ];
    each_text(&samples, |text| {
        if let Ok(wish) = query::events(Some(text)) {
            assert!((1..=limits::EVENTS_PER_PAGE).contains(&wish.limit));
        }
        if let Ok(wish) = query::tickets(Some(text)) {
            assert!((1..=limits::TICKETS_PER_PAGE).contains(&wish.limit));
        }
        drop(query::none(Some(text)));
    });
}

#[test]
fn a_cursor_reads_back_what_it_prints_and_a_search_folds_once() {
    let samples = [
        "0000018bcfe5687b01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "ffffffffffffffff7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "Straße ÉTÉ ﬁn İstanbul Łódź",
    ];
    each_text(&samples, |text| {
        if let Ok(cursor) = text.parse::<Cursor>() {
            assert_eq!(cursor.to_string(), text);
        }
        let folded = fold(text);
        assert_eq!(fold(&folded), folded, "{text:?}");
        assert!(folded.len() <= 20 * text.len().max(1), "{text:?}");
    });
}
