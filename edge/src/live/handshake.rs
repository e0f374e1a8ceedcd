//! The opening handshake (RFC 6455, section 4.2), as a pure function of the request.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};
use parterre_domain::{Problem, Slug};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::message::Subprotocol;

/// A handshake that can be accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    pub(crate) subprotocol: Subprotocol,
    /// The headers of the 101.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a handshake can't be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHandshake {
    /// Not a request to upgrade, or to a version other than 13: 426, which must name
    /// what is expected.
    UpgradeRequired,
    /// A request to upgrade that isn't right: 400.
    Malformed(&'static str),
}

impl NoHandshake {
    /// What to answer.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::UpgradeRequired => {
                Slug::UpgradeRequired.problem("connect with a WebSocket, version 13")
            }
            Self::Malformed(detail) => Slug::Malformed.problem(detail),
        }
    }

    /// Says in the answer's headers what is expected (RFC 9110, section 7.8, and RFC
    /// 6455, section 4.4).
    pub(crate) fn add_headers(self, headers: &mut HeaderMap) {
        if self == Self::UpgradeRequired {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            );
        }
    }
}

/// Reads a request's head.
pub(crate) fn read(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<Handshake, NoHandshake> {
    if !lists(headers, header::UPGRADE, "websocket") {
        return Err(NoHandshake::UpgradeRequired);
    }
    if method != Method::GET || version < Version::HTTP_11 {
        return Err(NoHandshake::Malformed(
            "a WebSocket begins with GET over HTTP/1.1",
        ));
    }
    if !lists(headers, header::CONNECTION, "upgrade") {
        return Err(NoHandshake::Malformed("Connection doesn't list upgrade"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION) != Some(&HeaderValue::from_static("13")) {
        return Err(NoHandshake::UpgradeRequired);
    }
    let key = key(headers).ok_or(NoHandshake::Malformed(
        "Sec-WebSocket-Key isn't 16 bytes in base 64",
    ))?;
    let accept = HeaderValue::try_from(derive_accept_key(key))
        .map_err(|_| NoHandshake::Malformed("Sec-WebSocket-Key can't be answered"))?;
    let chosen = subprotocol(headers)?;
    let mut answer = vec![
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    // A client that offered none must fail the connection when one is named.
    answer.extend(chosen.map(|subprotocol| {
        let name = HeaderValue::from_static(subprotocol.name());
        (header::SEC_WEBSOCKET_PROTOCOL, name)
    }));
    Ok(Handshake {
        subprotocol: chosen.unwrap_or(Subprotocol::Json),
        headers: answer,
    })
}

fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = keys.next()?.as_bytes();
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let right = key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit);
    (right && keys.next().is_none()).then_some(key)
}

/// The first that we speak among those offered; none when none is offered.
fn subprotocol(headers: &HeaderMap) -> Result<Option<Subprotocol>, NoHandshake> {
    let mut offered = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).peekable();
    if offered.peek().is_none() {
        return Ok(None);
    }
    offered
        .find_map(Subprotocol::named)
        .map(Some)
        .ok_or(NoHandshake::Malformed(
            "none of the subprotocols is parterre.v1.json or parterre.v1.msgpack",
        ))
}

fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|listed| listed.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn handshake(rows: &[(&'static str, &'static str)]) -> Result<Handshake, NoHandshake> {
        let mut headers = HeaderMap::new();
        for &(name, value) in RIGHT.iter().chain(rows) {
            headers.remove(name);
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        read(&Method::GET, Version::HTTP_11, &headers)
    }

    #[test]
    fn the_accept_header_answers_the_key() {
        let accepted = handshake(&[]).unwrap();
        assert_eq!(accepted.subprotocol, Subprotocol::Json);
        // The example of RFC 6455, section 1.3.
        assert_eq!(accepted.headers[2].1, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accepted.headers.len(), 3, "no subprotocol was offered");
    }

    #[test]
    fn the_first_subprotocol_that_we_speak_is_chosen() {
        let rows = [
            ("parterre.v1.json", Some(Subprotocol::Json)),
            ("parterre.v1.msgpack", Some(Subprotocol::Msgpack)),
            (
                "chat, parterre.v1.msgpack, parterre.v1.json",
                Some(Subprotocol::Msgpack),
            ),
            ("chat", None),
            ("Parterre.v1.json", None),
        ];
        for (offered, chosen) in rows {
            let outcome = handshake(&[("sec-websocket-protocol", offered)]);
            assert_eq!(
                outcome.ok().map(|right| right.subprotocol),
                chosen,
                "{offered}"
            );
        }
    }

    #[test]
    fn a_wrong_handshake_is_refused_with_its_status() {
        let rows = [
            ("upgrade", "", 426),
            ("upgrade", "h2c", 426),
            ("sec-websocket-version", "8", 426),
            ("sec-websocket-version", "", 426),
            ("connection", "close", 400),
            ("sec-websocket-key", "", 400),
            ("sec-websocket-key", "dGhlIHNhbXBsZQ==", 400),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ!==", 400),
        ];
        for (name, value, status) in rows {
            let refused = handshake(&[(name, value)]).unwrap_err();
            assert_eq!(refused.problem().status, status, "{name}: {value}");
        }
    }
}
