//! A listener and its connections: bounded, patient only so long, and drained at the
//! end.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parterre_domain::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::StartError;

/// A bound listener.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// Binds a listener; says how to mend it when that fails.
pub(crate) async fn bind(address: SocketAddr, flag: &str) -> Result<Server, StartError> {
    let failed = |error: std::io::Error| {
        StartError(format!(
            "can't listen on {address}: {error}; stop what uses the port or choose another with {flag}"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Server { listener, address })
}

impl Server {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop, then finishes what is in flight within `drain`.
    pub(crate) async fn run(self, router: Router, stop: impl Future<Output = ()>, drain: Duration) {
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                // Over the bound a connection is closed at once: the client tries elsewhere.
                Ok(_) if connections.len() >= limits::CONNECTIONS_PER_CORE => {}
                Ok((stream, _)) => {
                    connections.spawn(converse(
                        connection(stream, router.clone()),
                        stopped.clone(),
                    ));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection couldn't be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(self.listener);
        stopping.send_replace(true);
        let finished = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(drain, finished).await.is_err() {
            tracing::warn!("connections were still open when the time to drain was over");
        }
    }
}

/// Serves one connection; when told to stop it finishes the request in flight.
async fn converse(connection: Connection, stopped: watch::Receiver<bool>) {
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = crate::told(stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

type Service = TowerToHyperService<
    tower::util::MapRequest<Router, fn(http::Request<Incoming>) -> axum::extract::Request>,
>;
type Connection = hyper::server::conn::http1::UpgradeableConnection<TokioIo<TcpStream>, Service>;

fn connection(stream: TcpStream, router: Router) -> Connection {
    // Without it small answers wait for more to come; failing to set it costs only that.
    drop(stream.set_nodelay(true));
    let convert: fn(http::Request<Incoming>) -> axum::extract::Request =
        |request| request.map(axum::body::Body::new);
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .max_buf_size(limits::HEADER_BYTES)
        .serve_connection(
            TokioIo::new(stream),
            TowerToHyperService::new(router.map_request(convert)),
        )
        .with_upgrades()
}
