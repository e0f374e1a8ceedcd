//! How the core of the tests answers: snapshots, the feed, and what edges forward.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parterre_domain::wire::feed::{
    CatalogEntry, CatalogPage, EventSnapshot, FeedFrame, Join, LayoutPage, SECRET_HEADER, checksum,
};
use parterre_domain::{EventId, PassKey, Rev};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::contract::OF_THE_CORE;
use crate::core::{Forwarded, Manner, SECRET, World};

/// Events in a page of the catalog, few, so that there are many pages.
const PAGE: usize = 7;
/// Often, so that tests are quick.
const HEARTBEAT: Duration = Duration::from_millis(20);

/// Serves one connection until the edge goes.
pub(crate) async fn connection(world: Arc<World>, stream: TcpStream, cut: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let (world, cut) = (Arc::clone(&world), cut.clone());
        async move {
            match answer(world, request, cut).await {
                Some(response) => Ok::<_, Infallible>(response),
                // The edge went away in the middle of its call.
                None => std::future::pending().await,
            }
        }
    });
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // The edge may go at any time.
    drop(served.await);
}

async fn answer(
    world: Arc<World>,
    mut request: Request<Incoming>,
    cut: watch::Receiver<bool>,
) -> Option<Response<Full<Bytes>>> {
    let secret = request.headers().get(SECRET_HEADER);
    assert_eq!(
        secret,
        Some(&HeaderValue::from_static(SECRET)),
        "every call has it"
    );
    let path = request.uri().path().to_owned();
    let Some(path) = path.strip_prefix("/internal/v1/") else {
        return forwarded(&world, request).await;
    };
    let query = request.uri().query().map(str::to_owned);
    let body = match (path, path.strip_prefix("events/")) {
        ("feed", _) => return Some(upgrade(world, &mut request, cut)),
        ("catalog", _) => Some(parterre_domain::encode(&catalog(&world, query.as_deref()))),
        (_, Some(event)) => match event.strip_suffix("/layout") {
            Some(event) => layout_page(&world, event, query.as_deref()),
            None => snapshot(&world, event),
        },
        _ => None,
    };
    Some(match body {
        Some(body) => Response::new(Full::from(body)),
        None => status(StatusCode::NOT_FOUND),
    })
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

async fn forwarded(world: &World, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let mut news = world.news.subscribe();
    world.state.lock().unwrap().forwarded.push(Forwarded {
        method: parts.method,
        path: parts.uri.path_and_query()?.to_string(),
        headers: parts.headers,
        body: body.clone(),
    });
    let is_silent = || world.state.lock().unwrap().manner == Manner::Silent;
    news.wait_for(|_| !is_silent()).await.ok()?;
    let manner = world.state.lock().unwrap().manner;
    match manner {
        Manner::Echo => {
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = StatusCode::CREATED;
            let headers = response.headers_mut();
            headers.insert("location", HeaderValue::from_static("/v1/reservations/x"));
            headers.insert("parterre-reservation", HeaderValue::from_static("secret"));
            headers.insert(OF_THE_CORE, HeaderValue::from_static("1"));
            Some(response)
        }
        Manner::Refuse(slug) => {
            let problem = slug.problem("as the test wants it");
            let mut response = status(StatusCode::from_u16(problem.status).unwrap());
            *response.body_mut() = Full::from(problem.to_json());
            let headers = response.headers_mut();
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
            headers.insert(OF_THE_CORE, HeaderValue::from_static("1"));
            Some(response)
        }
        Manner::Silent => unreachable!("it waited until this was over"),
    }
}

fn catalog(world: &World, query: Option<&str>) -> CatalogPage {
    let state = world.state.lock().unwrap();
    let after = query.and_then(|query| query.strip_prefix("after="));
    let after: Option<EventId> = after.map(|after| after.parse().unwrap());
    let mut events = state
        .events
        .values()
        .filter(|event| after.is_none_or(|after| event.record.id > after));
    let page: Vec<CatalogEntry> = events
        .by_ref()
        .take(PAGE)
        .map(|event| CatalogEntry {
            record: event.record.clone(),
            counts: event.states.count(),
            rev: event.rev,
        })
        .collect();
    let next = page.last().map(|last| last.record.id.to_string());
    CatalogPage {
        read_at: state.head(),
        next: next.filter(|_| events.next().is_some()),
        events: page,
    }
}

fn snapshot(world: &World, event: &str) -> Option<Vec<u8>> {
    let event: EventId = event.parse().ok()?;
    let mut state = world.state.lock().unwrap();
    *state.snapshots_fetched.entry(event).or_default() += 1;
    let read_at = state.head();
    let event = state.events.get(&event)?.clone();
    Some(parterre_domain::encode(&EventSnapshot {
        read_at,
        record: event.record,
        rev: event.rev,
        states: event.states,
    }))
}

/// One chunk a page, so that there are many pages.
fn layout_page(world: &World, event: &str, query: Option<&str>) -> Option<Vec<u8>> {
    let event: EventId = event.parse().ok()?;
    let from = query.and_then(|query| query.strip_prefix("from="));
    let from: u32 = from?.parse().ok()?;
    let state = world.state.lock().unwrap();
    let chunks = &state.events.get(&event)?.layout;
    let count = u32::try_from(chunks.len()).ok()?;
    let page = LayoutPage {
        chunks: chunks.get(from as usize).cloned().into_iter().collect(),
        next: Some(from + 1).filter(|&next| next < count),
    };
    Some(parterre_domain::encode(&page))
}

fn upgrade(
    world: Arc<World>,
    request: &mut Request<Incoming>,
    mut cut: watch::Receiver<bool>,
) -> Response<Full<Bytes>> {
    let key = request.headers()[SEC_WEBSOCKET_KEY].clone();
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        tokio::select! {
            _ = feed(world, socket) => {}
            _ = cut.wait_for(|&cut| cut) => {}
        }
    });
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = derive_accept_key(key.as_bytes());
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap());
    response
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Speaks the feed until the edge goes.
async fn feed(world: Arc<World>, mut socket: Socket) -> Option<Infallible> {
    let joined = socket.next().await?.ok()?;
    let join: Join = parterre_domain::decode(&joined.into_data()).unwrap();
    let mut news = world.news.subscribe();
    let (first, mut position) = greet(&world, &join);
    for frame in first {
        send(&mut socket, &frame).await?;
    }
    loop {
        if let Some(records) = records(&world, &mut position) {
            send(&mut socket, &records).await?;
        }
        let (head, is_mute) = {
            let state = world.state.lock().unwrap();
            (state.head(), state.is_mute)
        };
        if !is_mute {
            send(&mut socket, &FeedFrame::Heartbeat { head, age_ms: 1 }).await?;
        }
        drop(tokio::time::timeout(HEARTBEAT, news.changed()).await);
    }
}

