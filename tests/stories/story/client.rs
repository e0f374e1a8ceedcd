//! Somebody with one live connection who says things and hears each answer, one at a time.

use parterre_domain::wire::live::{FromClient, ToClient};
use parterre_domain::{EventId, Rev};
use parterre_loadtest::wire::{Heard, Live, Origin};
use tokio::time::timeout;

use super::SOON;

/// One live connection.
pub(crate) struct Client {
    pub(crate) live: Live,
}

impl Client {
    pub(crate) async fn at(edge: &Origin) -> Self {
        let live = Live::connect(edge).await.expect("a live connection");
        Self { live }
    }

    pub(crate) async fn subscribes(&mut self, event: EventId, since: Option<Rev>) {
        self.says(&FromClient::Subscribe { event, since }).await;
    }

    pub(crate) async fn says(&mut self, message: &FromClient) {
        self.live.say(message).await.expect("a connection");
    }

    /// The next message, heartbeats left out.
    pub(crate) async fn hears(&mut self) -> ToClient {
        loop {
            let heard = timeout(SOON, self.live.hear()).await;
            match heard.expect("it hears nothing").expect("a right frame") {
                Heard::Message(message) => {
                    if !matches!(*message, ToClient::Heartbeat { .. }) {
                        return *message;
                    }
                }
                Heard::Closed(code, _) => panic!("closed with {code}"),
            }
        }
    }
}
