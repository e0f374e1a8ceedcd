//! What the edge tells whoever follows a request through the logs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use http_body_util::Full;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::core::{Core, id};
use crate::stage::Edge;

/// Spans at the level that operators have by default, each with its fields as text.
static SPANS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector(AtomicU64);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(span.metadata().name().to_owned());
        span.record(&mut text);
        SPANS.lock().unwrap().push(text.0);
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_call_has_one_span_with_the_id_that_its_core_gets() {
    tracing::subscriber::set_global_default(Collector(AtomicU64::new(0))).unwrap();
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    let read = edge.get(&format!("/v1/events/{}", id(1))).await;
    let path = format!("/v1/reservations/{}", id(7));
    let request = edge.request(Method::GET, &path);
    let shown = edge.send(request.body(Full::default()).unwrap()).await;
    let name = |headers: &http::HeaderMap| headers["request-id"].to_str().unwrap().to_owned();
    let given = name(shown.headers());
    assert_eq!(name(&core.state().forwarded[0].headers), given);
    let spans = SPANS.lock().unwrap().clone();
    let of = |id: &str| spans.iter().filter(|span| span.contains(id)).count();
    assert_eq!(of(&given), 1, "{spans:?}");
    let whole = format!("request id={given:?} method=GET route=\"reservation\"");
    assert!(spans.contains(&whole), "{whole}: {spans:?}");
    assert_eq!(
        of(&name(read.headers())),
        0,
        "a cached read costs no record"
    );
    edge.stop().await;
}
