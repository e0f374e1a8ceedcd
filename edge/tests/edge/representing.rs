//! One body in many forms: formats, encodings, their tags, and how often they are made.

use std::io::Read;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use parterre_domain::TicketState;
use serde_json::Value;

use crate::core::{Core, id};
use crate::stage::{Edge, until};

const FORMATS: [&str; 2] = ["application/json", "application/msgpack"];
const ENCODINGS: [&str; 4] = ["identity", "br", "gzip", "zstd"];

async fn ask(edge: &Edge, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut request = edge.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    edge.send(request.body(Full::default()).unwrap()).await
}

fn header(response: &Response<Bytes>, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// The value that a body stands for, whatever its form.
fn value(response: &Response<Bytes>) -> Value {
    let body = &response.body()[..];
    let mut plain = Vec::new();
    match header(response, "content-encoding").as_str() {
        "" => plain.extend_from_slice(body),
        "br" => brotli::BrotliDecompress(&mut &*body, &mut plain).unwrap(),
        "gzip" => drop(
            flate2::read::GzDecoder::new(body)
                .read_to_end(&mut plain)
                .unwrap(),
        ),
        "zstd" => plain = zstd::decode_all(body).unwrap(),
        other => panic!("{other}"),
    }
    match header(response, "content-type").as_str() {
        "application/json" => serde_json::from_slice(&plain).unwrap(),
        "application/msgpack" => rmp_serde::from_slice(&plain).unwrap(),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_representation_says_the_same_under_a_tag_of_its_own() {
    let core = Core::start().await;
    // The longer one is rendered off the shards.
    for (number, tickets) in [(1, 2_000), (2, 30_000)] {
        core.publish(number, 1, tickets);
    }
    for number in 3..20 {
        core.publish(number, 2, 1);
    }
    core.commit(2, &[(3, TicketState::Sold)]);
    let edge = Edge::behind(&core).await;
    edge.agrees(&core, 2).await;
    let paths = [
        format!("/v1/events/{}/layout", id(1)),
        format!("/v1/events/{}/availability", id(1)),
        format!("/v1/events/{}/layout", id(2)),
        format!("/v1/events/{}/availability", id(2)),
        format!("/v1/events/{}/tickets?limit=1000", id(2)),
        "/v1/events?limit=100".to_owned(),
        "/openapi.json".to_owned(),
    ];
    for path in &paths {
        let plain = value(&ask(&edge, path, &[]).await);
        let mut tags = Vec::new();
        // The document has one format.
        let formats = if path.ends_with(".json") {
            1
        } else {
            FORMATS.len()
        };
        for format in &FORMATS[..formats] {
            for encoding in ENCODINGS {
                let asked = [("accept", *format), ("accept-encoding", encoding)];
                let response = ask(&edge, path, &asked).await;
                let what = format!("{path} {format} {encoding}");
                assert_eq!(response.status(), 200, "{what}");
                assert_eq!(header(&response, "content-type"), *format, "{what}");
                let got = header(&response, "content-encoding");
                assert_eq!(got, encoding.replace("identity", ""), "{what}");
                assert_eq!(value(&response), plain, "{what}");
                let tag = header(&response, "etag");
                assert!(
                    tag.starts_with('"') && !tags.contains(&tag),
                    "{what}: {tag}"
                );
                tags.push(tag.clone());
                let again = [asked[0], asked[1], ("if-none-match", tag.as_str())];
                let known = ask(&edge, path, &again).await;
                // A list may have been rendered again meanwhile, but nothing changes.
                assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{what}");
                for name in ["etag", "cache-control", "vary", "parterre-rev"] {
                    assert_eq!(header(&known, name), header(&response, name), "{what}");
                }
            }
        }
        let other = [
            ("accept-encoding", "br"),
            ("if-none-match", tags[0].as_str()),
        ];
        let response = ask(&edge, path, &other).await;
        assert_eq!(
            response.status(),
            200,
            "the tag of another encoding, {path}"
        );
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_bodies_are_plain_however_they_are_asked_for() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    let path = format!("/v1/events/{}/availability", id(1));
    let plain = ask(&edge, &path, &[]).await;
    for encoding in ["br", "gzip, deflate, br, zstd", "zstd"] {
        let response = ask(&edge, &path, &[("accept-encoding", encoding)]).await;
        assert_eq!(header(&response, "content-encoding"), "", "{encoding}");
        assert_eq!(response.body(), plain.body(), "{encoding}");
        assert_eq!(header(&response, "etag"), header(&plain, "etag"));
        assert_eq!(header(&response, "vary"), "Accept, Accept-Encoding");
    }
    let packed = ask(&edge, &path, &[("accept", "application/msgpack")]).await;
    assert_eq!(value(&packed), value(&plain));
    assert_eq!(value(&packed)["event"], id(1).to_string());
    // Problems are for people and their tools: always JSON.
    let missing = format!("/v1/events/{}", id(9));
    let problem = ask(&edge, &missing, &[("accept", "application/msgpack")]).await;
    assert_eq!(header(&problem, "content-type"), "application/problem+json");
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_rendered_and_compressed_once_a_rev() {
    let core = Core::start().await;
    core.publish(1, 1, 2_000);
    core.publish(2, 1, 30_000);
    let edge = Edge::behind(&core).await;
    let rendered = |format| {
        let labels = format!("{{body=\"availability\",format=\"{format}\"}}");
        edge.metric(&format!("parterre_edge_renders_total{labels}"))
    };
    let compressed = |encoding: &str| {
        let labels = format!("{{encoding=\"{encoding}\"}}");
        edge.metric(&format!("parterre_edge_compressions_total{labels}"))
    };
    for number in [1, 2] {
        let path = format!("/v1/events/{}/availability", id(number));
        let read = async |format| {
            let asks = ENCODINGS.iter().cycle().take(80).map(async |encoding| {
                let asked = [("accept", format), ("accept-encoding", *encoding)];
                assert_eq!(ask(&edge, &path, &asked).await.status(), 200);
            });
            futures_util::future::join_all(asks).await;
        };
        read("application/json").await;
        read("application/msgpack").await;
        let events = f64::from(number);
        assert_eq!(rendered("json"), events, "event {number}");
        assert_eq!(rendered("msgpack"), events, "event {number}");
        for encoding in &ENCODINGS[1..] {
            assert_eq!(compressed(encoding), 2.0 * events, "{encoding}");
        }
    }
    core.commit(1, &[(3, TicketState::Sold)]);
    edge.agrees(&core, 1).await;
    assert_eq!(rendered("json"), 3.0);
    let path = format!("/v1/events/{}/availability", id(1));
    until("the change is seen compressed as well", async || {
        let response = ask(&edge, &path, &[("accept-encoding", "br")]).await;
        value(&response)["states"]
            .as_str()
            .unwrap()
            .starts_with("fffs")
    })
    .await;
    assert_eq!(compressed("br"), 5.0);
    edge.stop().await;
}
