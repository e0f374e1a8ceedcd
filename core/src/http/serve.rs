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
        // A task of its own, on a thread that answers as well; it ends with this future.
        let mut within = JoinSet::new();
        if let Some(calls) = self.within {
            within.spawn(serve_within(calls, router.clone(), told(stopped.clone())));
        }
        let answer =
            move |request: Request<Incoming>| answer(router.clone(), request.map(Body::new));
        server::serve(self.listener, terms, answer, told(stopped)).await;
        while within.join_next().await.is_some() {}
    }
}

/// The same for calls of this process: those that were made before the stop are answered.
async fn serve_within(mut calls: Calls, router: Router, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut is_stopping = false;
    let mut answering = JoinSet::new();
    loop {
        let call = tokio::select! {
            () = &mut stop, if !is_stopping => {
                is_stopping = true;
                calls.close();
                continue;
            }
            call = calls.next() => call,
        };
        let Some(call) = call else {
            break;
        };
        while answering.try_join_next().is_some() {}
        answering.spawn(answer_within(router.clone(), call));
    }
    while answering.join_next().await.is_some() {}
}

/// Answers one of them, as long as somebody waits for it.
async fn answer_within(router: Router, call: Call) {
    let Call { request, mut asker } = call;
    let uri = request.uri().clone();
    let answered = async {
        let response = answer(router, request.map(Body::new)).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, limits::CORE_ANSWER_BYTES).await;
        body.map(|body| Response::from_parts(parts, body))
    };
    tokio::select! {
        // Whoever was told otherwise meanwhile mustn't get what was asked for.
        biased;
        () = asker.gone() => {}
        answered = answered => match answered {
            Ok(response) => asker.answer(response),
            Err(error) => {
                let most = limits::CORE_ANSWER_BYTES;
                tracing::error!(%uri, most, %error, "an answer within the process is too long");
            }
        },
    }
}

async fn answer(router: Router, request: Request<Body>) -> axum::response::Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => never.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::routing::get;
    use bytes::Bytes;
    use http_body_util::Full;
    use parterre_gate::within::{Caller, NoAnswer, line};
    use tokio::sync::Notify;

    use super::*;

    /// A core that answers calls within its process.
    struct Within {
        caller: Caller,
        stop: watch::Sender<bool>,
        running: tokio::task::JoinHandle<()>,
        /// Told when a call is waited for, and what it waits for.
        arrived: Arc<Notify>,
        proceed: Arc<Notify>,
    }

    impl Within {
        fn start() -> Self {
            let (arrived, proceed) = (Arc::<Notify>::default(), Arc::<Notify>::default());
            let (seen, may) = (Arc::clone(&arrived), Arc::clone(&proceed));
            let slow = get(async move || {
                seen.notify_one();
                may.notified().await;
                "done"
            });
            let long = get(async || vec![b'x'; limits::CORE_ANSWER_BYTES + 1]);
            let broken = get(async || -> &'static str { panic!("a handler breaks") });
            let router = Router::new().route("/quick", get(async || "done"));
            let router = router.route("/slow", slow).route("/long", long);
            let router = router.route("/broken", broken);
            let (caller, calls) = line();
            let (stop, stopped) = watch::channel(false);
            let server = bind(([127, 0, 0, 1], 0).into(), "--listen").unwrap();
            let running = tokio::spawn(server.within(calls).run(router, None, stopped));
            Self {
                caller,
                stop,
                running,
                arrived,
                proceed,
            }
        }

        fn call(&self, path: &str) -> tokio::task::JoinHandle<Result<Response<Bytes>, NoAnswer>> {
            let request = Request::get(path).body(Full::default()).unwrap();
            let caller = self.caller.clone();
            tokio::spawn(async move { caller.call(request).await })
        }
    }

    async fn said(call: tokio::task::JoinHandle<Result<Response<Bytes>, NoAnswer>>) -> String {
        match call.await.unwrap() {
            Ok(response) => {
                let body = String::from_utf8_lossy(response.body()).into_owned();
                format!("{} {body}", response.status().as_u16())
            }
            Err(none) => format!("{none:?}"),
        }
    }

    #[tokio::test]
    async fn a_call_is_answered_or_says_that_it_may_have_been_done() {
        let core = Within::start();
        for (path, expected) in [
            ("/quick", "200 done"),
            ("/nowhere", "404 "),
            ("/long", "Dropped"),
            ("/broken", "Dropped"),
            ("/quick", "200 done"),
        ] {
            assert_eq!(said(core.call(path)).await, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn a_stop_lets_what_was_called_be_answered_and_nothing_else() {
        let core = Within::start();
        let slow = core.call("/slow");
        core.arrived.notified().await;
        core.stop.send_replace(true);
        // Once the line is closed, calls hear so.
        while said(core.call("/quick")).await != "Closed" {}
        assert!(!core.running.is_finished());
        core.proceed.notify_one();
        assert_eq!(said(slow).await, "200 done");
        core.running.await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_begun_for_somebody_who_is_gone() {
        let begun = Arc::<AtomicBool>::default();
        let beginning = Arc::clone(&begun);
        let begins = get(async move || beginning.store(true, Ordering::Relaxed));
        let router = Router::new().route("/", begins);
        // Often enough that nothing of it is by chance.
        for waits in [false, true].repeat(50) {
            let (caller, mut calls) = line();
            let asked = caller.call(Request::get("/").body(Full::default()).unwrap());
            let mut asked = Box::pin(asked);
            let call = tokio::select! {
                biased;
                _ = &mut asked => panic!("nobody has answered"),
                call = calls.next() => call.unwrap(),
            };
            if !waits {
                drop(asked);
            }
            answer_within(router.clone(), call).await;
            assert_eq!(begun.swap(false, Ordering::Relaxed), waits);
        }
    }

    #[tokio::test]
    async fn nothing_goes_on_for_somebody_who_is_gone() {
        let core = Within::start();
        let slow = core.call("/slow");
        core.arrived.notified().await;
        slow.abort();
        core.stop.send_replace(true);
        // What nobody waits for doesn't hold a stop up.
        core.running.await.unwrap();
    }
}
