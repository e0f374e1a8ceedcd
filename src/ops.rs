//! The operators' listener: one a process, for whatever roles it has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use parterre_domain::limits;
use parterre_gate::server::{self, Terms};
use parterre_gate::tls::Tls;
use tokio::net::TcpListener;

use crate::run::Ended;
use crate::vitals::Vitals;

/// A role as operators see it.
pub(crate) enum Probe {
    Core(Box<parterre_core::Probe>),
    Edge(parterre_edge::Probe),
}

impl Probe {
    async fn ready(&self) -> Result<(), String> {
        match self {
            Self::Core(core) => core.ready().await,
            Self::Edge(edge) => edge.ready(),
        }
    }

    fn metrics(&self) -> String {
        match self {
            Self::Core(core) => core.metrics(),
            Self::Edge(edge) => edge.metrics(),
        }
    }
}

/// Binds the listener; says how to mend it when that fails.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Ended> {
    TcpListener::bind(address).await.map_err(|error| {
        let mend = "stop what uses the port or choose another with --ops-listen";
        Ended::cannot(format!("can't listen on {address}: {error}; {mend}"))
    })
}

/// Serves until it is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    probes: Vec<Probe>,
    vitals: Vitals,
) {
    let probes = Arc::new((probes, vitals));
    let terms = Terms {
        tls,
        connections: limits::CONNECTIONS_OF_OPERATORS,
        drain: Duration::ZERO,
    };
    let answer = move |request| answer(Arc::clone(&probes), request);
    server::serve(listener, terms, answer, std::future::pending()).await;
}

async fn answer(
    asked: Arc<(Vec<Probe>, Vitals)>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (probes, vitals) = &*asked;
    let (status, text) = match request.uri().path() {
        "/healthz" => (StatusCode::OK, "alive\n".to_owned()),
        "/readyz" => ready(probes).await,
        "/metrics" => {
            let roles: String = probes.iter().map(Probe::metrics).collect();
            (StatusCode::OK, roles + &vitals.text())
        }
        _ => (
            StatusCode::NOT_FOUND,
            "there are /healthz, /readyz and /metrics\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn ready(probes: &[Probe]) -> (StatusCode, String) {
    for probe in probes {
        if let Err(why) = probe.ready().await {
            return (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
        }
    }
    (StatusCode::OK, "ready\n".to_owned())
}
