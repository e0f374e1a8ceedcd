//! Server-Sent Events: what a browser's `EventSource` would be told.

use std::time::Duration;

use http::{Method, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use parterre_domain::TicketState::{Pending, Sold};
use serde_json::Value;

use crate::core::{Core, id};
use crate::stage::{Edge, until};

/// A client that has asked for a stream.
struct Listener {
    response: Response<Incoming>,
    text: String,
}

/// One event of a stream.
#[derive(Debug, Default)]
struct Told {
    op: String,
    id: Option<String>,
    data: Value,
    retry: Option<u64>,
}

impl Listener {
    async fn open(edge: &Edge, number: u32, since: Option<&str>) -> Self {
        let path = format!("/v1/events/{}/live", id(number));
        let mut request = edge.request(Method::GET, &path);
        if let Some(since) = since {
            request = request.header("last-event-id", since);
        }
        let response = edge.open(request.body(Full::default()).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let text = String::new();
        Self { response, text }
    }

    /// The next event; none at the stream's end.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let told = read(event);
                self.text = rest.to_owned();
                return Some(told);
            }
            let frame = self.response.body_mut().frame();
            let frame = tokio::time::timeout(Duration::from_secs(20), frame).await;
            let data = frame.expect("something is told")?.unwrap().into_data();
            self.text += std::str::from_utf8(&data.unwrap()).unwrap();
        }
    }

    async fn hear(&mut self, op: &str) -> Told {
        let told = self.next().await.expect("the stream goes on");
        assert_eq!(told.op, op, "{told:?}");
        assert_eq!(told.data["op"], op);
        told
    }
}

fn read(event: &str) -> Told {
    let mut told = Told::default();
    for line in event.lines() {
        match line.split_once(": ").unwrap() {
            ("event", op) => told.op = op.to_owned(),
            ("id", id) => told.id = Some(id.to_owned()),
            ("data", data) => told.data = serde_json::from_str(data).unwrap(),
            ("retry", millis) => told.retry = millis.parse().ok(),
            other => panic!("{other:?}"),
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_the_states_then_what_changes_and_goes_on_where_it_broke_off() {
    let core = Core::start().await;
    let rev = core.publish(1, 1, 200);
    let edge = Edge::behind(&core).await;
    let mut listener = Listener::open(&edge, 1, None).await;
    let snapshot = listener.hear("snapshot").await;
    assert_eq!(snapshot.id, Some(rev.to_string()));
    assert_eq!(snapshot.data["states"], "f".repeat(200));
    assert_eq!(edge.metric("parterre_edge_live_connections"), 1.0);
    let first = core.commit(1, &[(3, Pending)]);
    let delta = listener.hear("delta").await;
    assert_eq!(delta.id, Some(first.to_string()));
    assert_eq!(delta.data["changes"], serde_json::json!({"p": [3]}));
    drop(listener);
    until("the client is noticed to be gone", async || {
        edge.metric("parterre_edge_live_connections") == 0.0
    })
    .await;
    core.commit(1, &[(3, Sold)]);
    let last = core.commit(1, &[(4, Pending)]);
    edge.agrees(&core, 1).await;
    let mut listener = Listener::open(&edge, 1, delta.id.as_deref()).await;
    let resumed = listener.hear("resumed").await;
    assert_eq!(resumed.id, delta.id);
    let merged = listener.hear("delta").await;
    assert_eq!(merged.id, Some(last.to_string()));
    assert_eq!(
        merged.data["changes"],
        serde_json::json!({"p": [4], "s": [3]})
    );
    let foreign = "f".repeat(28);
    let mut listener = Listener::open(&edge, 1, Some(&foreign)).await;
    listener.hear("event").await;
    listener.hear("snapshot").await;
    drop(listener);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_streamed_is_refused_with_a_status() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    let path = format!("/v1/events/{}/live", id(1));
    let rows = [
        (Method::GET, format!("/v1/events/{}/live", id(9)), "", 404),
        (Method::GET, format!("{path}?since=1"), "", 400),
        (Method::GET, path.clone(), "yesterday", 400),
        (Method::POST, path.clone(), "", 405),
        (Method::HEAD, path.clone(), "", 405),
    ];
    for (method, path, since, status) in rows {
        let mut request = edge.request(method.clone(), &path);
        if !since.is_empty() {
            request = request.header("last-event-id", since);
        }
        let response = edge.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(response.status(), status, "{method} {path} {since}");
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_when_the_edge_is_late_and_ends_with_an_invitation() {
    let mut core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    let mut listener = Listener::open(&edge, 1, None).await;
    listener.hear("snapshot").await;
    core.kill().await;
    let stale = listener.hear("stale").await;
    assert!(stale.data["seconds"].as_u64().unwrap() >= 2 && stale.id.is_none());
    core.revive().await;
    listener.hear("fresh").await;
    let stopping = tokio::spawn(edge.stop());
    let last = listener.next().await.expect("a last word");
    let range = parterre_domain::limits::RECONNECT_AFTER_MS;
    let retry = u32::try_from(last.retry.expect("when to come back")).unwrap();
    assert!(range.contains(&retry), "{retry}");
    assert!(listener.next().await.is_none(), "the stream ends");
    stopping.await.unwrap();
}
