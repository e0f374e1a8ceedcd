//! The core's listener.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use parterre_domain::limits;
use parterre_gate::listen;
use parterre_gate::server::{self, Terms};
use parterre_gate::tls::Tls;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::StartError;

/// A bound listener.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// Binds a listener; says how to mend it when that fails.
pub(crate) fn bind(address: SocketAddr, flag: &str) -> Result<Server, StartError> {
    let failed = |error: std::io::Error| {
        StartError(format!(
            "can't listen on {address}: {error}; stop what uses the port or choose another with {flag}"
        ))
    };
    let listener = listen::bind(address).and_then(TcpListener::from_std);
    let listener = listener.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Server { listener, address })
}

impl Server {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop, then finishes what is in flight, however long it takes.
    pub(crate) async fn run(
        self,
        router: Router,
        tls: Option<Tls>,
        stop: impl Future<Output = ()>,
    ) {
        let terms = Terms {
            tls,
            connections: limits::CONNECTIONS_PER_CORE,
            drain: Duration::MAX,
        };
        let answer = move |request: http::Request<Incoming>| answer(router.clone(), request);
        server::serve(self.listener, terms, answer, stop).await;
    }
}

async fn answer(router: Router, request: http::Request<Incoming>) -> Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => never.into_response(),
    }
}
