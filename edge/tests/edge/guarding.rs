//! What an edge answers to those who ask too much, too long, too slowly, or nothing that
//! can be read. By bare sockets: no client library does such things.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use parterre_domain::limits;
use parterre_edge::config::Config;
use parterre_gate::admission::Rules;
use parterre_gate::client::Proxies;
use parterre_gate::rate::Rate;

use super::core::Core;
use super::stage::{Edge, config, until};

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
async fn pages_of_allowed_origins_may_call_and_read_even_what_is_refused() {
    let edge = edge(|config| {
        let origin = "https://tickets.example".parse().unwrap();
        config.cors = [origin].into_iter().collect();
    })
    .await;
    let address = edge.address;
    let answers = tokio::task::spawn_blocking(move || {
        let ask = |line: &str, origin: &str| {
            let head = format!(
                "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\n\
                 access-control-request-method: POST\r\n\r\n"
            );
            say(address, head.as_bytes()).to_ascii_lowercase()
        };
        [
            ("OPTIONS /v1/events", "https://tickets.example", "204"),
            ("GET /v1/nothing", "https://tickets.example", "404"),
            ("OPTIONS /v1/events", "https://other.example", "204"),
        ]
        .map(|(line, origin, status)| (ask(line, origin), status))
    });
    let answers = answers.await.unwrap();
    for (answer, status) in &answers {
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains("\r\nvary: origin\r\n"), "{answer}");
    }
    let allowed = "\r\naccess-control-allow-origin: https://tickets.example\r\n";
    let [preflight, refusal, stranger] = answers.map(|(answer, _)| answer);
    assert!(preflight.contains(allowed) && refusal.contains(allowed));
    assert!(preflight.contains("idempotency-key"), "{preflight}");
    assert!(refusal.contains("request-id, location"), "{refusal}");
    assert!(!stranger.contains("access-control"), "{stranger}");
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

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_answered_is_counted_under_its_route() {
    let edge = edge(|config| {
        let origin = "https://tickets.example".parse().unwrap();
        config.cors = [origin].into_iter().collect();
        config.clients = behind_a_proxy(1, 40);
    })
    .await;
    let address = edge.address;
    let asked = tokio::task::spawn_blocking(move || {
        let ask = |line: &str, headers: &str| {
            let head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
            say(address, head.as_bytes())
        };
        ask("GET /v1/live", "");
        let broken = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n";
        let head = format!("GET /v1/live HTTP/1.1\r\nhost: x\r\n{broken}\r\n");
        let mut stream = connect(address);
        stream.write_all(head.as_bytes()).unwrap();
        assert!(stream.read(&mut [0; 512]).unwrap() > 0);
        let right = format!("{broken}sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
        let head = format!("GET /v1/live HTTP/1.1\r\nhost: x\r\n{right}\r\n");
        let mut stream = connect(address);
        stream.write_all(head.as_bytes()).unwrap();
        assert!(stream.read(&mut [0; 512]).unwrap() > 0);
        let from = "origin: https://tickets.example\r\naccess-control-request-method: GET\r\n";
        ask("OPTIONS /v1/events", from);
        ask("GET /v1/nothing", "");
        let flood = "x-forwarded-for: 192.0.2.77\r\n";
        let slowed = (0..500).find(|_| ask("GET /v1/keys", flood).starts_with("HTTP/1.1 429 "));
        assert!(slowed.is_some(), "nobody is slowed down");
        for (_, bytes, ..) in too_much() {
            say(address, bytes.as_bytes());
        }
        say(address, b"GET /v1/ev");
        let half = "POST /v1/payments/sandbox/webhook HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf";
        say(address, half.as_bytes());
    });
    asked.await.unwrap();
    let rows = [
        ("live", 426, 1.0),
        ("live", 400, 1.0),
        ("live", 101, 1.0),
        ("events", 204, 1.0),
        ("keys", 429, 1.0),
        ("unknown", 404, 1.0),
        ("events", 431, 1.0),
        ("unknown", 414, 2.0),
        ("unknown", 431, 2.0),
        ("unknown", 400, 2.0),
        ("unknown", 408, 1.0),
        ("webhook", 413, 2.0),
        ("webhook", 408, 1.0),
    ];
    until("every answer is counted", async || {
        let count = |route, status| {
            let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
            edge.metric(&format!("parterre_edge_requests_total{labels}"))
        };
        let found = rows.map(|(route, status, _)| (route, status, count(route, status)));
        if found != rows {
            println!("{found:?}");
        }
        found == rows
    })
    .await;
}

/// Limits for clients that a proxy on this machine names.
fn behind_a_proxy(per_second: u32, burst: u32) -> Rules {
    Rules {
        rate: Some(Rate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }),
        proxies: Proxies {
            networks: vec!["127.0.0.1".parse().unwrap()],
            ..Proxies::default()
        },
        ..Rules::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_of_one_network_of_ipv6_share_a_rate_and_hearsay_buys_none() {
    let edge = edge(|config| config.clients = behind_a_proxy(1, 3)).await;
    let address = edge.address;
    let statuses = |froms: Vec<String>| {
        tokio::task::spawn_blocking(move || {
            let statuses = froms.iter().map(|from| {
                let head = format!(
                    "GET /v1/nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{from}\r\n"
                );
                let answer = say(address, head.as_bytes());
                answer.split(' ').nth(1).unwrap().to_owned()
            });
            statuses.collect::<Vec<_>>()
        })
    };
    let by = |from: String| format!("x-forwarded-for: {from}\r\n");
    let slows =
        |statuses: &[String]| statuses[..3] == ["404"; 3] && statuses.contains(&"429".into());
    let one = (1..=40).map(|host| by(format!("2001:db8:5:6::{host}")));
    let one = statuses(one.collect()).await.unwrap();
    assert!(slows(&one), "{one:?}");
    let others = (1..=4).map(|net| by(format!("2001:db8:5:7{net}::1")));
    assert_eq!(statuses(others.collect()).await.unwrap(), ["404"; 4]);
    // What a client claims of itself stands before what the proxy saw of it.
    let liar = (1..=40).map(|n| by(format!("203.0.113.{n}, 198.51.100.9")));
    let liar = statuses(liar.collect()).await.unwrap();
    assert!(slows(&liar), "{liar:?}");
    // The header that the proxy doesn't write is no proxy's word.
    let other = (1..=40).map(|n| format!("forwarded: for=203.0.113.{n}\r\n"));
    let other = statuses(other.collect()).await.unwrap();
    assert!(slows(&other), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_closed_at_the_door_are_counted_by_reason() {
    // Loopback isn't exempt when another proxy is trusted.
    let edge = edge(|config| {
        let mut rules = behind_a_proxy(1, 2);
        rules.proxies.networks = vec!["192.0.2.1".parse().unwrap()];
        config.clients = rules;
    })
    .await;
    let address = edge.address;
    let closed = tokio::task::spawn_blocking(move || {
        let mut opened: Vec<_> = (0..6).map(|_| connect(address)).collect();
        // Those that are in wait for a request; the others end at once.
        let is_closed = |stream: &mut TcpStream| {
            stream
                .set_read_timeout(Some(Duration::from_secs(2)))
                .unwrap();
            match stream.read(&mut [0; 1]) {
                Ok(count) => count == 0,
                Err(error) => error.kind() == ErrorKind::ConnectionReset,
            }
        };
        let mut closed = 0.0;
        for stream in &mut opened {
            closed += f64::from(u8::from(is_closed(stream)));
        }
        closed
    });
    let closed = closed.await.unwrap();
    assert!(
        closed >= 3.0,
        "{closed} of six, where two are let in at once"
    );
    let refused = |reason: &str| {
        let labels = format!("{{reason=\"{reason}\"}}");
        edge.metric(&format!("parterre_edge_connections_refused_total{labels}"))
    };
    assert_eq!((refused("full"), refused("too-many")), (0.0, 0.0));
    until("they are counted", async || refused("too-fast") == closed).await;
}
