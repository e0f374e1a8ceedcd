//! A live connection: WebSocket, JSON frames.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use parterre_domain::wire::live::{CloseReason, FromClient, JSON, ToClient};
use parterre_domain::{EventId, Rev};
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
    /// Connects.
    ///
    /// # Errors
    ///
    /// When there is no connection, no upgrade, or another subprotocol.
    pub async fn connect(edge: &Origin) -> Result<Self, Failure> {
        match tokio::time::timeout(CONNECT, handshake(edge)).await {
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
        let text = serde_json::to_string(message).unwrap_or_default();
        let sent = self.socket.send(Message::text(text)).await;
        sent.map_err(|error| Broken::Lost(error.to_string()))
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
                Message::Text(text) => match serde_json::from_str(&text) {
                    Ok(message) => return Ok(Heard::Message(Box::new(message))),
                    Err(error) => {
                        let start: String = text.chars().take(200).collect();
                        return Err(Failure::Odd(format!("an odd frame ({error}): {start}")));
                    }
                },
                Message::Close(close) => {
                    let code = close.as_ref().map_or(1005, |close| u16::from(close.code));
                    let reason = close.and_then(|close| serde_json::from_str(&close.reason).ok());
                    return Ok(Heard::Closed(code, reason));
                }
                Message::Binary(_) => {
                    let what = "a binary frame where text was agreed";
                    return Err(Failure::Odd(what.to_owned()));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

async fn handshake(edge: &Origin) -> Result<Live, Failure> {
    let stream = TcpStream::connect(edge.authority())
        .await
        .map_err(|error| Broken::NotSent(error.to_string()))?;
    let mut request = format!("ws://{}/v1/live", edge.authority())
        .into_client_request()
        .map_err(|error| Failure::Odd(error.to_string()))?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", HeaderValue::from_static(JSON));
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Live { socket }),
        Err(error) => Err(Broken::NotSent(error.to_string()).into()),
    }
}
