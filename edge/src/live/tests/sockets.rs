//! Stories over TCP, with an independent implementation of WebSocket as the client.

use std::time::Duration;

use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use parterre_domain::TicketState;
use parterre_domain::wire::live::{CloseReason, ToClient};

use super::client::Fold;
use super::stage::{Client, Stage, until, within};
use crate::live::hub::Pace;

/// Runs a story on a runtime like a shard's.
pub(super) fn story(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
        .block_on(story);
}

pub(super) fn quick() -> Pace {
    Pace {
        pulse: Duration::from_millis(5),
        ..Pace::default()
    }
}

/// The code and the reason of a close frame.
fn closed(frame: Message) -> (u16, CloseReason) {
    let Message::Close(Some(close)) = frame else {
        panic!("{frame:?}");
    };
    let reason = serde_json::from_str(&close.reason).unwrap();
    (close.code.into(), reason)
}

#[test]
fn a_change_reaches_a_subscriber_and_a_later_connection_resumes() {
    story(async {
        let stage = Stage::open(Pace::default(), 100).await;
        let mut client = stage.connect().await;
        client.subscribe(0, None).await;
        let mut fold = Fold::default();
        let event = fold.take(&client.hear().await).unwrap();
        let rev = stage.commit(0, &[(3, TicketState::Pending)]);
        fold.take(&client.hear().await);
        assert_eq!(fold.beliefs[&event].rev, rev);
        drop(client);
        stage.commit(0, &[(3, TicketState::Sold)]);
        stage.commit(0, &[(4, TicketState::Pending)]);
        let mut client = stage.connect().await;
        client.subscribe(0, Some(rev)).await;
        let resumed = client.hear().await;
        assert!(matches!(resumed, ToClient::Resumed { .. }), "{resumed:?}");
        fold.take(&client.hear().await);
        assert_eq!(fold.beliefs[&event].rev, stage.cell(0).0.borrow().rev);
        assert_eq!(fold.beliefs[&event].states, stage.cell(0).0.borrow().states);
    });
}

#[test]
fn a_client_that_never_reads_costs_one_frame_and_finds_everything_merged() {
    story(async {
        let stage = Stage::open(quick(), 2_000).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let stream = socket.connect(stage.address).await.unwrap();
        let mut client = stage.connect_over(stream).await;
        client.subscribe(0, None).await;
        let mut fold = Fold::default();
        let event = fold.take(&client.hear().await).unwrap();
        let mut commits = 0;
        while stage.metrics.merged.get() < 5 {
            let state = TicketState::ALL[commits % 4];
            let changes: Vec<_> = (0..300).map(|ticket| (ticket * 5, state)).collect();
            stage.commit(0, &changes);
            commits += 1;
            assert!(commits < 2_000, "the kernel takes everything");
            tokio::time::sleep(Duration::from_millis(2)).await;
            until("a round", || stage.live.is_quiet()).await;
        }
        let sent = stage.metrics.frames.get();
        while fold.beliefs[&event].rev < stage.cell(0).0.borrow().rev {
            fold.take(&client.hear().await);
        }
        assert_eq!(fold.beliefs[&event].states, stage.cell(0).0.borrow().states);
        until("counting", || stage.metrics.frames.get() == sent + 1).await;
    });
}

#[test]
fn a_client_that_is_stuck_for_too_long_is_closed_with_4408() {
    story(async {
        let pace = Pace {
            slow_client: Duration::ZERO,
            close_grace: Duration::from_secs(60),
            ..quick()
        };
        let stage = Stage::open(pace, 2_000).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let stream = socket.connect(stage.address).await.unwrap();
        let mut client = stage.connect_over(stream).await;
        while stage.metrics.slow_closes.get() == 0 {
            client.subscribe(0, None).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let frame = loop {
            match client.frame().await {
                Message::Text(_) => {}
                other => break other,
            }
        };
        assert_eq!(closed(frame).0, 4408);
    });
}

#[test]
fn draining_closes_with_1012_and_ends_the_shard() {
    story(async {
        let stage = Stage::open(Pace::default(), 100).await;
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(stage.connect().await);
        }
        stage.stop();
        for client in &mut clients {
            let (code, reason) = closed(client.frame().await);
            assert_eq!(code, 1012);
            assert!(reason.reconnect_after_ms >= 500, "{reason:?}");
        }
        for mut client in clients {
            within(client.0.close(None)).await.ok();
        }
        assert!(TcpStream::connect(stage.address).await.is_err());
        stage.ended().await;
    });
}

#[test]
fn a_quiet_connection_gets_heartbeats() {
    story(async {
        let pace = Pace {
            heartbeat: Duration::from_millis(30),
            ..quick()
        };
        let stage = Stage::open(pace, 100).await;
        let mut client = stage.connect().await;
        for _ in 0..3 {
            let heartbeat = client.hear().await;
            assert!(
                matches!(heartbeat, ToClient::Heartbeat { .. }),
                "{heartbeat:?}"
            );
        }
    });
}

