//! Reads that are answered at once because their body lies ready, held against the same
//! reads the long way round: an empty query changes nothing but the way.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{DATE, HeaderName};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use parterre_domain::TicketState;
use parterre_edge::http::Ready;

use crate::core::{Core, id};
use crate::stage::{Edge, config};

const ACCEPTS: [&str; 4] = [
    "",
    "*/*",
    "application/msgpack",
    "application/json;q=0.1, application/msgpack",
];
const ENCODINGS: [&str; 4] = ["", "gzip, deflate, br, zstd", "gzip;q=0.5", "br;q=0, *"];
const ORIGINS: [&str; 3] = ["", "https://shop.example", "https://elsewhere.example"];

/// The headers of one request.
type Head<'a> = Vec<(&'static str, &'a str)>;

async fn ask(edge: &Edge, method: &Method, path: &str, head: &Head<'_>) -> Response<Bytes> {
    let mut request = edge.request(method.clone(), path);
    for (name, value) in head.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    edge.send(request.body(Full::default()).unwrap()).await
}

/// All of an answer but what differs by nature.
fn told(mut response: Response<Bytes>) -> (StatusCode, Vec<(HeaderName, String)>, Bytes) {
    let headers = response.headers_mut();
    assert!(headers.remove("request-id").is_some());
    headers.remove(DATE);
    let named = |(name, value): (&HeaderName, &http::HeaderValue)| {
        (name.clone(), value.to_str().unwrap().to_owned())
    };
    let mut headers: Vec<_> = headers.iter().map(named).collect();
    headers.sort_by(|one, other| (one.0.as_str(), &one.1).cmp(&(other.0.as_str(), &other.1)));
    (response.status(), headers, response.into_body())
}

/// Every method, with every wish, for an event as it now is.
async fn check(edge: &Edge, path: &str) {
    let current = ask(edge, &Method::GET, path, &Vec::new()).await;
    let tag = current
        .headers()
        .get("etag")
        .map_or("", |tag| tag.to_str().unwrap());
    let weak = format!("W/{tag}");
    for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS] {
        for accept in ACCEPTS {
            for encoding in ENCODINGS {
                for (at, known) in ["", tag, &weak, "*", "\"another\""].iter().enumerate() {
                    let head: Head<'_> = vec![
                        ("accept", accept),
                        ("accept-encoding", encoding),
                        ("if-none-match", known),
                        ("origin", ORIGINS[at % ORIGINS.len()]),
                    ];
                    let at_once = ask(edge, &method, path, &head).await;
                    let the_long_way = ask(edge, &method, &format!("{path}?"), &head).await;
                    assert_eq!(
                        told(at_once),
                        told(the_long_way),
                        "{method} {path} {head:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_ready_is_answered_as_the_long_way_round_would() {
    let core = Core::start().await;
    core.publish(1, 1, 3_000);
    let mut config = config(&[&core]);
    config.cors = [ORIGINS[1].parse().unwrap()].into_iter().collect();
    let edge = Edge::start(config).await;
    edge.ready().await;
    let event = format!("/v1/events/{}", id(1));
    let ready = Ready::new(Arc::clone(&edge.shared));
    let lies_ready = |path: &str| {
        let mut request = Request::get(path).body(()).unwrap();
        ready.answer(&mut request, Instant::now()).is_some()
    };
    for sold in 0..2 {
        core.commit(1, &[(sold, TicketState::Sold)]);
        edge.agrees(&core, 1).await;
        for (part, is_hot) in [
            ("", true),
            ("/availability", true),
            ("/layout", false),
            ("/", false),
        ] {
            let path = format!("{event}{part}");
            check(&edge, &path).await;
            assert_eq!(lies_ready(&path), is_hot, "{path}");
            assert!(!lies_ready(&format!("{path}?")), "{path}");
        }
    }
    check(&edge, &format!("/v1/events/{}", id(2))).await;
    edge.stop().await;
}
