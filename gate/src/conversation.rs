//! One connection from its first byte to its last: the handshake of TLS if there is one,
//! then requests by HTTP/1.1 or HTTP/2, until the client leaves, the listener stops, or the
//! connection has waited too long.

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use parterre_domain::limits;

use crate::admission::Place;
use crate::guarded::Guarded;
use crate::progress::{Progress, Verdict};
use crate::stream::{Socket, Stream};
use crate::tls::{H2, Tls};

/// What a connection becomes for hyper; what an upgrade is cast down to.
pub type Io = TokioIo<Guarded>;

/// A connection that was accepted.
#[derive(Debug)]
pub struct Arrival {
    /// Its socket.
    pub socket: TcpStream,
    /// Its place among its client's.
    pub place: Place,
    /// What is counted on it; the service must count requests on the same.
    pub progress: Arc<Progress>,
}

impl Arrival {
    /// Small answers leave at once, and what a client doesn't read stays with us, where it
    /// is shared with others, and not in the kernel.
    ///
    /// # Errors
    ///
    /// When the connection is gone already.
    pub fn new(socket: TcpStream, place: Place, progress: Arc<Progress>) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        // Elsewhere it runs too, but a client that reads slowly is noticed late.
        #[cfg(target_os = "linux")]
        SockRef::from(&socket).set_tcp_notsent_lowat(limits::UNSENT_BYTES)?;
        Ok(Self {
            socket,
            place,
            progress,
        })
    }

    /// Serves the connection until it ends. Once `stop` is done no further request is
    /// taken.
    pub async fn converse<S, B, E>(
        self,
        tls: Option<&Tls>,
        service: S,
        executor: E,
        stop: impl Future<Output = ()>,
    ) where
        S: HttpService<Incoming, ResBody = B>,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
        E: Http2ServerConnExec<S::Future, B>,
    {
        let mut stop = pin!(stop);
        let shaken = tokio::select! {
            shaken = shake(self.socket, tls) => shaken,
            _ = self.progress.condemned() => return,
            () = &mut stop => return,
        };
        let ended = match shaken {
            Err(error) => Err(error.to_string()),
            Ok((socket, is_multiplexed)) => {
                let stream = Stream {
                    socket,
                    place: self.place,
                };
                let io = TokioIo::new(Guarded::new(stream, Arc::clone(&self.progress)));
                if is_multiplexed {
                    self.progress.multiplexes();
                    let connection = multiplexing(executor).serve_connection(io, service);
                    multiplexed(connection, &self.progress, stop).await
                } else {
                    let connection = one_by_one().serve_connection(io, service).with_upgrades();
                    requested(connection, &self.progress, stop).await
                }
            }
        };
        if let Err(error) = ended {
            tracing::trace!(error, "a connection ended early");
        }
    }
}

/// Speaks TLS, if that is spoken here; whether the client chose HTTP/2.
async fn shake(socket: TcpStream, tls: Option<&Tls>) -> io::Result<(Socket, bool)> {
    let Some(tls) = tls else {
        return Ok((Socket::Plain(socket), false));
    };
    let stream = tls.acceptor.accept(socket).await?;
    let is_multiplexed = stream.get_ref().1.alpn_protocol() == Some(H2);
    Ok((Socket::Tls(Box::new(stream)), is_multiplexed))
}

/// HTTP/1.1. Without a timer, which would cost one for each request: [`Progress`] knows.
fn one_by_one() -> http1::Builder {
    // Not `pipeline_flush`: it holds a 101 back while bytes of the client wait behind
    // the request, and an upgrade then loses it.
    let mut builder = http1::Builder::new();
    builder.half_close(false).max_buf_size(limits::HEAD_BYTES);
    builder
}

/// HTTP/2.
fn multiplexing<E>(executor: E) -> http2::Builder<E>
where
    E: Clone,
{
    let mut builder = http2::Builder::new(executor);
    builder
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION)
        .max_pending_accept_reset_streams(limits::RESET_STREAMS)
        .max_local_error_reset_streams(limits::RESET_STREAMS)
        .max_header_list_size(limits::HEADER_LIST_BYTES)
        .initial_stream_window_size(limits::STREAM_BYTES)
        .initial_connection_window_size(limits::STREAM_BYTES * 4)
        .max_send_buf_size(limits::STREAM_SEND_BYTES);
    builder
}

/// Drives a connection of HTTP/2.
async fn multiplexed<S, B, E>(
    connection: http2::Connection<Io, S, E>,
    progress: &Progress,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), String>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Http2ServerConnExec<S::Future, B>,
{
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // In this order: it costs nothing to choose, and no branch keeps others out.
            biased;
            ended = connection.as_mut() => return ended.map_err(|error| error.to_string()),
            () = &mut stop, if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            verdict = progress.condemned() => return Err(format!("{verdict:?}")),
        }
    }
}

/// Drives a connection of HTTP/1.1.
async fn requested<S, B>(
    connection: http1::UpgradeableConnection<Io, S>,
    progress: &Progress,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), String>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // In this order: it costs nothing to choose, and no branch keeps others out.
            biased;
            ended = connection.as_mut() => return ended.map_err(|error| error.to_string()),
            () = &mut stop, if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            verdict = progress.condemned() => {
                if verdict == Verdict::SlowHead {
                    // The connection finds its client gone, and says why on its way out.
                    drop(timeout(limits::LAST_WORDS, connection.as_mut()).await);
                }
                return Err(format!("{verdict:?}"));
            }
        }
    }
}
