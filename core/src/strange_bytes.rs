//! Whatever bytes come to a core, reading them ends in a value or a refusal.

#[path = "../../tests/strange/mod.rs"]
mod strange;

use http::{HeaderMap, HeaderValue};
use parterre_domain::{Timestamp, limits};

use self::strange::{each, each_text};
use crate::http::idempotency_key;
use crate::payment::signature::{check, sign};

#[test]
fn a_signature_that_was_tampered_with_is_refused() {
    let now = Timestamp::from_millis(1_900_000_000_000);
    let (key, body) = ([7; 32], b"{\"paid\":true}");
    let right = sign(&key, body, now);
    let samples = [
        right.as_str(),
        "t=1,v1=00",
        "t=-9223372036854775808,v1=",
        "v1=aa,v1=bb,t=9",
    ];
    each_text(&samples, |header| {
        if check(&key, Some(header), body, now).is_ok() {
            let (_, digest) = right.split_once(",v1=").unwrap();
            let lower = header.to_lowercase();
            assert!(lower.contains(digest), "{header} passes for {right}");
        }
    });
    each(&[body], |bytes| {
        let believed = check(&key, Some(&right), bytes, now).is_ok();
        assert_eq!(believed, bytes == body);
    });
}

#[test]
fn an_idempotency_key_is_visible_ascii_within_its_length_or_refused() {
    let samples: [&[u8]; 3] = [
        b"0123456789abcdef",
        &[b'k'; 255],
        b"a key with spaces in it",
    ];
    each(&samples, |bytes| {
        let Ok(value) = HeaderValue::from_bytes(bytes) else {
            return;
        };
        let headers = HeaderMap::from_iter([(
            http::header::HeaderName::from_static("idempotency-key"),
            value,
        )]);
        if let Ok(key) = idempotency_key(&headers) {
            let key = key.unwrap();
            assert!(limits::IDEMPOTENCY_KEY_CHARS.contains(&key.len()));
            assert!(key.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
            assert_eq!(key.as_bytes(), bytes);
        }
    });
}
