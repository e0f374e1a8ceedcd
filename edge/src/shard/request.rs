//! One request on a shard: who asks, at once or by a future, and what every answer is
//! marked with.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::Either;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use parterre_gate::admission::Caller;
use parterre_gate::conversation;
use parterre_gate::head;
use parterre_gate::progress::{Answering, Progress};
use tokio::task::spawn_local;

use parterre_domain::{Slug, limits};

use super::{LIVE_PATH, LongLived, Shard, Site, no_room};
use crate::http::query;
use crate::live;

impl<S: Site> Shard<S> {
    /// Answers a request: at once if its answer lies ready, which most do, else by a future
    /// of its own.
    pub(super) fn take(
        self: Rc<Self>,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        progress: &Arc<Progress>,
    ) -> impl Future<Output = Result<Response<S::Body>, Infallible>> + use<S> {
        let answering = progress.answering();
        let began = Instant::now();
        let admission = self.site.admission();
        let caller = admission.author(peer.ip(), request.headers());
        let allowed = self.site.cors().allowed(request.headers());
        let admitted = admission.count(caller, began);
        if admitted.is_ok()
            && let Some(response) = self.site.at_once(&mut request, began)
        {
            let response = self.finish(response, allowed, &answering);
            return Either::Left(ready(Ok(response)));
        }
        Either::Right(Box::pin(async move {
            let response = match admitted {
                Err(too_much) => {
                    let response = self.slow_down(too_much.seconds());
                    self.counted(request.uri().path(), began, response)
                }
                Ok(()) => {
                    self.answer(request, peer, caller, allowed.as_ref(), began)
                        .await
                }
            };
            Ok(self.finish(response, allowed, &answering))
        }))
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        caller: Caller,
        allowed: Option<&HeaderValue>,
        began: Instant,
    ) -> Response<S::Body> {
        let cors = self.site.cors();
        if cors.is_preflight(request.method(), request.headers()) {
            let mut response = self.site.bare(StatusCode::NO_CONTENT);
            cors.mark_preflight(allowed, response.headers_mut());
            self.counted(request.uri().path(), began, response)
        } else if request.uri().path() == LIVE_PATH && request.method() == Method::GET {
            let response = self.upgrade(request, caller);
            self.counted(LIVE_PATH, began, response)
        } else {
            self.site.respond(request, peer).await
        }
    }

    /// What every answer is marked with, and what its connection is told of it.
    fn finish(
        &self,
        mut response: Response<S::Body>,
        allowed: Option<HeaderValue>,
        answering: &Answering,
    ) -> Response<S::Body> {
        self.site.cors().mark(allowed, response.headers_mut());
        if response.status().as_u16() >= 400 {
            answering.refused();
        }
        answering.long_lived(response.extensions().get::<LongLived>().is_some());
        response
    }

    fn counted(
        &self,
        path: &str,
        began: Instant,
        response: Response<S::Body>,
    ) -> Response<S::Body> {
        self.site.answered(path, response.status(), began.elapsed());
        response
    }

    fn slow_down(&self, seconds: u32) -> Response<S::Body> {
        let problem = Slug::SlowDown.problem("this address asks too much; wait, then ask less");
        self.site.refuse(&problem.retry_after(seconds))
    }

    fn upgrade(&self, mut request: Request<Incoming>, caller: Caller) -> Response<S::Body> {
        let site = &self.site;
        let sound = head::check(request.uri(), request.headers());
        if let Err(problem) = sound.and_then(|()| query::none(request.uri().query())) {
            return site.refuse(&problem);
        }
        let read = live::handshake::read(request.method(), request.version(), request.headers());
        let handshake = match read {
            Ok(handshake) => handshake,
            Err(refusal) => {
                let mut response = site.refuse(&refusal.problem());
                refusal.add_headers(response.headers_mut());
                return response;
            }
        };
        if site.live().is_full() {
            return site.refuse(&no_room());
        }
        // The connection itself is its peer's, which may be a proxy of many clients.
        let Some(place) = site.admission().place(caller) else {
            return self.slow_down(limits::TOO_MANY_CONNECTIONS_SECONDS);
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let live = Rc::clone(site.live());
        spawn_local(async move {
            let Ok(upgraded) = upgrade.await else {
                return;
            };
            // The connection was given to hyper as this type, so it comes back as it.
            if let Ok(parts) = upgraded.downcast::<conversation::Io>() {
                let mut stream = parts.io.into_inner().into_stream();
                if !stream.place.is_counted() {
                    stream.place = place;
                }
                live.adopt(stream, handshake.subprotocol, &parts.read_buf);
            }
        });
        let mut response = site.bare(StatusCode::SWITCHING_PROTOCOLS);
        response.headers_mut().extend(handshake.headers);
        response
    }
}
