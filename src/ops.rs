//! The operators' listener: one a process, for whatever roles it has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use parterre_domain::{Problem, Slug, limits};
use parterre_gate::listen;
use parterre_gate::server::{self, Terms};
use parterre_gate::tls::Tls;
use tokio::net::TcpListener;

use crate::run::Ended;
use crate::secrets;
use crate::vitals::Vitals;

const READY: &str = "/readyz";
const METRICS: &str = "/metrics";
const PATHS: [&str; 3] = ["/healthz", READY, METRICS];

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
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Ended> {
    let listener = listen::bind(address).and_then(TcpListener::from_std);
    listener.map_err(|error| {
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
    let answer = move |request: Request<Incoming>| answer(Arc::clone(&probes), request);
    server::serve(listener, terms, answer, std::future::pending()).await;
}

async fn answer<B>(asked: Arc<(Vec<Probe>, Vitals)>, request: Request<B>) -> Response<Full<Bytes>> {
    let (probes, vitals) = &*asked;
    let path = request.uri().path();
    let mut response = if !PATHS.contains(&path) {
        let detail = format!("there are {}", PATHS.join(", "));
        problem(&Slug::NotFound.problem(detail))
    } else if ![Method::GET, Method::HEAD].contains(request.method()) {
        let detail = "operators ask with GET or HEAD";
        let mut response = problem(&Slug::MethodNotAllowed.problem(detail));
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allowed);
        response
    } else {
        match path {
            METRICS => {
                let roles: String = probes.iter().map(Probe::metrics).collect();
                text(StatusCode::OK, roles + &vitals.text())
            }
            READY => ready(probes).await,
            _ => text(StatusCode::OK, "alive\n".to_owned()),
        }
    };
    let id = HeaderValue::try_from(secrets::request_id());
    let id = id.unwrap_or(HeaderValue::from_static("none"));
    response.headers_mut().insert("request-id", id);
    response
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    answered(status, "text/plain; version=0.0.4", text.into())
}

fn problem(problem: &Problem) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(problem.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answered(status, "application/problem+json", problem.to_json().into())
}

fn answered(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn ready(probes: &[Probe]) -> Response<Full<Bytes>> {
    for probe in probes {
        if let Err(why) = probe.ready().await {
            return text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
        }
    }
    text(StatusCode::OK, "ready\n".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a process without roles: status, `Content-Type`, `Allow`.
    async fn asked(method: &str, path: &str) -> (u16, String, Option<String>) {
        let process = Arc::new((Vec::new(), Vitals::new().unwrap()));
        let request = Request::builder().method(method).uri(path);
        let response = answer(process, request.body(()).unwrap()).await;
        let said = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        assert_eq!(said("request-id").map(|id| id.len()), Some(32), "{path}");
        let kind = said("content-type").unwrap();
        (response.status().as_u16(), kind, said("allow"))
    }

    #[tokio::test]
    async fn operators_get_answers_with_ids_and_problems_like_anybody() {
        let text = "text/plain; version=0.0.4".to_owned();
        let problem = "application/problem+json".to_owned();
        for path in PATHS {
            for method in ["GET", "HEAD"] {
                let said = asked(method, path).await;
                assert_eq!(said, (200, text.clone(), None), "{method} {path}");
            }
            for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
                let expected = (405, problem.clone(), Some("GET, HEAD".to_owned()));
                assert_eq!(asked(method, path).await, expected, "{method} {path}");
            }
        }
        for path in ["/", "/metrics/", "/v1/events"] {
            let said = asked("GET", path).await;
            assert_eq!(said, (404, problem.clone(), None), "{path}");
        }
    }
}
