//! Told to stop, a server finishes what is in flight, sends watchers home with a time to
//! come back, and ends well. Told nonsense, it says so in one line.

use std::time::Duration;

use parterre_domain::EventId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::story::{Buyer, SOON, Standalone, Watcher, about, hall, parterre};

/// The default of `--drain`, and time to end after it.
const DRAIN: Duration = Duration::from_secs(10 + 2);

#[tokio::test]
async fn a_server_told_to_stop_finishes_what_is_in_flight_and_sends_watchers_home() {
    // One shard takes connections in their order, so what came earlier has been taken.
    let mut server = Standalone::with(&["--shards", "1"]).await;
    let event = hall(&mut server.admin(), &about("An Evening"), 40).await;
    let id = event.summary.id;
    Buyer::at(server.edge()).finds(id).await;
    let screen = Watcher::of(&server.edge(), id).await;
    screen
        .until("a first snapshot", SOON, |seen| seen.fold.is_some())
        .await;
    let mut half = half_a_request(&server, id).await;

    server.process.terminate();
    let seen = screen
        .until("a close", SOON, |seen| seen.ended.is_some())
        .await;
    match seen.ended {
        Some(Ok((1012, Some(reason)))) => assert!(reason.reconnect_after_ms > 0),
        other => panic!("1012 with a time to come back, not {other:?}"),
    }
    half.write_all(b"ckets\":[5]}")
        .await
        .expect("the other half");
    let mut answer = Vec::new();
    half.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let (status, took) = server.process.ended().await;
    assert!(status.success(), "{status}");
    assert!(took < DRAIN, "it took {took:?}");
}

/// A request to reserve whose body stops in the middle.
async fn half_a_request(server: &Standalone, event: EventId) -> TcpStream {
    let edge = server.edge();
    let stream = TcpStream::connect(edge.authority()).await;
    let mut stream = stream.expect("a connection");
    let head = format!(
        "POST /v1/events/{event}/reservations HTTP/1.1\r\nHost: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{{\"ti",
        edge.authority()
    );
    stream
        .write_all(head.as_bytes())
        .await
        .expect("half a request");
    stream.flush().await.expect("half a request");
    // The edge has it when it answers another request that came later.
    Buyer::at(edge).looks(event).await;
    stream
}

#[tokio::test]
async fn nonsense_is_refused_in_one_line_with_exit_code_2() {
    let server = Standalone::start().await;
    let edge = server.edge();
    let folder = tempfile::TempDir::new().expect("a folder");
    let data = folder.path().display().to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a store").expect("a file");
    let no_store = format!("embedded:{}", file.display());
    let check = |arguments: &[&str], says: &str| {
        let output = parterre(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('{')).collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: {said}");
        assert!(lines[0].contains(says), "{arguments:?}: {said}");
    };
    check(&["standalone", "--nonsense"], "--nonsense");
    check(&["standalone", "--listen", "nowhere"], "nowhere");
    check(&["edge"], "--core");
    check(&["check", "--store", &no_store], "file");
    let taken = [
        "standalone",
        "--data",
        &data,
        "--listen",
        edge.authority(),
        "--core-listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
    ];
    check(&taken, edge.authority());
}
