//! What a core takes for a request and what it doesn't, through its socket.

mod site;

use serde_json::{Value, json};
use site::World;

const MISSING: &str = "01KAQ8Z5V1M8W3G8XJ8Q3N4T7B";

#[tokio::test]
async fn an_object_is_no_list_and_a_list_no_object() {
    let world = World::start().await;
    let event = world.published(2).await;
    let reserve = format!("/v1/events/{event}/reservations");
    for body in [
        "[[1]]",
        r#"{"best": [2]}"#,
        r#"{"tickets": {"0": 1}}"#,
        "7",
        "null",
    ] {
        let call = world.edge("POST", &reserve).body("application/json", body);
        call.send().await.problem(400, "malformed");
    }
    let window = "/admin/v1/creation-window";
    for body in [json!(["always"]), json!({"mode": "daily", "hours": []})] {
        let call = world.admin("PUT", window).json(&body).send().await;
        call.problem(400, "malformed");
    }
    assert_eq!(world.states(&event).await, "ff");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_body_is_json_and_says_so_or_nothing() {
    let world = World::start().await;
    let event = world.published(3).await;
    let reserve = format!("/v1/events/{event}/reservations");
    let change = format!("/admin/v1/events/{event}");
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/jsonp",
        "",
    ] {
        let call = world.edge("POST", &reserve);
        let call = call.body(kind, r#"{"tickets": [0]}"#).send().await;
        let problem = call.problem(415, "unsupported-media-type");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("Content-Type"), "{detail}");
        assert!(detail.contains("application/json"), "{detail}");
        let call = world.admin("PATCH", &change);
        let call = call.body(kind, r#"{"title": "Another"}"#).send().await;
        call.problem(415, "unsupported-media-type");
    }
    for (at, kind) in ["application/json", "Application/JSON; charset=utf-8"]
        .iter()
        .enumerate()
    {
        let call = world.edge("POST", &reserve);
        let call = call.body(kind, json!({"tickets": [at]}).to_string());
        call.send().await.is(201);
    }
    let call = world.edge("POST", &reserve);
    call.untyped(r#"{"tickets": [2]}"#).send().await.is(201);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_path_that_names_nothing_is_a_problem_even_if_it_can_not_be_read() {
    let world = World::start().await;
    for part in ["%FF", "nonsense", MISSING] {
        let calls = [
            ("GET", format!("/admin/v1/events/{part}")),
            ("GET", format!("/admin/v1/events/{part}/availability")),
            ("GET", format!("/admin/v1/events/{part}/layout")),
            ("GET", format!("/admin/v1/events/{part}/reservations")),
            ("GET", format!("/admin/v1/events/{part}/sales")),
            ("POST", format!("/admin/v1/events/{part}/publish")),
            ("POST", format!("/admin/v1/events/{part}/cancel")),
            ("GET", format!("/admin/v1/reservations/{part}")),
        ];
        for (method, path) in calls {
            let reply = world.admin(method, &path).send().await;
            reply.problem(404, "not-found");
        }
        let token = json!({"token": "x"});
        for path in [
            format!("/v1/reservations/{part}"),
            format!("/sandbox/{part}"),
        ] {
            let reply = world.edge("GET", &path).token(&token).send().await;
            reply.problem(404, "not-found");
        }
        let path = format!("/internal/v1/events/{part}");
        let reply = world.edge("GET", &path).send().await;
        reply.problem(404, "not-found");
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_parameter_that_a_call_does_not_know_is_refused() {
    let world = World::start().await;
    let event = world.published(1).await;
    let calls = [
        ("GET", "/admin/v1/events?state=draft".to_owned()),
        ("GET", "/admin/v1/events?q=song".to_owned()),
        (
            "GET",
            format!("/admin/v1/events/{event}/reservations?status=paid"),
        ),
        ("GET", format!("/admin/v1/events/{event}?x=1")),
        ("PATCH", format!("/admin/v1/events/{event}?x=1")),
        ("GET", format!("/admin/v1/events/{event}/availability?x")),
        ("GET", format!("/admin/v1/events/{event}/layout?limit=1")),
        (
            "POST",
            format!("/admin/v1/events/{event}/publish?urgently=true"),
        ),
        ("POST", format!("/admin/v1/events/{event}/cancel?x=1")),
        (
            "POST",
            format!("/admin/v1/events/{event}/tickets/withdraw?x=1"),
        ),
        ("GET", "/admin/v1/creation-window?x=1".to_owned()),
    ];
    for (method, path) in calls {
        let reply = world.admin(method, &path).json(&json!({})).send().await;
        let problem = reply.problem(400, "malformed");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("unknown parameter"), "{path}: {detail}");
    }
    let path = format!("/admin/v1/events/{event}?");
    let detail = world.admin("GET", &path).send().await.is(200).json();
    assert_eq!(detail["status"], "on_sale");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_ticket_that_the_event_does_not_have_is_not_found() {
    let world = World::start().await;
    let event = world.published(2).await;
    let turn = |what: &str| format!("/admin/v1/events/{event}/tickets/{what}");
    let calls = [
        world.edge("POST", &format!("/v1/events/{event}/reservations")),
        world.admin("POST", &turn("withdraw")),
        world.admin("POST", &turn("restore")),
    ];
    for call in calls {
        let reply = call.json(&json!({"tickets": [0, 2]})).send().await;
        let problem = reply.problem(404, "not-found");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("no ticket 2"), "{detail}");
    }
    assert_eq!(world.states(&event).await, "ff");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_cursor_is_of_its_own_list() {
    let world = World::start().await;
    let (event, other) = (world.published(2).await, world.published(2).await);
    for ticket in [0, 1] {
        world.reserve(&event, &[ticket]).await.is(201);
    }
    let list = async |event: &str, rest: &str| {
        let path = format!("/admin/v1/events/{event}/reservations?limit=1{rest}");
        world.admin("GET", &path).send().await
    };
    let first = list(&event, "").await.is(200).json();
    let cursor = format!("&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = list(&event, &cursor).await.is(200).json();
    assert_ne!(
        second["reservations"][0]["id"],
        first["reservations"][0]["id"]
    );
    let problem = list(&other, &cursor).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "cursor");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn an_idempotency_key_remembers_what_was_made_and_nothing_else() {
    let world = World::start().await;
    let event = world.published(4).await;
    let path = format!("/v1/events/{event}/reservations");
    let ask = async |key: &str, tickets: Value| {
        let call = world.edge("POST", &path).header("idempotency-key", key);
        call.json(&json!({ "tickets": tickets })).send().await
    };
    let key = "0123456789abcdef";
    world.reserve(&event, &[0]).await.is(201);
    ask(key, json!([0])).await.problem(409, "tickets-taken");
    ask(key, json!([9])).await.problem(404, "not-found");
    let made = ask(key, json!([1])).await.is(201).json();
    assert_eq!(ask(key, json!([1])).await.is(201).json(), made);
    ask(key, json!([0]))
        .await
        .problem(409, "idempotency-mismatch");

    for (ticket, key) in [(2, "x".repeat(255)), (3, "!".repeat(16))] {
        ask(&key, json!([ticket])).await.is(201);
    }
    for key in [
        "x".repeat(15),
        "x".repeat(256),
        "a key with a space".to_owned(),
    ] {
        let problem = ask(&key, json!([3])).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_repeat_tells_a_rev_of_its_event() {
    let world = World::start().await;
    let (event, other) = (world.published(2).await, world.published(1).await);
    let path = format!("/v1/events/{event}/reservations");
    let ask = async || {
        let call = world.edge("POST", &path);
        let call = call.header("idempotency-key", "0123456789abcdef");
        call.json(&json!({"tickets": [0]})).send().await.is(201)
    };
    let rev_of = async |event: &str| {
        let path = format!("/admin/v1/events/{event}");
        let detail = world.admin("GET", &path).send().await.is(200).json();
        detail["rev"].as_str().unwrap().to_owned()
    };
    let first = ask().await;
    let rev = first.header("parterre-rev").to_owned();
    assert_eq!(rev, rev_of(&event).await);
    world.reserve(&other, &[0]).await.is(201);
    assert!(rev_of(&other).await > rev);
    assert_eq!(
        ask().await.header("parterre-rev"),
        rev,
        "nothing has touched the event"
    );

    let reservation = first.json();
    let path = format!("/v1/reservations/{}", reservation["id"].as_str().unwrap());
    let release = async || {
        let call = world.edge("DELETE", &path).token(&reservation).send().await;
        call.is(204).header("parterre-rev").to_owned()
    };
    let released = release().await;
    assert!(released > rev);
    world.reserve(&event, &[0]).await.is(201);
    let later = rev_of(&event).await;
    assert!(later > released);
    world
        .admin("PATCH", &format!("/admin/v1/events/{other}"))
        .json(&json!({"city": "Porto"}))
        .send()
        .await
        .is(200);
    assert_eq!(release().await, later);
    let again = ask().await;
    assert_eq!(again.header("parterre-rev"), later);
    let again = again.json();
    assert_eq!(
        (&again["state"], &again["tickets"][0]["state"]),
        (&json!("released"), &json!("pending"))
    );
    world.ended().await.unwrap();
}
