//! Whatever bytes a client of the edge sends, reading them ends in a value or a refusal,
//! within bounded memory.

#[path = "../../tests/strange/mod.rs"]
mod strange;

use http::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use parterre_domain::limits;

use self::strange::{each, each_text};
use parterre_gate::tag;

use crate::cors::{Allowed, Cors};
use crate::http::route::Route;
use crate::http::{negotiate, query};
use crate::live::message::Subprotocol;
use crate::live::reader::{Incoming, Reader};
use crate::render::{Encoding, Format};
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
            Err(refused) => assert!([400, 426].contains(&refused.problem().status)),
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

fn map(name: HeaderName, values: &[&[u8]]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(name.clone(), HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

#[test]
fn nobody_gets_an_encoding_that_wasnt_named_however_its_list_is_cut() {
    let samples: [&[u8]; 6] = [
        b"gzip, deflate, br, zstd",
        b"gzip;q=0.5, br;q=0.001 ,identity;q=0",
        b"*;q=0.3, zstd;q=1.0",
        b"gzip, deflate",
        b"br",
        b"x-gzip;q=1;level=9, ;q=2, gzip;q=",
    ];
    each(&samples, |bytes| {
        let Some(whole) = map(ACCEPT_ENCODING, &[bytes]) else {
            return;
        };
        let chosen = negotiate::of(&whole);
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b',').collect();
        let cut = map(ACCEPT_ENCODING, &lines).map(|headers| negotiate::of(&headers));
        assert_eq!(cut, Some(chosen), "a line for each");
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let name = match chosen.encoding {
            Encoding::Identity => return,
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
        };
        assert!(text.contains(name) || text.contains('*'), "{name}");
    });
}

#[test]
fn nobody_gets_messagepack_who_didnt_name_it() {
    let samples: [&[u8]; 4] = [
        b"application/msgpack;q=0.9, application/json;q=0.901",
        b"text/html,application/xhtml+xml,*/*;q=0.8",
        b"Application/MsgPack",
        b"application/*, application/msgpack;q=0",
    ];
    each(&samples, |bytes| {
        let Some(headers) = map(ACCEPT, &[bytes]) else {
            return;
        };
        if negotiate::of(&headers).format == Format::Msgpack {
            let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
            assert!(text.contains("application/msgpack"));
        }
    });
}

#[test]
fn a_tag_is_known_only_to_who_names_it() {
    let etag = HeaderValue::from_static("\"00ab-d.m.br\"");
    let samples: [&[u8]; 4] = [
        b"\"00ab-d.m.br\"",
        b"W/\"00ab-d.m.br\", \"x\"",
        b"\"a,b\", *",
        b"\"00ab-d.m\"",
    ];
    each(&samples, |bytes| {
        let Some(headers) = map(IF_NONE_MATCH, &[bytes]) else {
            return;
        };
        let names = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        if tag::matches_any(&headers, &etag) {
            assert!(names(etag.as_bytes()) || names(b"*"));
        }
        let with = [bytes, b", W/", etag.as_bytes()].concat();
        let with = map(IF_NONE_MATCH, &[&with]).unwrap();
        assert!(tag::matches_any(&with, &etag));
    });
}

#[test]
fn only_the_origin_that_is_allowed_is_allowed() {
    let own = "https://tickets.example";
    let cors: Cors = [own.parse::<Allowed>().unwrap()].into_iter().collect();
    let samples = [
        own,
        "http://[::1]:8080",
        "null",
        "https://a.example/x?y#z",
        "*",
    ];
    each_text(&samples, |text| {
        if let Some(headers) = map(ORIGIN, &[text.as_bytes()]) {
            let allowed = cors.allowed(&headers);
            assert_eq!(allowed.is_some(), text == own, "{text:?}");
        }
        match text.parse::<Allowed>() {
            Ok(Allowed::Any) => assert_eq!(text, "*"),
            Ok(Allowed::One(origin)) => {
                assert_eq!(origin, text);
                assert!(text.contains("://") && !text.ends_with('/'), "{text}");
            }
            Err(why) => assert!(why.contains("is no origin"), "{why}"),
        }
    });
}

#[test]
fn a_path_means_one_call_in_one_spelling() {
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let samples = [
        format!("/v1/events/{id}/availability"),
        format!("/v1/reservations/{id}/checkout"),
        "/v1/payments/sandbox/webhook".to_owned(),
        "/sandbox/abc/pay".to_owned(),
        format!("/v1/events/{id}"),
        "/v1/live".to_owned(),
    ];
    let samples: Vec<&str> = samples.iter().map(String::as_str).collect();
    each_text(&samples, |path| {
        let Some(route) = Route::of(path) else {
            return;
        };
        let spelt = match route {
            Route::Home => "/".to_owned(),
            Route::Document => "/openapi.json".to_owned(),
            Route::Keys => "/v1/keys".to_owned(),
            Route::Events => "/v1/events".to_owned(),
            Route::Live => "/v1/live".to_owned(),
            Route::Event(event) => format!("/v1/events/{event}"),
            Route::Layout(event) => format!("/v1/events/{event}/layout"),
            Route::Availability(event) => format!("/v1/events/{event}/availability"),
            Route::Tickets(event) => format!("/v1/events/{event}/tickets"),
            Route::Similar(event) => format!("/v1/events/{event}/similar"),
            Route::Stream(event) => format!("/v1/events/{event}/live"),
            Route::Reserve(event) => format!("/v1/events/{event}/reservations"),
            Route::Reservation(one) => format!("/v1/reservations/{one}"),
            Route::Checkout(one) => format!("/v1/reservations/{one}/checkout"),
            // What a provider is called and names is its own affair, as is the page's version.
            Route::Part | Route::Webhook | Route::SandboxPage | Route::SandboxButton => {
                path.to_owned()
            }
        };
        assert_eq!(spelt, path);
        assert!(!route.allow().is_empty());
    });
}

#[test]
fn how_many_alike_is_a_number_within_bounds_or_refused() {
    each_text(
        &["limit=7", "limit=%31%30", "limit=100&x=1"],
        |text| match query::similar(Some(text)) {
            Ok(most) => assert!((1..=limits::EVENTS_PER_PAGE).contains(&most)),
            Err(problem) => match problem.status {
                422 => assert_eq!(problem.errors.unwrap()[0].field, "limit"),
                status => assert_eq!(status, 400),
            },
        },
    );
}