#[test]
fn a_bad_message_is_an_error_and_a_ping_gets_its_pong() {
    story(async {
        let stage = Stage::open(Pace::default(), 100).await;
        let mut client = stage.connect().await;
        client.0.send(Message::text("{}")).await.unwrap();
        let error = client.hear().await;
        let ToClient::Error { code, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(code, "malformed");
        client.0.send(Message::Ping("hello".into())).await.unwrap();
        assert_eq!(client.frame().await, Message::Pong("hello".into()));
        client.subscribe(1, None).await;
        assert!(matches!(client.hear().await, ToClient::Snapshot { .. }));
    });
}

#[test]
fn a_client_that_closes_is_answered_with_a_close() {
    story(async {
        let stage = Stage::open(Pace::default(), 100).await;
        let mut client = stage.connect().await;
        client.0.close(None).await.unwrap();
        assert_eq!(closed(client.frame().await).0, 1000);
        until("leaving", || stage.live.len() == 0).await;
    });
}

const UPGRADE: &str = "GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Sends bytes on a fresh connection, and everything that comes until its end or, with a
/// `mark`, until that has come.
async fn exchange(stage: &Stage, bytes: &[u8], mark: Option<&str>) -> Vec<u8> {
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match within(stream.read(&mut buffer)).await {
            Ok(0) | Err(_) => return answer,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
        }
        let text = String::from_utf8_lossy(&answer);
        if mark.is_some_and(|mark| text.contains(mark)) {
            return answer;
        }
    }
}

#[test]
fn a_broken_stream_is_closed_with_the_code_that_rfc_6455_gives_it() {
    story(async {
        let stage = Stage::open(Pace::default(), 100).await;
        let rows: [(&str, &[u8], u16); 4] = [
            ("an unmasked frame", &[0x81, 2, b'{', b'}'], 1002),
            ("a reserved bit", &[0xc1, 0x80, 0, 0, 0, 0], 1002),
            ("text that isn't", &[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
            (
                "a huge message",
                &[0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0],
                1009,
            ),
        ];
        for (what, frame, code) in rows {
            // Right behind the handshake, as a hasty client sends it.
            let bytes = [UPGRADE.as_bytes(), frame].concat();
            let answer = exchange(&stage, &bytes, None).await;
            let end = answer
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .unwrap();
            let close = &answer[end + 4..];
            assert_eq!(close[0], 0x88, "{what}: {close:?}");
            assert_eq!(u16::from_be_bytes([close[2], close[3]]), code, "{what}");
        }
        until("leaving", || stage.live.len() == 0).await;
    });
}

#[test]
fn a_request_that_is_no_handshake_is_told_so_and_others_pass() {
    story(async {
        let stage = Stage::open(Pace::default(), 100).await;
        let rows = [
            (
                "GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n",
                "426",
                "upgrade: websocket",
            ),
            (
                &UPGRADE.replace("13", "12"),
                "426",
                "sec-websocket-version: 13",
            ),
            (&UPGRADE.replace("dGhl", ""), "400", "Sec-WebSocket-Key"),
            (
                "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n",
                "200",
                "/v1/events",
            ),
            (UPGRADE, "101", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        for (request, status, part) in rows {
            let answer = exchange(&stage, request.as_bytes(), Some(part)).await;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
            assert!(answer.contains(part), "{answer}");
        }
    });
}

/// Anonymous memory of this process, in bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon"));
    let kib: usize = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap()
        .parse()
        .unwrap();
    kib << 10
}

/// `cargo test --release -p parterre-edge memory_of_an_idle -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: it holds thousands of sockets"]
fn memory_of_an_idle_connection() {
    const SOCKETS: usize = 8_000;
    story(async {
        let stage = Stage::open(Pace::default(), 100).await;
        let mut first: Client = stage.connect().await;
        first.subscribe(0, None).await;
        first.hear().await;
        let before = resident_bytes();
        let mut clients = Vec::new();
        for _ in 0..SOCKETS {
            let mut stream = TcpStream::connect(stage.address).await.unwrap();
            stream.write_all(UPGRADE.as_bytes()).await.unwrap();
            let mut buffer = [0; 512];
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
            let text = format!(
                r#"{{"op":"subscribe","event":"{}"}}"#,
                super::model::event(0)
            );
            let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
            frame.extend_from_slice(text.as_bytes());
            stream.write_all(&frame).await.unwrap();
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
            // Off tokio, whose bookkeeping of the client's side isn't to be counted.
            clients.push(stream.into_std().unwrap());
        }
        until("connecting", || stage.live.len() == SOCKETS + 1).await;
        let each = resident_bytes().saturating_sub(before) / SOCKETS;
        println!("{each} bytes for each of {SOCKETS} idle connections with one subscription");
        assert!(each < 4 << 10);
    });
}
