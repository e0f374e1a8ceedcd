//! An edge whose core can't be reached still takes live connections, says what it can't
//! do, and drains.

#![expect(clippy::unwrap_used, reason = "a test's own functions may fail it")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use parterre_domain::wire::live::{CloseReason, FromClient, ToClient};
use parterre_domain::{EventId, Timestamp};
use parterre_edge::config::{Config, Reach};
use parterre_edge::context::Edge;
use parterre_edge::shard;
use parterre_gate::listen::bind_sharded;

const DEADLINE: Duration = Duration::from_secs(20);

fn config(listen: SocketAddr) -> Config {
    Config {
        // Port 1 is reserved and nobody listens there.
        cores: Reach::Network(vec!["http://127.0.0.1:1".into()]),
        listen,
        cluster_secret: "a secret of a test".into(),
        cache_bytes: 1 << 20,
        shards: 2,
        drain: DEADLINE,
        feed_delay: Duration::ZERO,
        tls: None,
        cors: parterre_edge::cors::Cors::default(),
        dialer: parterre_gate::dial::Dialer::default(),
        clients: parterre_gate::admission::Rules::default(),
    }
}

type Client = WebSocketStream<TcpStream>;

async fn connect(address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/v1/live");
    let (client, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert!(answer.headers().contains_key("request-id"));
    client
}

async fn next(client: &mut Client) -> Message {
    tokio::time::timeout(DEADLINE, client.next())
        .await
        .expect("nothing comes")
        .expect("the stream ended")
        .unwrap()
}

/// The next message that isn't about how late the edge is.
async fn hear(client: &mut Client) -> ToClient {
    loop {
        let Message::Text(text) = next(client).await else {
            panic!("a message is expected");
        };
        match serde_json::from_str(&text).unwrap() {
            ToClient::Stale { .. } | ToClient::Fresh => {}
            other => return other,
        }
    }
}

async fn say(client: &mut Client, message: &FromClient) {
    let text = serde_json::to_string(message).unwrap();
    client.send(Message::text(text)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_without_a_core_stays_connected_says_so_and_drains() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let edge = Edge::new(config(any), Handle::current()).unwrap();
    let listeners = bind_sharded(any, 2).unwrap();
    let address = listeners[0].local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(shard::serve(edge.clone(), listeners, stopped));

    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = connect(address).await;
        let event = EventId::new(Timestamp::from_millis(1), 2);
        say(&mut client, &FromClient::Subscribe { event, since: None }).await;
        let answer = hear(&mut client).await;
        let ToClient::Error { code, .. } = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(code, "core-unavailable");
        say(&mut client, &FromClient::Catalog {}).await;
        let counts = hear(&mut client).await;
        assert!(matches!(counts, ToClient::Counts { .. }), "{counts:?}");
        clients.push(client);
    }
    let metrics = String::from_utf8(edge.metrics.text()).unwrap();
    assert!(
        metrics.contains("parterre_edge_live_connections 8"),
        "{metrics}"
    );

    stop.send_replace(true);
    for client in &mut clients {
        let close = loop {
            if let Message::Close(close) = next(client).await {
                break close.unwrap();
            }
        };
        assert_eq!(u16::from(close.code), 1012);
        let reason: CloseReason = serde_json::from_str(&close.reason).unwrap();
        assert!(reason.reconnect_after_ms >= 500);
    }
    drop(clients);
    let ended = tokio::time::timeout(DEADLINE, served).await;
    ended.expect("it doesn't end").unwrap().unwrap();
}
