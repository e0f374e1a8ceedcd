//! What an edge answers to those who ask too much, too long, too slowly, or nothing that
//! can be read. By bare sockets: no client library does such things.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use parterre_domain::limits;
use parterre_edge::config::Config;
use parterre_gate::admission::Rules;
use parterre_gate::client::Proxies;
use parterre_gate::rate::Rate;

use super::core::Core;
use super::stage::{Edge, config};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends bytes and reads until the edge closes; a reset would fail.
fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Whether an answer is a problem under a status, names its limit and has an id.
fn check(what: &str, answer: &str, status: u16, named: &str) {
    let lower = answer.to_ascii_lowercase();
    let right = answer.starts_with(&format!("HTTP/1.1 {status} "))
        && lower.contains("\r\ncontent-type: application/problem+json\r\n")
        && lower.contains("\r\nrequest-id: ")
        && answer.contains(named);
    assert!(right, "{what}: {answer}");
}

async fn edge(change: impl FnOnce(&mut Config)) -> Edge {
    let core = Core::start().await;
    let mut config = config(&[&core]);
    change(&mut config);
    Edge::start(config).await
}

/// What, the bytes, the status, what the answer names.
fn too_much() -> Vec<(&'static str, String, u16, &'static str)> {
    let whole = |line: &str, headers: &str| {
        format!("{line}\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
    };
    let long = |bytes: usize| "x".repeat(bytes);
    let many: String = (0..limits::HEADERS)
        .map(|n| format!("h{n}: 1\r\n"))
        .collect();
    let events = "GET /v1/events HTTP/1.1";
    vec![
        (
            "a long path",
            whole(&format!("GET /{} HTTP/1.1", long(limits::URI_BYTES)), ""),
            414,
            "4096",
        ),
        (
            "a path longer than any head",
            whole(&format!("GET /{} HTTP/1.1", long(40_000)), ""),
            414,
            "4096",
        ),
        (
            "large headers",
            whole(events, &format!("a: {}\r\n", long(limits::HEADERS_BYTES))),
            431,
            "12288",
        ),
        (
            "headers larger than any head",
            whole(events, &format!("a: {}\r\n", long(40_000))),
            431,
            "12288",
        ),
        ("many headers", whole(events, &many), 431, "100 headers"),
        (
            "a large body",
            whole(
                "POST /v1/payments/sandbox/webhook HTTP/1.1",
                "content-length: 65537\r\n",
            ),
            413,
            "65536",
        ),
        (
            "a large body in chunks",
            whole(
                "POST /v1/payments/sandbox/webhook HTTP/1.1",
                "transfer-encoding: chunked\r\n",
            ) + &format!("10001\r\n{}\r\n0\r\n\r\n", long(65_537)),
            413,
            "65536",
        ),
        (
            "no HTTP",
            "\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned(),
            400,
            "malformed",
        ),
        (
            "a header without a name",
            whole(events, ": x\r\n"),
            400,
            "malformed",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_too_much_is_answered_with_its_limit() {
    let edge = edge(|_| {}).await;
    let address = edge.address;
    tokio::task::spawn_blocking(move || {
        for (what, bytes, status, named) in too_much() {
            check(what, &say(address, bytes.as_bytes()), status, named);
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sees_that_its_body_is_too_large_while_it_sends_it() {
    let edge = edge(|_| {}).await;
    let address = edge.address;
    let answer = tokio::task::spawn_blocking(move || {
        let head = "POST /v1/payments/sandbox/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n";
        let mut stream = connect(address);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; 900_000]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    check("a large body", &answer.await.unwrap(), 413, "65536");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_too_slow_is_told_so() {
    let edge = edge(|_| {}).await;
    let address = edge.address;
    let rows: [(&str, &str, bool); 4] = [
        ("nothing", "", false),
        ("half a line", "GET /v1/ev", true),
        (
            "half a head",
            "GET /v1/events HTTP/1.1\r\nhost: x\r\n",
            true,
        ),
        (
            "half a body",
            "POST /v1/payments/sandbox/webhook HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf",
            true,
        ),
    ];
    let clients = rows.map(|(what, bytes, is_told)| {
        tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let answer = say(address, bytes.as_bytes());
            if is_told {
                check(what, &answer, 408, "too-slow");
            } else {
                assert_eq!(answer, "", "{what}");
            }
            assert!(
                began.elapsed() > Duration::from_secs(4),
                "{what}: too early"
            );
        })
    });
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_much_is_slowed_down_and_no_other() {
    let edge = edge(|config| {
        config.clients = Rules {
            rate: Some(Rate {
                per_second: NonZeroU32::MIN,
                burst: NonZeroU32::MIN.saturating_add(2),
            }),
            proxies: Proxies {
                networks: vec!["127.0.0.1".parse().unwrap()],
                ..Proxies::default()
            },
            ..Rules::default()
        };
    })
    .await;
    let address = edge.address;
    let answers = tokio::task::spawn_blocking(move || {
        let ask = |path: &str, from: &str| {
            let head = format!(
                "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {from}\r\n\r\n"
            );
            say(address, head.as_bytes())
        };
        for round in 0..3 {
            let answer = ask("/v1/nothing", &format!("203.0.113.{round}, 192.0.2.1"));
            assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        }
        let upgrade = ask("/v1/live", "2001:db8::1");
        assert!(upgrade.starts_with("HTTP/1.1 426 "), "{upgrade}");
        [
            ask("/v1/nothing", "192.0.2.1"),
            ask("/v1/live", "192.0.2.1"),
        ]
    });
    for answer in answers.await.unwrap() {
        check("one too many", &answer, 429, "slow-down");
        assert!(
            answer
                .to_ascii_lowercase()
                .contains("\r\nretry-after: 1\r\n"),
            "{answer}"
        );
    }
}
