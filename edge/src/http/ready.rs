//! The hottest reads, answered at once: an event and its availability, if the body that is
//! wanted lies ready.
//!
//! [`super::respond`] can load, render and forward, so its future is large, and moving it
//! about costs as much as answering such a read. Here there is no future, and nothing that
//! shards share is written to but counters. Whatever isn't ready, and whatever is refused,
//! is left to `respond`; what is answered here it would answer alike, and a test holds the
//! one to the other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Weak};
use std::time::Instant;

use foldhash::fast::RandomState;
use http::{Method, Request, Response};
use parterre_domain::{EventId, limits};
use parterre_gate::head;

use super::answer::{CHANGING, Found, REQUEST_ID};
use super::route::Route;
use super::{Body, negotiate, request_id};
use crate::cell::Cell;
use crate::context::Edge;
use crate::metrics::RouteLabel;
use crate::render::{BodyKey, Kind};

/// A shard's way to what lies ready.
#[derive(Debug)]
pub struct Ready {
    edge: Arc<Edge>,
    handles: RefCell<Handles>,
}

/// Cells that the shard has just served from.
///
/// They are found without the cache, so for [`limits::HANDLE_AGE`] at most: then the cache
/// hears that they are in use, and a cell that it has dropped meanwhile is followed no more.
#[derive(Debug)]
struct Handles {
    since: Instant,
    cells: HashMap<EventId, Weak<Cell>, RandomState>,
}

impl Ready {
    /// Nothing has been served yet.
    pub fn new(edge: Arc<Edge>) -> Self {
        let handles = Handles {
            since: Instant::now(),
            cells: HashMap::default(),
        };
        Self {
            edge,
            handles: RefCell::new(handles),
        }
    }

    /// The answer to a request that came at `began`, and under which name to count it;
    /// none if it isn't ready. Only of a request that is answered are the headers taken.
    pub fn answer<B>(
        &self,
        request: &mut Request<B>,
        began: Instant,
    ) -> Option<(RouteLabel, Response<Body>)> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if !is_read || request.uri().query().is_some() {
            return None;
        }
        let route = Route::of(request.uri().path())?;
        let (event, kind) = match route {
            Route::Event(event) => (event, Kind::Detail),
            Route::Availability(event) => (event, Kind::Availability),
            _ => return None,
        };
        head::check(request.uri(), request.headers()).ok()?;
        let cell = self.cell(event, began)?;
        let key = BodyKey {
            kind,
            representation: negotiate::of(request.headers()),
        };
        let body = cell.ready(key)?;
        self.edge.metrics.cache_hits.inc();
        if kind == Kind::Detail {
            self.edge.neighbours.looked_at(&cell, began);
        }
        let stale = self.edge.freshness.stale_seconds(began);
        let headers = take(request.headers_mut());
        let mut response = Found::of(body, CHANGING).into_response(headers, stale);
        response.headers_mut().insert(REQUEST_ID, request_id());
        Some((route.label(), response))
    }

    fn cell(&self, event: EventId, now: Instant) -> Option<Arc<Cell>> {
        let mut handles = self.handles.borrow_mut();
        if let Some(cell) = handles.get(event, now) {
            return Some(cell);
        }
        let cell = self.edge.cells.peek(event)?;
        handles.cells.insert(event, Arc::downgrade(&cell));
        Some(cell)
    }
}

impl Handles {
    fn get(&mut self, event: EventId, now: Instant) -> Option<Arc<Cell>> {
        let age = now.saturating_duration_since(self.since);
        if age > limits::HANDLE_AGE || self.cells.len() >= limits::HANDLES_PER_SHARD {
            self.cells.clear();
            self.since = now;
        }
        let cell = self.cells.get(&event)?.upgrade()?;
        (!cell.is_gone()).then_some(cell)
    }
}
