//! Every read comes in each encoding and in MessagePack, and says the same in all of
//! them, at every edge.

use std::io::Read;

use http::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};
use parterre_domain::EventId;
use parterre_loadtest::wire::{Answer, Call};
use serde_json::Value;

use crate::story::{Buyer, Cluster, SOON, about, hall, until};

/// A body above this is compressed.
const COMPRESSED: usize = 1 << 10;

#[tokio::test]
async fn every_read_says_the_same_in_every_representation_at_every_edge() {
    let cluster = Cluster::start().await;
    let edges = [cluster.edge(&[]).await, cluster.edge(&[]).await];
    let mut buyers = edges.each_ref().map(|edge| Buyer::at(edge.origin()));
    let mut events = Vec::new();
    for title in ["An Evening", "Another", "A Third", "A Fourth"] {
        let mut about = about(title);
        about.description = format!("{title}, with much to be said of it. ").repeat(50);
        events.push(hall(&mut cluster.admin(), &about, 2_000).await.summary.id);
    }
    let event = events[0];
    let last = *events.last().expect("events");
    for buyer in &mut buyers {
        buyer.finds(last).await;
    }
    let reserved = buyers[0].reserves(event, &[3, 4]).await;
    for buyer in &mut buyers {
        until("both edges have it", SOON, async || {
            (buyer.looks(event).await.rev == reserved.rev).then_some(())
        })
        .await;
    }

    for path in reads(event) {
        let plain = settled(&mut buyers, &path).await;
        for name in ["parterre-rev", "etag"] {
            let said = [0, 1].map(|at| plain[at].header(name));
            assert!(said[0].is_some(), "{name} of {path}");
            assert_eq!(said[0], said[1], "{name} of {path}");
        }
        let said = json(&plain[0]);
        assert_eq!(said, json(&plain[1]), "{path}");
        for buyer in &mut buyers {
            for format in ["application/json", "application/msgpack"] {
                for encoding in ["identity", "br", "gzip", "zstd"] {
                    says(buyer, &path, format, encoding, &said).await;
                }
            }
        }
    }
}

fn reads(event: EventId) -> [String; 7] {
    let of = |part: &str| format!("/v1/events/{event}{part}");
    [
        "/v1/events?limit=3".to_owned(),
        of(""),
        of("/similar"),
        of("/layout"),
        of("/availability"),
        of("/tickets"),
        of("/tickets?state=pending&limit=1000"),
    ]
}

/// A read at both edges. A list may be a second old: until both were rendered after the
/// last commit.
async fn settled(buyers: &mut [Buyer; 2], path: &str) -> [Answer; 2] {
    until(&format!("both edges agree on {path}"), SOON, async || {
        let [first, second] = buyers;
        let answers = [
            first.calls(&Call::get(path)).await,
            second.calls(&Call::get(path)).await,
        ];
        let rev = |at: usize| answers[at].header("parterre-rev").map(str::to_owned);
        (rev(0) == rev(1)).then_some(answers)
    })
    .await
}

async fn says(buyer: &mut Buyer, path: &str, format: &str, encoding: &str, said: &Value) {
    let what = format!("{path} as {format} in {encoding}");
    let call = Call::get(path)
        .with(ACCEPT, format)
        .with(ACCEPT_ENCODING, encoding);
    let answer = buyer.calls(&call).await;
    assert_eq!(answer.status, 200, "{what}");
    assert_eq!(answer.header("content-type"), Some(format), "{what}");
    let vary = answer.header("vary").unwrap_or_default().to_lowercase();
    assert!(vary.contains("accept-encoding"), "{what}: {vary}");
    let used = answer
        .header("content-encoding")
        .unwrap_or("identity")
        .to_owned();
    let body = decoded(&used, &answer.body);
    if body.len() > COMPRESSED {
        assert_eq!(used, encoding, "{what}");
    }
    let body: Value = if format == "application/json" {
        serde_json::from_slice(&body).expect(&what)
    } else {
        rmp_serde::from_slice(&body).expect(&what)
    };
    assert_eq!(&body, said, "{what}");

    let etag = answer.header("etag").expect(&what);
    assert!(etag.starts_with('"'), "{what}: a strong tag, not {etag}");
    let again = buyer.calls(&call.with(IF_NONE_MATCH, etag)).await;
    assert_eq!(again.status, 304, "{what}");
    assert!(again.body.is_empty(), "{what}");
}

fn json(answer: &Answer) -> Value {
    answer.read(200).expect("an answer").expect("a body")
}

fn decoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let read = match encoding {
        "identity" => return body.to_vec(),
        "br" => brotli::Decompressor::new(body, 4_096).read_to_end(&mut decoded),
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut decoded),
        "zstd" => return zstd::decode_all(body).expect("zstd"),
        other => panic!("{other} was not asked for"),
    };
    read.unwrap_or_else(|error| panic!("{encoding}: {error}"));
    decoded
}
