//! One edge's connection: where it joins, what it is sent.

use futures_util::{SinkExt, StreamExt};
use parterre_domain::wire::feed::{FeedFrame, Join, checksum};
use parterre_domain::{Rev, limits};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::ring::{Behind, frame};
use super::{Feed, Read};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::any::AnyStore;

/// Why a connection ended.
type Ended = Box<dyn std::error::Error + Send + Sync>;

/// The settings of the feed's WebSocket. An edge says next to nothing.
pub fn websocket() -> WebSocketConfig {
    let said = Some(limits::FEED_JOIN_BYTES);
    WebSocketConfig::default()
        .read_buffer_size(limits::FEED_JOIN_BYTES)
        .max_message_size(said)
        .max_frame_size(said)
}

/// Feeds one edge until it goes away or stops reading.
pub async fn serve<S>(
    feed: &Feed,
    store: &AnyStore,
    metrics: &Metrics,
    mut socket: WebSocketStream<S>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    metrics.feed_edges.inc();
    let ended = tokio::select! {
        ended = converse(feed, store, metrics, &mut socket) => ended,
        () = feed.closed() => say_goodbye(&mut socket).await,
    };
    if let Err(error) = ended {
        tracing::info!(%error, "an edge left the feed");
    }
    metrics.feed_edges.dec();
}

/// Tells an edge that the core stops: it joins another at once.
async fn say_goodbye<S>(socket: &mut WebSocketStream<S>) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = CloseFrame {
        code: CloseCode::Restart,
        reason: "the core stops".into(),
    };
    Ok(tokio::time::timeout(limits::FEED_GOODBYE, socket.close(Some(frame))).await??)
}

async fn converse<S>(
    feed: &Feed,
    store: &AnyStore,
    metrics: &Metrics,
    socket: &mut WebSocketStream<S>,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(first) = tokio::time::timeout(limits::FEED_PATIENCE, socket.next()).await? else {
        return Ok(());
    };
    let join: Join = parterre_domain::decode(&first?.into_data())?;
    // A fresh read: what this core knows of the log may be older than what the edge has.
    let page = store
        .log_after(
            Rev {
                epoch: u32::MAX,
                ..Rev::default()
            },
            1,
        )
        .await?;
    send(
        socket,
        &FeedFrame::Hello {
            oldest: page.oldest,
            newest: page.head,
            keys: feed.keys.to_vec(),
        },
    )
    .await?;
    let mut position = match join.since {
        Some((rev, sum)) if holds(feed, store, rev, sum).await? => rev,
        _ => {
            metrics.feed_resyncs.inc();
            send(socket, &FeedFrame::Resync { from: page.head }).await?;
            page.head
        }
    };
    let mut news = feed.subscribe();
    loop {
        let read = *news.borrow_and_update();
        position = catch_up(feed, store, metrics, socket, position).await?;
        heartbeat(socket, read, position).await?;
        tokio::select! {
            changed = news.changed() => changed?,
            () = tokio::time::sleep(limits::FEED_HEARTBEAT) => {}
            message = socket.next() => match message {
                None | Some(Ok(Message::Close(_))) => return Ok(()),
                Some(message) => drop(message?),
            },
        }
    }
}

/// Sends all that is known behind a position; gives the position after it.
async fn catch_up<S>(
    feed: &Feed,
    store: &AnyStore,
    metrics: &Metrics,
    socket: &mut WebSocketStream<S>,
    mut position: Rev,
) -> Result<Rev, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let behind = match feed.with_ring(|ring| ring.behind(position)) {
            Behind::Nothing => return Ok(position),
            Behind::Frame(frame) => frame,
            Behind::TooFarBack => {
                let page = store.log_after(position, limits::FEED_FRAME_BYTES).await?;
                let whole = page.oldest <= position && page.head.epoch == position.epoch;
                let records = whole
                    .then(|| frame(position, page.records.into_iter()))
                    .flatten();
                records.unwrap_or_else(|| {
                    metrics.feed_resyncs.inc();
                    FeedFrame::Resync { from: page.head }
                })
            }
        };
        send(socket, &behind).await?;
        match behind {
            FeedFrame::Records { to, .. } => position = to,
            FeedFrame::Resync { from } => position = from,
            FeedFrame::Hello { .. } | FeedFrame::Heartbeat { .. } => {}
        }
    }
}

/// Tells where the log ends, if that was read a short while ago and the edge has been
/// sent everything up to there.
async fn heartbeat<S>(
    socket: &mut WebSocketStream<S>,
    read: Read,
    position: Rev,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let age = read.began.elapsed();
    if age > limits::FEED_READ_AGE || position < read.head {
        return Ok(());
    }
    let age_ms = u32::try_from(age.as_millis()).unwrap_or(u32::MAX);
    send(
        socket,
        &FeedFrame::Heartbeat {
            head: position,
            age_ms,
        },
    )
    .await
}

/// Whether this log has exactly the record that the edge applied last.
async fn holds(feed: &Feed, store: &AnyStore, rev: Rev, sum: u64) -> Result<bool, Ended> {
    if let Some(known) = feed.with_ring(|ring| ring.checksum_at(rev)) {
        return Ok(known == sum);
    }
    let key = parterre_domain::keys::log(rev.position);
    let snapshot = store.snapshot().await?;
    let same_epoch = crate::store::Snapshot::rev(&snapshot).epoch == rev.epoch;
    let record = crate::store::Snapshot::get(&snapshot, &key).await?;
    Ok(same_epoch && record.is_some_and(|record| checksum(&record) == sum))
}

async fn send<S>(socket: &mut WebSocketStream<S>, frame: &FeedFrame) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = Message::Binary(parterre_domain::encode(frame).into());
    match tokio::time::timeout(limits::FEED_PATIENCE, socket.send(message)).await? {
        Ok(()) => Ok(()),
        Err(Error::ConnectionClosed) => Err("the connection is closed".into()),
        Err(error) => Err(error.into()),
    }
}
