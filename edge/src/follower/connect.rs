//! The socket that a feed comes by.

use futures_util::{SinkExt, StreamExt};
use parterre_gate::dial::Dialed;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use parterre_domain::limits;
use parterre_domain::wire::feed::{FeedFrame, Join};

use crate::cores::{Core, Cores};

/// A joined feed.
pub(super) struct Feed {
    socket: WebSocketStream<Dialed>,
}

/// Why there is no feed, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    #[error("the core took too long")]
    Slow,
    #[error("the core said nothing for too long")]
    Silent,
    #[error("the core ended it")]
    Ended,
    #[error("{0}")]
    Socket(Box<Error>),
    #[error("a frame can't be read: {0}")]
    Frame(String),
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Socket(Box::new(error))
    }
}

impl Feed {
    /// Connects to a core and says where the edge stands.
    pub(super) async fn join(cores: &Cores, core: &Core, join: &Join) -> Result<Self, Lost> {
        let joining = timeout(limits::CORE_CONNECT, Self::handshake(cores, core, join));
        joining.await.map_err(|_| Lost::Slow)?
    }

    async fn handshake(cores: &Cores, core: &Core, join: &Join) -> Result<Self, Lost> {
        let uri = format!("{}/internal/v1/feed", core.live_origin());
        let mut request = uri.into_client_request()?;
        let dialed = cores.dialer.dial(request.uri().clone()).await;
        let stream = dialed.map_err(Lost::Connect)?;
        let (name, secret) = cores.secret();
        request.headers_mut().insert(name, secret);
        let config = WebSocketConfig::default()
            .read_buffer_size(64 << 10)
            .max_message_size(Some(limits::FEED_MESSAGE_BYTES))
            .max_frame_size(Some(limits::FEED_MESSAGE_BYTES));
        let (mut socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        let join = parterre_domain::encode(join);
        socket.send(Message::Binary(join.into())).await?;
        Ok(Self { socket })
    }

    /// The next frame, with its weight in bytes. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Result<(FeedFrame, usize), Lost> {
        loop {
            let message = timeout(limits::FEED_SILENCE, self.socket.next()).await;
            let message = message.map_err(|_| Lost::Silent)?;
            match message.ok_or(Lost::Ended)?? {
                Message::Binary(bytes) => {
                    let frame = parterre_domain::decode(&bytes);
                    let frame = frame.map_err(|error| Lost::Frame(error.to_string()))?;
                    return Ok((frame, bytes.len()));
                }
                Message::Close(_) => return Err(Lost::Ended),
                // The socket answers pings by itself.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Text(_) => return Err(Lost::Frame("it is text".to_owned())),
            }
        }
    }
}
