//! Where the core is called: its listener, and the line from an edge of the same process.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::IntoResponse;
use http::{Request, Response};
use hyper::body::Incoming;
use parterre_domain::limits;
use parterre_gate::listen;
use parterre_gate::server::{self, Terms};
use parterre_gate::tls::Tls;
use parterre_gate::within::{Call, Calls};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::{StartError, told};

/// A bound listener.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    within: Option<Calls>,
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
    Ok(Server {
        listener,
        address,
        within: None,
    })
}

impl Server {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes calls of this process as well.
    pub(crate) fn within(self, calls: Calls) -> Self {
        Self {
            within: Some(calls),
            ..self
        }
    }

    /// Serves until told to stop, then finishes what is in flight, however long it takes.
    pub(crate) async fn run(
        self,
        router: Router,
        tls: Option<Tls>,
        stopped: watch::Receiver<bool>,
    ) {
        let terms = Terms {
            tls,
            connections: limits::CONNECTIONS_PER_CORE,
            drain: Duration::MAX,
        };
        let within = serve_within(self.within, router.clone(), told(stopped.clone()));
        let answer =
            move |request: Request<Incoming>| answer(router.clone(), request.map(Body::new));
        let network = server::serve(self.listener, terms, answer, told(stopped));
        tokio::join!(network, within);
    }
}

/// The same for calls of this process.
async fn serve_within(calls: Option<Calls>, router: Router, stop: impl Future<Output = ()>) {
    let Some(mut calls) = calls else {
        return;
    };
    let mut stop = pin!(stop);
    let mut answering = JoinSet::new();
    loop {
        let call = tokio::select! {
            () = &mut stop => break,
            call = calls.next() => call,
        };
        let Some(call) = call else {
            break;
        };
        while answering.try_join_next().is_some() {}
        answering.spawn(answer_within(router.clone(), call));
    }
    drop(calls);
    while answering.join_next().await.is_some() {}
}

/// Answers one of them, as long as somebody waits for it.
async fn answer_within(router: Router, call: Call) {
    let Call { request, mut asker } = call;
    let answered = async {
        let response = answer(router, request.map(Body::new)).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, limits::CORE_ANSWER_BYTES).await;
        body.map(|body| Response::from_parts(parts, body))
    };
    tokio::select! {
        answered = answered => match answered {
            Ok(response) => asker.answer(response),
            Err(error) => tracing::error!(%error, "an answer within the process is cut off"),
        },
        () = asker.gone() => {}
    }
}

async fn answer(router: Router, request: Request<Body>) -> axum::response::Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => never.into_response(),
    }
}
