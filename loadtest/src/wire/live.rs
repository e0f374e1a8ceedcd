//! A live connection: WebSocket, in either subprotocol.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use parterre_domain::wire::live::{CloseReason, FromClient, JSON, MSGPACK, ToClient};
use parterre_domain::{EventId, Rev};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Failure, Origin};
use crate::wire::Broken;

/// How long a connection and its handshake may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes read at once; small, as thousands of connections share one machine.
const READ_BYTES: usize = 4 << 10;

/// A live connection to an edge.
#[derive(Debug)]
pub struct Live {
    socket: WebSocketStream<TcpStream>,
    is_packed: bool,
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A message.
    Message(Box<ToClient>),
    /// The edge closes: its code, and the reason if it is one of ours.
    Closed(u16, Option<CloseReason>),
}

impl Live {
    /// Connects, with text frames.
    ///
    /// # Errors
    ///
    /// When there is no connection, no upgrade, or another subprotocol.
    pub async fn connect(edge: &Origin) -> Result<Self, Failure> {
        Self::speaking(edge, JSON).await
    }

    /// Connects, with binary frames.
    ///
    /// # Errors
    ///
    /// As for [`Self::connect`].
    pub async fn packed(edge: &Origin) -> Result<Self, Failure> {
        Self::speaking(edge, MSGPACK).await
    }

    async fn speaking(edge: &Origin, subprotocol: &'static str) -> Result<Self, Failure> {
        match tokio::time::timeout(CONNECT, handshake(edge, subprotocol)).await {
            Ok(connected) => connected,
            Err(_) => Err(Broken::NotSent(format!("no upgrade in {CONNECT:?}")).into()),
        }
    }

    /// Subscribes to an event, as of a rev that the client has.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub async fn subscribe(&mut self, event: EventId, since: Option<Rev>) -> Result<(), Broken> {
        self.say(&FromClient::Subscribe { event, since }).await
    }

    /// Says anything.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub async fn say(&mut self, message: &FromClient) -> Result<(), Broken> {
        let frame = if self.is_packed {
            Message::binary(packed(message))
        } else {
            Message::text(serde_json::to_string(message).unwrap_or_default())
        };
        let sent = self.socket.send(frame).await;
        sent.map_err(|error| Broken::Lost(error.to_string()))
    }

    /// Breaks the connection off without a word, and so that its port can be used again at
    /// once: thousands of ports that wait for stragglers are all that there are.
    pub fn cut(self) {
        // Where it can't be set the port waits, and no more than that.
        drop(self.socket.get_ref().set_zero_linger());
    }

    /// The next thing that the edge says. Safe to drop while it waits.
    ///
    /// # Errors
    ///
    /// When the connection broke without a close, or a frame can't be read.
    pub async fn hear(&mut self) -> Result<Heard, Failure> {
        loop {
            let Some(frame) = self.socket.next().await else {
                return Err(Broken::Lost("the connection ended".to_owned()).into());
            };
            let frame = frame.map_err(|error| Broken::Lost(error.to_string()))?;
            match frame {
                Message::Text(text) if !self.is_packed => {
                    return read(serde_json::from_str(&text), text.as_bytes());
                }
                Message::Binary(bytes) if self.is_packed => {
                    return read(unpacked(&bytes), &bytes);
                }
                Message::Close(close) => {
                    let code = close.as_ref().map_or(1005, |close| u16::from(close.code));
                    let reason = close.and_then(|close| serde_json::from_str(&close.reason).ok());
                    return Ok(Heard::Closed(code, reason));
                }
                Message::Text(_) | Message::Binary(_) => {
                    let what = "a frame of the other kind than was agreed";
                    return Err(Failure::Odd(what.to_owned()));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

/// A message as MessagePack, with the same texts in it as in JSON.
fn packed(message: &FromClient) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes)
        .with_struct_map()
        .with_human_readable();
    // Nothing that a client says fails to be written to memory.
    drop(message.serialize(&mut serializer));
    bytes
}

fn unpacked(bytes: &[u8]) -> Result<ToClient, rmp_serde::decode::Error> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    ToClient::deserialize(&mut deserializer)
}

fn read(message: Result<ToClient, impl std::fmt::Display>, frame: &[u8]) -> Result<Heard, Failure> {
    match message {
        Ok(message) => Ok(Heard::Message(Box::new(message))),
        Err(error) => {
            let start = frame[..frame.len().min(200)].escape_ascii();
            Err(Failure::Odd(format!("an odd frame ({error}): {start}")))
        }
    }
}

async fn handshake(edge: &Origin, subprotocol: &'static str) -> Result<Live, Failure> {
    let stream = TcpStream::connect(edge.authority())
        .await
        .map_err(|error| Broken::NotSent(error.to_string()))?;
    let mut request = format!("ws://{}/v1/live", edge.authority())
        .into_client_request()
        .map_err(|error| Failure::Odd(error.to_string()))?;
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static(subprotocol),
    );
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Live {
            socket,
            is_packed: subprotocol == MSGPACK,
        }),
        Err(error) => Err(Broken::NotSent(error.to_string()).into()),
    }
}
