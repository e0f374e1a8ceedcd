//! The core's HTTP, through its sockets.

mod site;

use parterre_core::check::check;
use parterre_core::config::StoreConfig;
use parterre_core::store::any::AnyStore;
use serde_json::{Value, json};
use site::{TOKEN, World, config, eventually, row};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_ticket_is_created_sold_refused_to_the_next_and_given_back() {
    let world = World::start().await;
    let event = world.published(4).await;
    let path = format!("/admin/v1/events/{event}");
    let detail = world.admin("GET", &path).send().await.is(200).json();
    assert_eq!(detail["status"], "on_sale");
    assert_eq!(
        detail["counts"],
        json!({"total": 4, "free": 4, "pending": 0, "sold": 0})
    );

    let reply = world.reserve(&event, &[1, 2]).await.is(201);
    let reservation = reply.json();
    let path = format!("/v1/reservations/{}", reservation["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), path);
    assert_eq!(reply.header("parterre-rev").len(), 28);
    assert_eq!(reservation["state"], "pending");
    assert_eq!(reservation["total"], 9_000);
    assert_eq!(reservation["tickets"][1]["seat"], "3");
    assert_eq!(world.states(&event).await, "fppf");

    let problem = world.reserve(&event, &[3, 2]).await;
    let problem = problem.problem(409, "tickets-taken");
    assert_eq!(problem["taken"], json!([{"id": 2, "state": "pending"}]));
    assert_eq!(world.states(&event).await, "fppf");

    let release = || world.edge("DELETE", &path).token(&reservation).send();
    release().await.is(204);
    release().await.is(204);
    let shown = world.edge("GET", &path).token(&reservation).send().await;
    let shown = shown.is(200).json();
    assert_eq!(shown["state"], "released");
    assert!(shown.get("token").is_none(), "{shown}");
    assert_eq!(world.states(&event).await, "ffff");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn the_best_tickets_are_found_or_refused_as_a_whole() {
    let world = World::start().await;
    let event = world.published(4).await;
    let path = format!("/v1/events/{event}/reservations");
    let best = |count| {
        world
            .edge("POST", &path)
            .json(&json!({"best": {"count": count}}))
            .send()
    };
    assert_eq!(
        best(3).await.is(201).json()["tickets"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        best(2).await.problem(409, "tickets-taken")["taken"],
        json!([])
    );
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_repeat_answers_what_the_first_attempt_answered() {
    let world = World::start().await;
    let event = world.published(4).await;
    let path = format!("/v1/events/{event}/reservations");
    let ask = |header: &'static str, value: &'static str, body: Value| {
        world
            .edge("POST", &path)
            .header(header, value)
            .json(&body)
            .send()
    };
    let (one, two) = (json!({"tickets": [0]}), json!({"tickets": [1]}));

    let key = ("idempotency-key", "0123456789abcdef");
    let first = ask(key.0, key.1, one.clone()).await.is(201).json();
    assert_eq!(ask(key.0, key.1, one).await.is(201).json(), first);
    ask(key.0, key.1, two.clone())
        .await
        .problem(409, "idempotency-mismatch");

    let minted = ("parterre-reservation", "01KAQ8Z5V1M8W3G8XJ8Q3N4T7B");
    let first = ask(minted.0, minted.1, two.clone()).await.is(201).json();
    assert_eq!(first["id"], minted.1);
    assert_eq!(ask(minted.0, minted.1, two).await.is(201).json(), first);
    assert_eq!(world.states(&event).await, "ppff");

    let short = ask("idempotency-key", "short", json!({"tickets": [3]})).await;
    assert_eq!(
        short.problem(422, "invalid")["errors"][0]["field"],
        "Idempotency-Key"
    );
    world.ended().await.unwrap();
}

#[tokio::test]
async fn every_refusal_is_a_problem_that_says_what_to_mend() {
    let world = World::start().await;
    let event = world.published(2).await;
    let reserve = format!("/v1/events/{event}/reservations");
    let missing = "/v1/events/01KAQ8Z5V1M8W3G8XJ8Q3N4T7B/reservations";
    let large = format!("{{\"tickets\": [{}]}}", "1, ".repeat(40_000));
    let cases: [(&str, &str, &str, u16, &str); 15] = [
        ("POST", &reserve, "{", 400, "malformed"),
        ("POST", &reserve, r#"{"seats": [1]}"#, 400, "malformed"),
        ("POST", &reserve, r#"{"tickets": ["a"]}"#, 400, "malformed"),
        ("POST", &reserve, "{}", 422, "invalid"),
        (
            "POST",
            &reserve,
            r#"{"tickets": [1], "best": {"count": 1}}"#,
            422,
            "invalid",
        ),
        ("POST", &reserve, r#"{"tickets": []}"#, 422, "invalid"),
        ("POST", &reserve, r#"{"tickets": [2]}"#, 404, "not-found"),
        ("POST", &reserve, r#"{"tickets": [1, 1]}"#, 422, "invalid"),
        (
            "POST",
            &reserve,
            r#"{"best": {"count": 0}}"#,
            422,
            "invalid",
        ),
        ("POST", &reserve, &large, 413, "too-large"),
        ("POST", missing, r#"{"tickets": [1]}"#, 404, "not-found"),
        (
            "POST",
            "/v1/events/nonsense/reservations",
            r#"{"tickets": [1]}"#,
            404,
            "not-found",
        ),
        ("PUT", &reserve, "{}", 405, "method-not-allowed"),
        ("GET", "/v1/reservations/nonsense", "", 401, "unauthorized"),
        ("GET", "/nothing/here", "", 404, "not-found"),
    ];
    for (method, path, body, status, slug) in cases {
        let reply = world
            .edge(method, path)
            .body("application/json", body.to_owned())
            .send()
            .await;
        let problem = reply.problem(status, slug);
        assert!(problem["detail"].as_str().is_some(), "{problem}");
    }
    let said = [
        (r#"{"seats": [1]}"#, "`seats`"),
        (r#"{"tickets": ["a"]}"#, "\"a\""),
        (r#"{"tickets": [1]"#, "line 1"),
    ];
    for (body, what) in said {
        let call = world.edge("POST", &reserve);
        let problem = call.body("application/json", body).send().await;
        let problem = problem.problem(400, "malformed");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(what), "{body}: {detail}");
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn who_has_no_right_is_told_so() {
    let world = World::start().await;
    let event = world.published(2).await;
    let reservation = world.reserve(&event, &[0]).await.is(201).json();
    let other = world.reserve(&event, &[1]).await.is(201).json();
    let own = format!("/v1/reservations/{}", reservation["id"].as_str().unwrap());
    let unknown = "/v1/reservations/01KAQ8Z5V1M8W3G8XJ8Q3N4T7B";

    let list = "/admin/v1/events";
    let call = world.call("GET", list).send().await;
    call.problem(401, "unauthorized");
    let call = world.call("GET", list).header("authorization", "Bearer x");
    call.send().await.problem(403, "forbidden");

    let call = world.call("GET", "/internal/v1/catalog").send().await;
    call.problem(401, "unauthorized");
    let call = world.call("GET", &own).token(&reservation);
    let call = call.header("parterre-cluster-secret", "another secret");
    call.send().await.problem(403, "forbidden");

    world
        .edge("GET", &own)
        .send()
        .await
        .problem(401, "unauthorized");
    let call = world.edge("DELETE", &own).token(&other).send().await;
    call.problem(403, "forbidden");
    let call = world.edge("GET", unknown).token(&other).send().await;
    call.problem(404, "not-found");
    assert_eq!(world.states(&event).await, "pp");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_request_keeps_the_id_that_its_edge_gave_it() {
    let world = World::start().await;
    let ask = |id: &'static str| {
        let call = world.edge("GET", "/internal/v1/catalog");
        call.header("request-id", id).send()
    };
    assert_eq!(ask("abc-123").await.header("request-id"), "abc-123");
    for spoiled in ["", "a b", &*"x".repeat(65)] {
        let id = ask(spoiled.to_owned().leak()).await;
        let id = id.header("request-id");
        assert!(id.len() >= 16 && id != spoiled, "{spoiled:?} became {id:?}");
    }
    let call = world.call("GET", "/nothing").send().await;
    assert!(call.headers.contains_key("request-id"));
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_sale_that_has_not_begun_says_when_to_come_back() {
    let world = World::start().await;
    let later = json!({"sale_opens_at": "2099-04-01T10:00:00.000Z"});
    let event = world.published_with(1, later).await;
    let reply = world.reserve(&event, &[0]).await;
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!(seconds > 24 * 3_600, "{seconds}");
    let problem = reply.problem(425, "not-on-sale");
    assert_eq!(problem["opens_at"], "2099-04-01T10:00:00.000Z");
    let event = world
        .published_with(1, json!({"starts_at": "2001-01-01T00:00:00Z"}))
        .await;
    world
        .reserve(&event, &[0])
        .await
        .problem(425, "not-on-sale");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn lists_go_on_behind_their_cursor() {
    let world = World::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.draft(json!({})).await);
    }
    made.sort();
    made.push(world.published(3).await);
    made.sort();
    let (mut seen, mut path) = (Vec::new(), "/admin/v1/events?limit=2".to_owned());
    loop {
        let page = world.admin("GET", &path).send().await.is(200).json();
        let events = page["events"].as_array().unwrap();
        seen.extend(events.iter().map(|e| e["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/admin/v1/events?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    let list = async |query: &str| {
        let path = format!("/admin/v1/events?{query}");
        world.admin("GET", &path).send().await
    };
    let on_sale = list("status=on_sale").await.is(200).json();
    assert_eq!(on_sale["events"].as_array().unwrap().len(), 1);
    for query in ["limit=0", "limit=101", "cursor=zz"] {
        list(query).await.problem(422, "invalid");
    }
    list("status=open").await.problem(400, "malformed");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn administrators_see_reservations_without_tokens() {
    let world = World::start().await;
    let event = world.published(3).await;
    let first = world.reserve(&event, &[0]).await.is(201).json();
    let second = world.reserve(&event, &[1]).await.is(201).json();
    let release = format!("/v1/reservations/{}", second["id"].as_str().unwrap());
    let call = world.edge("DELETE", &release).token(&second).send();
    call.await.is(204);
    let path = format!("/admin/v1/events/{event}/reservations?state=pending");
    let page = world.admin("GET", &path).send().await.is(200).json();
    let [shown] = &page["reservations"].as_array().unwrap()[..] else {
        panic!("{page}")
    };
    assert_eq!(shown["id"], first["id"]);
    assert!(shown.get("token").is_none(), "{shown}");
    let path = format!(
        "/admin/v1/reservations/{}/refund",
        first["id"].as_str().unwrap()
    );
    let refund = world.admin("POST", &path);
    let refund = refund.json(&json!({"return_to_sale": true})).send().await;
    assert_eq!(refund.problem(409, "conflict")["state"], "pending");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn withdrawn_tickets_are_not_for_sale_until_restored() {
    let world = World::start().await;
    let event = world.published(3).await;
    let turn = async |what: &str, tickets: Value| {
        let path = format!("/admin/v1/events/{event}/tickets/{what}");
        let call = world.admin("POST", &path);
        call.json(&json!({ "tickets": tickets })).send().await
    };
    turn("withdraw", json!([0, 2])).await.is(200);
    assert_eq!(world.states(&event).await, "wfw");
    let taken = world.reserve(&event, &[2]).await;
    assert_eq!(
        taken.problem(409, "tickets-taken")["taken"],
        json!([{"id": 2, "state": "withdrawn"}])
    );
    turn("restore", json!([2])).await.is(200);
    world.reserve(&event, &[2]).await.is(201);
    turn("withdraw", json!([1, 2]))
        .await
        .problem(409, "tickets-taken");
    assert_eq!(world.states(&event).await, "wfp");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn five_thousand_tickets_are_withdrawn_and_restored_at_once_and_no_more() {
    let world = World::start().await;
    let event = world.published(5_001).await;
    let turn = async |what: &str, tickets: u32| {
        let path = format!("/admin/v1/events/{event}/tickets/{what}");
        let tickets: Vec<u32> = (0..tickets).collect();
        let call = world.admin("POST", &path);
        call.json(&json!({ "tickets": tickets })).send().await
    };
    for (what, letter) in [("withdraw", "w"), ("restore", "f")] {
        turn(what, 5_000).await.is(200);
        let expected = letter.repeat(5_000) + "f";
        assert!(world.states(&event).await == expected, "after {what}");
        let problem = turn(what, 5_001).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "tickets", "{problem}");
        assert!(world.states(&event).await == expected, "after {what}");
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_event_gives_up_its_reservations_by_itself() {
    let world = World::start().await;
    let event = world.published(2).await;
    let reservation = world.reserve(&event, &[0]).await.is(201).json();
    let path = format!("/admin/v1/events/{event}");
    let cancelled = world.admin("POST", &format!("{path}/cancel")).send().await;
    assert_eq!(cancelled.is(200).json()["status"], "cancelled");
    world
        .reserve(&event, &[1])
        .await
        .problem(425, "not-on-sale");
    eventually("the reservation is released", async || {
        let own = format!("/v1/reservations/{}", reservation["id"].as_str().unwrap());
        let shown = world.edge("GET", &own).token(&reservation).send().await;
        (shown.is(200).json()["state"] == "released").then_some(())
    })
    .await;
    eventually("cancelling comes to its end", async || {
        let detail = world.admin("GET", &path).send().await.is(200).json();
        detail.get("cancelling").is_none().then_some(())
    })
    .await;
    world.ended().await.unwrap();
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreConfig::Embedded(folder.path().to_owned());
    let world = World::with(config(store.clone())).await;
    let event = world.published(2).await;
    let reservation = world.reserve(&event, &[1]).await.is(201).json();
    world.ended().await.unwrap();
    let world = World::with(config(store)).await;
    assert_eq!(world.states(&event).await, "fp");
    let path = format!("/v1/reservations/{}", reservation["id"].as_str().unwrap());
    let shown = world.edge("GET", &path).token(&reservation).send().await;
    assert_eq!(shown.is(200).json()["id"], reservation["id"]);
    world.ended().await.unwrap();
    let store = AnyStore::open(&StoreConfig::Embedded(folder.path().to_owned()))
        .await
        .unwrap();
    let report = check(&store).await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.records > 3, "{report}");
}

#[tokio::test]
async fn a_start_that_fails_says_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreConfig::Embedded(folder.path().to_owned());
    let world = World::with(config(store.clone())).await;
    let Err(error) = parterre_core::build(config(store)).await else {
        panic!("two cores opened one embedded store")
    };
    let error = error.to_string();
    assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    let mut taken = config(StoreConfig::Memory);
    taken.listen = world.listen;
    let Err(error) = parterre_core::build(taken).await else {
        panic!("two cores listen at one address")
    };
    let error = error.to_string();
    assert!(error.contains("--listen"), "{error}");
    assert!(!error.contains('\n'), "{error}");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn operators_see_that_it_is_ready_and_what_it_did() {
    let world = World::start().await;
    let event = world.published(1).await;
    world.reserve(&event, &[0]).await.is(201);
    world.reserve(&event, &[0]).await.is(409);
    for path in ["/nowhere", "/nowhere/else", "/admin/v1/nowhere"] {
        world.admin("GET", path).send().await.is(404);
    }
    world.probe.ready().await.unwrap();
    let metrics = world.probe.metrics();
    assert!(!metrics.contains("nowhere"), "{metrics}");
    for line in [
        r#"parterre_core_requests_total{route="/v1/events/{id}/reservations",status="201"} 1"#,
        r#"parterre_core_requests_total{route="none",status="404"} 3"#,
        r#"parterre_core_refusals_total{reason="tickets-taken"} 1"#,
        r#"parterre_core_reservations_total{outcome="reserved"} 1"#,
        "parterre_core_log_head ",
    ] {
        assert!(metrics.contains(line), "{line} isn't in {metrics}");
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_core_ends() {
    let world = World::start().await;
    let event = world.draft(json!({})).await;
    let body = row(2).to_string();
    let (begun, rest) = body.split_at(20);
    let mut socket = tokio::net::TcpStream::connect(world.listen).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /admin/v1/events/{event}/tickets HTTP/1.1\r\nhost: core\r\n\
         authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{begun}"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    eventually("the request is being read", async || {
        let metrics = world.probe.metrics();
        let line = "parterre_core_requests_in_flight 1";
        metrics.contains(line).then_some(())
    })
    .await;
    let listen = world.listen;
    let ended = tokio::spawn(world.ended());
    eventually("the core stops listening", async || {
        let refused = tokio::net::TcpStream::connect(listen).await.is_err();
        refused.then_some(())
    })
    .await;
    socket.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    ended.await.unwrap().unwrap();
}