/// Hello, and a resync unless the log holds exactly the record that the edge has.
fn greet(world: &World, join: &Join) -> (Vec<FeedFrame>, Rev) {
    let mut state = world.state.lock().unwrap();
    let newest = state.head();
    let oldest = state.log.first().map_or(newest, |(rev, _)| *rev);
    let mut frames = vec![FeedFrame::Hello {
        oldest,
        newest,
        keys: vec![PassKey::from_secret(&[7; 32]).public()],
    }];
    let held = join.since.filter(|(since, sum)| {
        let mut log = state.log.iter();
        log.any(|(rev, encoded)| rev == since && checksum(encoded) == *sum)
    });
    let position = match held {
        Some((since, _)) => {
            state.resumes += 1;
            since
        }
        None => {
            state.resyncs += 1;
            frames.push(FeedFrame::Resync { from: newest });
            newest
        }
    };
    (frames, position)
}

fn records(world: &World, position: &mut Rev) -> Option<FeedFrame> {
    let mut state = world.state.lock().unwrap();
    let new = state.log.iter().filter(|(rev, _)| rev > position);
    let mut new: Vec<_> = new.cloned().collect();
    let (to, _) = new.last()?.clone();
    let mut from = *position;
    *position = to;
    if state.lose > 0 {
        let lost = state.lose.min(new.len());
        state.lose -= lost;
        from = new[lost - 1].0;
        new.drain(..lost);
    }
    let frame = FeedFrame::Records {
        from,
        to,
        records: new,
    };
    Some(frame)
}

async fn send(socket: &mut Socket, frame: &FeedFrame) -> Option<()> {
    let encoded = parterre_domain::encode(frame);
    socket.send(Message::Binary(encoded.into())).await.ok()
}
