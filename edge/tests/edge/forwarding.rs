//! Calls that cores answer: what they get, who gets them, and what the edge answers when
//! nobody does.

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Response};
use http_body_util::Full;
use parterre_domain::TicketState::{Pending, Sold};
use parterre_domain::{Slug, limits};

use crate::core::{Core, Forwarded, Manner, id};
use crate::stage::{Edge, config, until};

async fn reserve(edge: &Edge, body: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let path = format!("/v1/events/{}/reservations", id(1));
    let mut request = edge.request(Method::POST, &path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::from(body.to_owned());
    edge.send(request.body(body).unwrap()).await
}

fn header<'a>(call: &'a Forwarded, name: &str) -> Option<&'a str> {
    call.headers.get(name).map(|value| value.to_str().unwrap())
}

fn slug(response: &Response<Bytes>) -> String {
    let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    problem["type"].as_str().unwrap().to_owned()
}

/// An edge that holds event 1.
async fn holding(core: &Core) -> Edge {
    let edge = Edge::behind(core).await;
    edge.agrees(core, 1).await;
    edge
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_reaches_the_core_byte_for_byte_without_what_only_edges_say() {
    let core = Core::start().await;
    core.publish(1, 1, 100);
    let edge = holding(&core).await;
    let forged = [
        ("parterre-cluster-secret", "mine"),
        ("parterre-reservation", "mine"),
        ("request-id", "mine"),
        ("connection", "x-private, keep-alive"),
        ("x-private", "1"),
        ("x-public", "2"),
        ("idempotency-key", "0123456789abcdef"),
    ];
    let body = r#"{"tickets": [1],  "unknown": "é"}"#;
    let response = reserve(&edge, body, &forged).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.body(), body);
    assert_eq!(response.headers()["location"], "/v1/reservations/x");
    assert!(!response.headers().contains_key("parterre-reservation"));

    let call = core.state().forwarded.pop().unwrap();
    assert_eq!(
        (&call.method, &call.body),
        (&Method::POST, &Bytes::from(body))
    );
    assert_eq!(call.path, format!("/v1/events/{}/reservations", id(1)));
    let minted: Result<parterre_domain::ReservationId, _> =
        header(&call, "parterre-reservation").unwrap().parse();
    assert!(minted.is_ok(), "the edge names the reservation");
    assert_eq!(
        header(&call, "request-id"),
        response.headers()["request-id"].to_str().ok()
    );
    assert_eq!(header(&call, "x-private"), None);
    assert_eq!(header(&call, "x-public"), Some("2"));
    assert_eq!(header(&call, "idempotency-key"), Some("0123456789abcdef"));
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_money_is_forwarded() {
    let core = Core::start().await;
    core.publish(1, 1, 100);
    let edge = holding(&core).await;
    let reservation = id(7);
    let rows = [
        (Method::GET, format!("/v1/reservations/{reservation}")),
        (Method::DELETE, format!("/v1/reservations/{reservation}")),
        (
            Method::POST,
            format!("/v1/reservations/{reservation}/checkout"),
        ),
        (
            Method::POST,
            "/v1/payments/sandbox/webhook?a=%20b".to_owned(),
        ),
        (Method::GET, "/sandbox/abc".to_owned()),
        (Method::POST, "/sandbox/abc/pay".to_owned()),
    ];
    for (method, path) in rows {
        let request = edge
            .request(method.clone(), &path)
            .header("authorization", "Bearer x");
        let response = edge.send(request.body(Full::from("body")).unwrap()).await;
        assert_eq!(response.status(), 201, "{path}");
        let call = core.state().forwarded.pop().unwrap();
        assert_eq!((&call.method, &call.path), (&method, &path));
        assert_eq!(header(&call, "authorization"), Some("Bearer x"));
        assert_eq!(call.body, "body");
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_known_to_be_gone_costs_the_core_nothing() {
    let core = Core::start().await;
    core.publish(1, 1, 6);
    let edge = holding(&core).await;
    core.commit(1, &[(1, Pending), (2, Sold)]);
    edge.agrees(&core, 1).await;
    let refused = reserve(&edge, r#"{"tickets": [0, 1, 2]}"#, &[]).await;
    assert_eq!(refused.status(), 409);
    let problem: serde_json::Value = serde_json::from_slice(refused.body()).unwrap();
    let taken = serde_json::json!([{"id": 1, "state": "pending"}, {"id": 2, "state": "sold"}]);
    assert_eq!(problem["taken"], taken);
    let unmet = reserve(&edge, r#"{"best": {"count": 5}}"#, &[]).await;
    assert_eq!(unmet.status(), 409);
    let json = [("content-type", "application/json; charset=utf-8")];
    let refused = reserve(&edge, r#"{"tickets": [1]}"#, &json).await;
    assert_eq!(refused.status(), 409);
    assert!(core.state().forwarded.is_empty());
    let refusals = r#"parterre_edge_refusals_total{reason="tickets-taken"}"#;
    assert_eq!(edge.metric(refusals), 3.0);

    let decided_by_the_core = [
        (r#"{"tickets": [0, 3]}"#, &[][..]),
        (r#"{"best": {"count": 4}}"#, &[]),
        (
            r#"{"tickets": [1]}"#,
            &[("idempotency-key", "0123456789abcdef")],
        ),
        (r#"{"tickets": [1, 1]}"#, &[]),
        (r#"{"tickets": [1, 600]}"#, &[]),
        (r#"{"best": {"count": 50}}"#, &[]),
        (r#"{"best": {"count": 5, "tier": "unknown"}}"#, &[]),
        ("not JSON", &[]),
        ("[[1]]", &[]),
        (r#"{"best": [5]}"#, &[]),
        (
            r#"{"tickets": [1]}"#,
            &[("content-type", "application/x-www-form-urlencoded")],
        ),
    ];
    for (at, (body, headers)) in decided_by_the_core.into_iter().enumerate() {
        assert_eq!(reserve(&edge, body, headers).await.status(), 201, "{body}");
        assert_eq!(core.state().forwarded.len(), at + 1, "{body}");
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_stale_refuses_nothing_by_itself() {
    let core = Core::start().await;
    core.publish(1, 1, 6);
    let edge = holding(&core).await;
    core.commit(1, &[(1, Sold)]);
    edge.agrees(&core, 1).await;
    core.state().is_mute = true;
    until("the core is asked", async || {
        reserve(&edge, r#"{"tickets": [1]}"#, &[]).await.status() == 201
    })
    .await;
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_keeps_its_name_on_the_next_core() {
    let (mut one, mut other) = (Core::start().await, Core::start().await);
    for core in [&one, &other] {
        core.publish(1, 1, 6);
        core.state().manner = Manner::Silent;
    }
    let edge = Edge::start(config(&[&one, &other])).await;
    edge.ready().await;
    let asking = reserve(&edge, r#"{"tickets": [0]}"#, &[]);
    let story = async {
        // Whichever core got it first dies with it; the other one answers.
        until("a core has the call", async || {
            one.state().forwarded.len() + other.state().forwarded.len() == 1
        })
        .await;
        let is_first = !one.state().forwarded.is_empty();
        let (first, second) = if is_first {
            (&mut one, &mut other)
        } else {
            (&mut other, &mut one)
        };
        second.state().manner = Manner::Echo;
        first.kill().await;
    };
    let (response, ()) = tokio::join!(asking, story);
    assert_eq!(response.status(), 201);
    let calls = [
        one.state().forwarded.clone(),
        other.state().forwarded.clone(),
    ]
    .concat();
    let names: Vec<_> = calls
        .iter()
        .map(|call| header(call, "parterre-reservation"))
        .collect();
    assert_eq!(names.len(), 2);
    assert!(names[0].is_some() && names[0] == names[1], "{names:?}");
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_told_from_what_wasnt() {
    let mut core = Core::start().await;
    core.publish(1, 1, 6);
    let edge = holding(&core).await;

    core.state().manner = Manner::Refuse(Slug::Busy);
    let busy = reserve(&edge, r#"{"tickets": [0]}"#, &[]).await;
    assert_eq!(
        (busy.status().as_u16(), core.state().forwarded.len()),
        (503, 1)
    );

    core.state().manner = Manner::Silent;
    let asking = reserve(&edge, r#"{"tickets": [0]}"#, &[]);
    let story = async {
        until("the core has the call", async || {
            core.state().forwarded.len() == 2
        })
        .await;
        core.kill().await;
    };
    let (unknown, ()) = tokio::join!(asking, story);
    assert_eq!(unknown.status(), 504);
    assert_eq!(slug(&unknown), "/problems/outcome-unknown");

    let unreached = reserve(&edge, r#"{"tickets": [0]}"#, &[]).await;
    assert_eq!(unreached.status(), 503);
    assert_eq!(slug(&unreached), "/problems/core-unavailable");
    assert!(unreached.headers().contains_key("retry-after"));
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_waits_for_its_turn_at_the_edge() {
    let core = Core::start().await;
    let edge = Edge::behind(&core).await;
    let path = format!("/v1/reservations/{}", id(7));
    core.state().manner = Manner::Silent;
    let rush = limits::CORE_CALLS + 50;
    let asking = join_all((0..rush).map(|_| edge.get(&path)));
    let story = async {
        let arrived = || core.state().forwarded.len();
        until("the core is as busy as one edge may keep it", async || {
            arrived() == limits::CORE_CALLS
        })
        .await;
        // What was asked later would have arrived by now.
        edge.json("/v1/events").await;
        assert_eq!(arrived(), limits::CORE_CALLS);
        core.speak();
    };
    let (answers, ()) = tokio::join!(asking, story);
    assert!(answers.iter().all(|answer| answer.status() == 201));
    assert_eq!(core.state().forwarded.len(), rush);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_a_reservation_that_no_core_answers_can_simply_be_repeated() {
    let mut core = Core::start().await;
    let edge = Edge::behind(&core).await;
    let path = format!("/v1/reservations/{}", id(7));
    core.state().manner = Manner::Silent;
    // A core took it, and reading did nothing.
    let taken = edge.get(&path).await;
    assert_eq!(core.state().forwarded.len(), 1);
    core.kill().await;
    let unreached = edge.get(&path).await;
    assert_eq!(core.state().forwarded.len(), 1);
    for unanswered in [taken, unreached] {
        assert_eq!(unanswered.status(), 503);
        assert_eq!(slug(&unanswered), "/problems/core-unavailable");
        assert!(unanswered.headers().contains_key("retry-after"));
    }
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_without_its_store_is_passed_over_and_a_busy_one_is_not() {
    let (one, other) = (Core::start().await, Core::start().await);
    for core in [&one, &other] {
        core.publish(1, 1, 6);
    }
    let edge = Edge::start(config(&[&one, &other])).await;
    edge.ready().await;
    let manner = |manner: Manner| {
        one.state().manner = manner;
        other.state().manner = manner;
    };
    let calls = || {
        [
            one.state().forwarded.clone(),
            other.state().forwarded.clone(),
        ]
        .concat()
    };
    manner(Manner::Refuse(Slug::Busy));
    let busy = reserve(&edge, r#"{"tickets": [0]}"#, &[]).await;
    assert_eq!((busy.status().as_u16(), calls().len()), (503, 1));
    assert!(String::from_utf8_lossy(busy.body()).contains("/problems/busy"));
    // Whichever was asked belongs to the event.
    let (first, second) = if one.state().forwarded.is_empty() {
        (&other, &one)
    } else {
        (&one, &other)
    };
    manner(Manner::Refuse(Slug::CoreUnavailable));
    let nobody = reserve(&edge, r#"{"tickets": [0]}"#, &[]).await;
    assert_eq!((nobody.status().as_u16(), calls().len()), (503, 3));
    let said = String::from_utf8_lossy(nobody.body()).into_owned();
    assert!(said.contains("as the test wants it"), "{said}");
    second.state().manner = Manner::Echo;
    let done = reserve(&edge, r#"{"tickets": [0]}"#, &[]).await;
    assert_eq!((done.status().as_u16(), calls().len()), (201, 5));
    let names = [first, second].map(|core| {
        let call = core.state().forwarded.last().cloned().unwrap();
        header(&call, "parterre-reservation").unwrap().to_owned()
    });
    assert_eq!(names[0], names[1], "both were asked for the same one");
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_means_nothing_is_refused_before_any_core_is_asked() {
    let core = Core::start().await;
    core.publish(1, 1, 6);
    let edge = holding(&core).await;
    let rows = [
        (Method::POST, format!("/v1/events/{}/reservations", id(1))),
        (Method::GET, format!("/v1/reservations/{}", id(7))),
        (Method::DELETE, format!("/v1/reservations/{}", id(7))),
        (Method::POST, format!("/v1/reservations/{}/checkout", id(7))),
        (Method::GET, "/v1/live".to_owned()),
        (Method::GET, format!("/v1/events/{}/live", id(1))),
        (Method::GET, "/v1/keys".to_owned()),
        (Method::GET, format!("/v1/events/{}/similar", id(1))),
    ];
    for (method, path) in rows {
        let request = edge.request(method, &format!("{path}?urgent=true"));
        let response = edge.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(response.status(), 400, "{path}");
        let said = String::from_utf8_lossy(response.body()).into_owned();
        assert!(
            said.contains("/problems/malformed") && said.contains("urgent"),
            "{said}"
        );
    }
    assert!(core.state().forwarded.is_empty());
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused() {
    let core = Core::start().await;
    core.publish(1, 1, 6);
    let edge = holding(&core).await;
    let limit = parterre_domain::limits::BODY_BYTES;
    assert_eq!(reserve(&edge, &"x".repeat(limit), &[]).await.status(), 201);
    assert_eq!(
        reserve(&edge, &"x".repeat(limit + 1), &[]).await.status(),
        413
    );
    edge.stop().await;
}
