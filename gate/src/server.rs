//! A whole listener of a role that runs on the runtime's own threads: the core's, and the
//! operators'. An edge's shards have their own loop.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use parterre_domain::{Problem, limits};

use crate::admission::Place;
use crate::conversation::Arrival;
use crate::head;
use crate::progress::{Progress, Watch};
use crate::tls::Tls;

/// How to serve.
#[derive(Debug)]
pub struct Terms {
    /// What is spoken beneath HTTP; none means nothing.
    pub tls: Option<Tls>,
    /// Connections at once; beyond it a new one is closed at once.
    pub connections: usize,
    /// How long to finish what is in flight when told to stop.
    pub drain: Duration,
}

/// Accepts and serves until told to stop, then finishes what is in flight.
pub async fn serve<A, F, B>(
    listener: TcpListener,
    terms: Terms,
    answer: A,
    stop: impl Future<Output = ()>,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + From<Bytes> + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (stopping, stopped) = watch::channel(false);
    let connections_watch = Watch::default();
    let mut connections = JoinSet::new();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            _ = second.tick() => {
                connections_watch.sweep(Instant::now());
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection couldn't be accepted");
                sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let progress = Progress::new();
        let arrival = Arrival::new(socket, Place::uncounted(), Arc::clone(&progress));
        if let Ok(arrival) = arrival
            && connections.len() < terms.connections
        {
            connections_watch.add(&progress, Instant::now());
            let (tls, answer, stopped) = (terms.tls.clone(), answer.clone(), stopped.clone());
            connections.spawn(converse(arrival, progress, tls, answer, stopped));
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let finished = async {
        loop {
            tokio::select! {
                joined = connections.join_next() => if joined.is_none() { break },
                _ = second.tick() => {
                    connections_watch.sweep(Instant::now());
                }
            }
        }
    };
    if timeout(terms.drain, finished).await.is_err() {
        tracing::warn!("connections were still open when the time to drain was over");
    }
}

async fn converse<A, F, B>(
    arrival: Arrival,
    progress: Arc<Progress>,
    tls: Option<Tls>,
    answer: A,
    mut stopped: watch::Receiver<bool>,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + From<Bytes> + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answering = progress.answering();
        let answer = match head::check(request.uri(), request.headers()) {
            Ok(()) => Ok(answer(request)),
            Err(problem) => Err(problem),
        };
        async move {
            let response = match answer {
                Ok(answer) => answer.await,
                Err(problem) => refusal(&problem),
            };
            if response.status().as_u16() >= 400 {
                answering.refused();
            }
            Ok::<_, Infallible>(response)
        }
    });
    let stop = async move {
        // An error means that whoever could tell is gone, which tells as much.
        drop(stopped.wait_for(|stopped| *stopped).await);
    };
    let executor = TokioExecutor::new();
    arrival
        .converse(tls.as_ref(), service, executor, stop)
        .await;
}

/// A problem as the answer to a request that nobody looks at.
fn refusal<B: From<Bytes>>(problem: &Problem) -> Response<B> {
    let mut response = Response::new(B::from(problem.to_json().into()));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/problem+json");
    headers.insert(CONTENT_TYPE, json);
    let id = HeaderValue::try_from(format!("{:016x}", fastrand::u64(..)));
    headers.insert("request-id", id.unwrap_or(HeaderValue::from_static("none")));
    response
}
