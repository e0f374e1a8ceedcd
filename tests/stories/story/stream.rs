//! Somebody who follows an event by Server-Sent Events.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use parterre_domain::EventId;
use parterre_domain::wire::live::ToClient;
use parterre_loadtest::wire::Origin;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::SOON;

/// One stream.
pub(crate) struct Stream {
    body: Incoming,
    read: Vec<u8>,
    /// The connection ends with it.
    _sender: SendRequest<Empty<Bytes>>,
}

/// One event of a stream.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) op: String,
    pub(crate) id: Option<String>,
    pub(crate) message: ToClient,
}

impl Stream {
    /// Opens a stream, as somebody who was told of this event last.
    pub(crate) async fn of(edge: &Origin, event: EventId, last: Option<&str>) -> Self {
        let stream = TcpStream::connect(edge.authority()).await;
        let stream = TokioIo::new(stream.expect("a connection"));
        let (mut sender, connection) = handshake(stream).await.expect("a connection");
        tokio::spawn(connection);
        let mut request = Request::get(format!("/v1/events/{event}/live"))
            .header(HOST, edge.authority())
            .header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let request = request.body(Empty::new()).expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        Self {
            body: response.into_body(),
            read: Vec::new(),
            _sender: sender,
        }
    }

    /// The next event, heartbeats left out.
    pub(crate) async fn tells(&mut self) -> Told {
        loop {
            let told = timeout(SOON, self.next()).await.expect("it tells nothing");
            if told.op != "heartbeat" {
                return told;
            }
        }
    }

    async fn next(&mut self) -> Told {
        loop {
            let end = self.read.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let event: Vec<u8> = self.read.drain(..end + 2).collect();
                return told(std::str::from_utf8(&event).expect("text"));
            }
            let frame = self.body.frame().await.expect("the stream goes on");
            let frame = frame.expect("a right frame").into_data();
            self.read.extend_from_slice(&frame.expect("bytes"));
        }
    }
}

fn told(event: &str) -> Told {
    let field = |name: &str| {
        let mut lines = event.lines();
        lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
    };
    let data = field("data: ").unwrap_or_else(|| panic!("no data: {event}"));
    Told {
        op: field("event: ").expect("its op"),
        id: field("id: "),
        message: serde_json::from_str(&data).expect("a message"),
    }
}
