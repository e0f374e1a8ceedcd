//! Reads over HTTP: bodies, tags, lists, and what is refused.

use std::collections::BTreeSet;

use http::{Method, Response, StatusCode};
use http_body_util::Full;

use crate::core::{Core, id};
use crate::stage::{Edge, until};
use parterre_domain::TicketState;

fn header<B>(response: &Response<B>, name: &str) -> String {
    let value = response.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {:?}", response.headers()));
    value.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_shown_in_all_its_parts() {
    let core = Core::start().await;
    let rev = core.publish(1, 1, 250);
    let edge = Edge::behind(&core).await;
    let path = format!("/v1/events/{}", id(1));

    let detail = edge.json(&path).await;
    assert_eq!(detail["title"], "Event 1");
    assert_eq!(detail["status"], "on_sale");
    assert_eq!(detail["rev"], rev.to_string());
    let layout = edge.json(&format!("{path}/layout")).await;
    assert_eq!(layout["sections"].as_array().unwrap().len(), 3);
    assert_eq!(layout["tickets"]["seat"][249], "9");
    let availability = edge.availability(1).await;
    assert_eq!(availability["states"], "f".repeat(250));

    let response = edge.get(&path).await;
    assert_eq!(header(&response, "content-type"), "application/json");
    assert_eq!(header(&response, "parterre-rev"), rev.to_string());
    assert_eq!(header(&response, "vary"), "Accept, Accept-Encoding");
    assert!(header(&response, "cache-control").contains("stale-while-revalidate"));
    assert_ne!(
        header(&response, "request-id"),
        header(&edge.get(&path).await, "request-id")
    );
    assert!(response.headers().get("parterre-stale").is_none());
    edge.stop().await;
}

/// The directives of a `Cache-Control`.
fn directives<B>(response: &Response<B>) -> BTreeSet<String> {
    let text = header(response, "cache-control");
    text.split(',').map(|one| one.trim().to_owned()).collect()
}

fn has_seconds(directives: &BTreeSet<String>, name: &str) -> bool {
    let seconds = directives
        .iter()
        .find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
    seconds.is_some_and(|seconds| seconds.parse::<u32>().unwrap() > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_says_how_long_a_cache_may_keep_and_stretch_it() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    let event = format!("/v1/events/{}", id(1));
    let paths = ["", "/layout", "/availability", "/tickets", "/similar"];
    let mut paths: Vec<_> = paths.iter().map(|part| format!("{event}{part}")).collect();
    paths.extend(["/v1/events", "/v1/keys", "/openapi.json", "/"].map(str::to_owned));
    for path in &paths {
        let response = edge.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        let said = directives(&response);
        assert!(said.contains("public"), "{path}: {said:?}");
        for name in ["max-age", "stale-while-revalidate", "stale-if-error"] {
            assert!(has_seconds(&said, name), "{path} lacks {name}: {said:?}");
        }
        let for_ever = said.contains("immutable") && said.contains("max-age=31536000");
        assert_eq!(for_ever, path.ends_with("/layout"), "{path}: {said:?}");
        assert_eq!(
            header(&response, "vary"),
            "Accept, Accept-Encoding",
            "{path}"
        );
        let tag = header(&response, "etag");
        let request = edge
            .request(Method::GET, path)
            .header("if-none-match", &tag);
        let known = edge.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert!(known.body().is_empty(), "{path}");
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(header(&known, name), header(&response, name), "{path}");
        }
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_a_jwk_set_in_both_formats_under_tags_of_their_own() {
    let core = Core::start().await;
    let edge = Edge::behind(&core).await;
    until("the keys are there", async || {
        edge.get("/v1/keys").await.status() == 200
    })
    .await;
    let json = edge.get("/v1/keys").await;
    let request = edge
        .request(Method::GET, "/v1/keys")
        .header("accept", "application/msgpack");
    let packed = edge.send(request.body(Full::default()).unwrap()).await;
    assert_eq!(header(&packed, "content-type"), "application/msgpack");
    assert_ne!(header(&packed, "etag"), header(&json, "etag"));
    let one: serde_json::Value = serde_json::from_slice(json.body()).unwrap();
    let other: serde_json::Value = rmp_serde::from_slice(packed.body()).unwrap();
    assert_eq!(one, other);
    assert_eq!(one["keys"][0]["kty"], "OKP");
    let newest = core.state().head().to_string();
    assert_eq!(header(&json, "parterre-rev"), newest);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_carry_the_feeds_position_and_parts_of_an_event_its_last_commit() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    core.publish(2, 1, 10);
    let edge = Edge::behind(&core).await;
    let event = format!("/v1/events/{}", id(1));
    // Before the commits, so that there are bodies that could be wrong.
    for part in ["/layout", "/tickets", ""] {
        edge.json(&format!("{event}{part}")).await;
    }
    let touched = core.commit(1, &[(0, TicketState::Sold)]).to_string();
    let newest = core.commit(2, &[(0, TicketState::Sold)]).to_string();
    edge.agrees(&core, 1).await;
    edge.agrees(&core, 2).await;
    for part in ["", "/layout", "/availability"] {
        let response = edge.get(&format!("{event}{part}")).await;
        assert_eq!(header(&response, "parterre-rev"), touched, "{part}");
    }
    let similar = format!("{event}/similar");
    for path in ["/v1/events", &similar] {
        until("the list is of the newest position", async || {
            header(&edge.get(path).await, "parterre-rev") == newest
        })
        .await;
    }
    let tickets = format!("{event}/tickets");
    until("the list of tickets is of its event's rev", async || {
        header(&edge.get(&tickets).await, "parterre-rev") == touched
    })
    .await;
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_with_withdrawn_tickets_is_counted_right_from_its_first_moment() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    core.publish_with_withdrawn(2, 10, 4);
    let free = async || {
        let page = edge.json("/v1/events?from=1980-01-01T00:00:00Z").await;
        let events = page["events"].as_array().unwrap().clone();
        let mut listed = events
            .into_iter()
            .filter(|event| event["id"] == id(2).to_string());
        listed.next().map(|event| event["counts"]["free"].clone())
    };
    let mut seen = None;
    until("the event is listed", async || {
        seen = free().await;
        seen.is_some()
    })
    .await;
    assert_eq!(seen, Some(6.into()));
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_tag_is_answered_304_until_the_event_changes() {
    let core = Core::start().await;
    core.publish(1, 1, 30_000);
    let edge = Edge::behind(&core).await;
    let event = id(1);
    let again = async |path: &str, tag: &str| {
        let request = edge.request(Method::GET, path).header("if-none-match", tag);
        edge.send(request.body(Full::default()).unwrap()).await
    };
    let paths = [
        format!("/v1/events/{event}"),
        format!("/v1/events/{event}/availability"),
        format!("/v1/events/{event}/tickets"),
        format!("/v1/events/{event}/layout"),
        "/v1/events".to_owned(),
    ];
    let mut tags = Vec::new();
    for path in &paths {
        let first = edge.get(path).await;
        let tag = header(&first, "etag");
        let known = again(path, &format!("\"other\", W/{tag}")).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert!(known.body().is_empty());
        for name in ["etag", "cache-control", "vary", "parterre-rev"] {
            assert_eq!(header(&known, name), header(&first, name), "{path}");
        }
        assert_eq!(again(path, "\"other\"").await.status(), 200, "{path}");
        tags.push(tag);
    }
    core.commit(1, &[(3, TicketState::Sold)]);
    edge.agrees(&core, 1).await;
    for (path, tag) in paths.iter().zip(&tags) {
        let expected = if path.ends_with("layout") { 304 } else { 200 };
        until("the change is seen", async || {
            again(path, tag).await.status() == expected
        })
        .await;
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn walking_lists_by_cursor_meets_everything_once() {
    let core = Core::start().await;
    for number in 0..45 {
        core.publish(number, i64::from(number % 4), 10);
    }
    core.publish(100, 0, 2_345);
    let touched = core.commit(
        100,
        &[(7, TicketState::Sold), (1_999, TicketState::Pending)],
    );
    let edge = Edge::behind(&core).await;
    let walk = async |first: &str, list: &str| {
        let mut met = Vec::new();
        let mut path = first.to_owned();
        loop {
            let page = edge.json(&path).await;
            met.extend(
                page[list]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["id"].to_string()),
            );
            match page["next_cursor"].as_str() {
                Some(next) => path = format!("{first}&cursor={next}"),
                None => return met,
            }
        }
    };
    let check = |met: Vec<String>, expected: usize| {
        assert_eq!(met.len(), expected);
        assert_eq!(met.into_iter().collect::<BTreeSet<_>>().len(), expected);
    };
    check(walk("/v1/events?limit=7", "events").await, 46);
    check(walk("/v1/events?limit=100", "events").await, 46);
    check(walk("/v1/events?limit=7&q=event+1", "events").await, 12);
    let tickets = format!("/v1/events/{}/tickets", id(100));
    let page = edge.json(&tickets).await;
    assert_eq!(page["tickets"].as_array().unwrap().len(), 100);
    assert_eq!(page["rev"], touched.to_string());
    check(
        walk(&format!("{tickets}?limit=1000"), "tickets").await,
        2_345,
    );
    check(
        walk(&format!("{tickets}?limit=100&state=free"), "tickets").await,
        2_343,
    );
    check(walk(&format!("{tickets}?state=sold"), "tickets").await, 1);
    check(
        walk(
            &format!("{tickets}?limit=30&section=Section+3&tier=a"),
            "tickets",
        )
        .await,
        100,
    );
    check(walk(&format!("{tickets}?tier=b"), "tickets").await, 0);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_found_by_filters_and_words() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    core.publish(2, 2, 10);
    core.publish(3, -1_000_000, 10);
    let edge = Edge::behind(&core).await;
    let check = async |query: &str, expected: &[u32]| {
        let page = edge.json(&format!("/v1/events{query}")).await;
        let events = page["events"].as_array().unwrap();
        let found: Vec<_> = events
            .iter()
            .map(|event| event["id"].as_str().unwrap())
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&number| id(number).to_string())
            .collect();
        assert_eq!(found, expected, "{query}");
    };
    check("", &[1, 2]).await;
    check("?from=1980-01-01T00:00:00.000Z", &[3, 1, 2]).await;
    check("?to=2100-01-01T02:00:00.000Z", &[1]).await;
    check("?city=koln", &[1, 2]).await;
    check("?city=K%C3%96LN&category=Music", &[1, 2]).await;
    check("?city=Bonn", &[]).await;
    check("?q=hal+2", &[2]).await;
    check("?limit=1", &[1]).await;
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_isnt_there_or_isnt_right_is_a_problem() {
    let core = Core::start().await;
    core.publish(1, 1, 10);
    let edge = Edge::behind(&core).await;
    let event = format!("/v1/events/{}", id(1));
    let long = format!("/v1/events?q={}", "a".repeat(5_000));
    let rows = [
        (Method::GET, "/nothing", 404, "not-found"),
        (Method::GET, "/v1/events/xyz", 404, "not-found"),
        (
            Method::GET,
            &format!("/v1/events/{}", id(9)),
            404,
            "not-found",
        ),
        (Method::GET, "/internal/v1/catalog", 404, "not-found"),
        (Method::DELETE, &event, 405, "method-not-allowed"),
        (Method::POST, "/v1/live", 405, "method-not-allowed"),
        (Method::GET, &format!("{event}?x=1"), 400, "malformed"),
        (
            Method::GET,
            &format!("{event}/tickets?limit=0"),
            422,
            "invalid",
        ),
        (Method::GET, "/v1/events?limit=ten", 400, "malformed"),
        (Method::GET, "/v1/events?limit=101&q=x", 422, "invalid"),
        (
            Method::GET,
            &format!("{event}/similar?limit=0"),
            422,
            "invalid",
        ),
        (Method::GET, "/v1/events?cursor=abc", 400, "malformed"),
        (Method::GET, &long, 414, "uri-too-long"),
    ];
    for (method, path, status, slug) in rows {
        let request = edge.request(method, path).body(Full::default()).unwrap();
        let response = edge.send(request).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(
            header(&response, "content-type"),
            "application/problem+json"
        );
        assert_eq!(header(&response, "request-id").len(), 16);
        let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{path}");
    }
    let request = edge
        .request(Method::GET, &event)
        .header("x", "y".repeat(13 << 10));
    let response = edge.send(request.body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), 431);
    let request = edge
        .request(Method::HEAD, &event)
        .body(Full::default())
        .unwrap();
    let head = edge.send(request).await;
    assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
    assert_eq!(
        header(&head, "content-length"),
        edge.get(&event).await.body().len().to_string()
    );
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_like_one_are_listed_the_nearest_first() {
    let core = Core::start().await;
    for (number, hours) in [(1, 10), (2, 40), (3, 9), (4, 12)] {
        core.publish(number, hours, 1);
    }
    core.commit(3, &[(0, TicketState::Sold)]);
    let edge = Edge::behind(&core).await;
    edge.agrees(&core, 3).await;
    let path = format!("/v1/events/{}/similar", id(1));
    let check = async |query: &str, expected: &[u32]| {
        let page = edge.json(&format!("{path}{query}")).await;
        let events = page["events"].as_array().unwrap().iter();
        let found: Vec<_> = events.map(|event| event["id"].clone()).collect();
        let expected: Vec<_> = expected.iter().map(|&n| id(n).to_string()).collect();
        assert_eq!(found, expected, "{query}");
        assert!(page["next_cursor"].is_null());
    };
    check("", &[4, 2, 3]).await;
    check("?limit=1", &[4]).await;
    check("?limit=100", &[4, 2, 3]).await;
    let response = edge.get(&path).await;
    assert!(!header(&response, "etag").is_empty());
    let rows = [
        (format!("{path}?limit=0"), 422),
        (format!("{path}?limit=101"), 422),
        (format!("{path}?cursor=1"), 400),
        (format!("/v1/events/{}/similar", id(9)), 404),
    ];
    for (path, status) in rows {
        assert_eq!(edge.get(&path).await.status(), status, "{path}");
    }
    edge.stop().await;
}
