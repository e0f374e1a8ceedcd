//! What operators ask: whether the process lives, whether it is ready, what it counts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::context::Edge;
use crate::http::Body;

/// Connections of operators at once.
const CONNECTIONS: usize = 64;
/// How long accepting pauses when it fails.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves operators until told to stop.
pub(crate) async fn run(edge: Arc<Edge>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = accept(edge, listener) => {}
        _ = stop.wait_for(|&stop| stop) => {}
    }
}

async fn accept(edge: Arc<Edge>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve(Arc::clone(&edge), stream));
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept an operator's connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(edge: Arc<Edge>, stream: tokio::net::TcpStream) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let response = answer(&edge, request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::trace!(%error, "an operator's connection ended");
    }
}

fn answer(edge: &Edge, path: &str) -> Response<Body> {
    match path {
        "/healthz" => text(StatusCode::OK, "ok\n".into()),
        "/readyz" if edge.catalog.is_loaded() => text(StatusCode::OK, "ready\n".into()),
        "/readyz" => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the programme isn't loaded yet\n".into(),
        ),
        "/metrics" => text(StatusCode::OK, metrics(edge)),
        _ => text(StatusCode::NOT_FOUND, "there is no such path\n".into()),
    }
}

fn text(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn metrics(edge: &Edge) -> Vec<u8> {
    edge.cells.measure();
    let age = edge.freshness.age(Instant::now()).as_secs();
    edge.metrics
        .stale_seconds
        .set(i64::try_from(age).unwrap_or(i64::MAX));
    edge.metrics.text()
}
