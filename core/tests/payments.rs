//! Checkouts, webhooks and refunds, through a core's socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod site;

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use parterre_core::clock::Clock;
use parterre_core::config::StoreConfig;
use parterre_domain::{Timestamp, limits};
use serde_json::{Value, json};
use sha2::Sha256;
use site::{Reply, SECRET, World, config, eventually};

fn path(reservation: &Value) -> String {
    format!("/v1/reservations/{}", reservation["id"].as_str().unwrap())
}

async fn shown(world: &World, reservation: &Value) -> Value {
    let call = world.edge("GET", &path(reservation)).token(reservation);
    call.send().await.is(200).json()
}

/// The states of a reservation's tickets, as it is shown.
async fn states(world: &World, reservation: &Value) -> Vec<String> {
    let shown = shown(world, reservation).await;
    let tickets = shown["tickets"].as_array().unwrap().iter();
    let states = tickets.map(|ticket| ticket["state"].as_str().unwrap().to_owned());
    states.collect()
}

fn checkout() -> Value {
    json!({
        "buyer": {"name": "Ada", "email": "ada@example.org"},
        "success_url": "https://shop.example/yes",
        "cancel_url": "https://shop.example/no",
    })
}

async fn check_out(world: &World, reservation: &Value, body: &Value) -> Reply {
    let path = format!("{}/checkout", path(reservation));
    let call = world.edge("POST", &path).token(reservation);
    call.json(body).send().await
}

async fn release(world: &World, reservation: &Value) -> Reply {
    let call = world.edge("DELETE", &path(reservation)).token(reservation);
    call.send().await
}

/// Reserves and pays. No webhook comes here, so the core hears of the payment when it asks
/// the provider: on an attempt to release.
async fn bought(world: &World, event: &str, tickets: &[u32]) -> Value {
    let reservation = world.reserve(event, tickets).await.is(201).json();
    check_out(world, &reservation, &checkout()).await.is(200);
    let session = reservation["id"].as_str().unwrap();
    let pay = format!("/sandbox/{session}/pay?behave=silent");
    let pay = world
        .edge("POST", &pay)
        .header("accept", "application/json");
    pay.send().await.is(200);
    let paid = release(world, &reservation).await;
    assert_eq!(paid.problem(409, "conflict")["state"], "paid");
    reservation
}

/// What the sandbox provider says when a reservation was paid.
fn notice(reservation: &Value) -> String {
    json!({
        "id": "notice-1",
        "type": "session.paid",
        "event": reservation["event"],
        "reservation": reservation["id"],
        "payment": format!("sandbox-{}", reservation["id"].as_str().unwrap()),
        "amount": reservation["total"],
        "currency": reservation["currency"],
    })
    .to_string()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The signature's header, made with the key of a secret so many seconds ago.
fn signed(secret: &str, body: &str, ago: Duration) -> String {
    let key = mac(secret.as_bytes(), &[b"parterre sandbox webhooks"]);
    let millis = Clock::Wall.now().as_millis();
    let seconds = millis / 1_000 - i64::try_from(ago.as_secs()).unwrap();
    let digest = mac(&key, &[format!("{seconds}.").as_bytes(), body.as_bytes()]);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[tokio::test]
async fn a_webhook_is_believed_when_its_provider_signed_it_just_now() {
    let world = World::start().await;
    let event = world.published(1).await;
    let reservation = world.reserve(&event, &[0]).await.is(201).json();
    check_out(&world, &reservation, &checkout()).await.is(200);
    let body = notice(&reservation);
    let now = Duration::ZERO;
    let send = async |provider: &str, signature: Option<String>, body: &str| {
        let path = format!("/v1/payments/{provider}/webhook");
        let call = world.edge("POST", &path);
        let call = call.body("application/json", body.to_owned());
        let call = match &signature {
            Some(signature) => call.header("sandbox-signature", signature),
            None => call,
        };
        call.send().await
    };
    let right = signed(SECRET, &body, now);
    let other = body.replace("4500", "1");
    let refused = [
        (None, &body),
        (Some(String::new()), &body),
        (Some(signed("another secret", &body, now)), &body),
        (Some(signed(SECRET, &body, Duration::from_secs(600))), &body),
        (Some(right.clone()), &other),
    ];
    for (signature, body) in refused {
        let reply = send("sandbox", signature, body).await;
        reply.problem(400, "malformed");
    }
    let unknown = send("nobody", Some(right.clone()), &body).await;
    unknown.problem(404, "not-found");
    assert_eq!(shown(&world, &reservation).await["state"], "pending");

    for _ in 0..2 {
        send("sandbox", Some(right.clone()), &body).await.is(204);
        assert_eq!(shown(&world, &reservation).await["state"], "paid");
    }
    assert_eq!(world.states(&event).await, "s");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_checkout_names_what_it_can_not_take() {
    let world = World::start().await;
    let event = world.published(1).await;
    let reservation = world.reserve(&event, &[0]).await.is(201).json();
    let cases = [
        ("/success_url", json!("/yes"), "success_url"),
        ("/success_url", json!("javascript:alert(1)"), "success_url"),
        ("/cancel_url", json!("https://"), "cancel_url"),
        (
            "/cancel_url",
            json!("https://x/".to_owned() + &"y".repeat(2_000)),
            "cancel_url",
        ),
        ("/buyer/email", json!("nobody"), "buyer.email"),
        ("/buyer/email", json!("@example.org"), "buyer.email"),
        ("/buyer/email", json!("a b@example.org"), "buyer.email"),
        ("/buyer/name", json!(" "), "buyer.name"),
    ];
    for (at, value, field) in cases {
        let mut body = checkout();
        *body.pointer_mut(at).unwrap() = value;
        let problem = check_out(&world, &reservation, &body).await;
        let problem = problem.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let mut body = checkout();
    body["buyer"] = json!(["Ada", "ada@example.org"]);
    let listed = check_out(&world, &reservation, &body).await;
    listed.problem(400, "malformed");
    check_out(&world, &reservation, &checkout()).await.is(200);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_checkout_prolongs_a_reservation_once() {
    let clock = Clock::manual("2030-06-01T10:00:00.000Z".parse().unwrap());
    let world = World::with_clock(config(StoreConfig::Memory), &clock).await;
    let event = world.published_with(2, json!({"hold_seconds": 600})).await;
    let first = world.reserve(&event, &[0]).await.is(201).json();
    let second = world.reserve(&event, &[1]).await.is(201).json();
    assert_eq!(first["created_at"], "2030-06-01T10:00:00.000Z");
    assert_eq!(first["expires_at"], "2030-06-01T10:10:00.000Z");

    clock.advance(Duration::from_secs(240));
    let answer = check_out(&world, &first, &checkout()).await.is(200).json();
    assert_eq!(answer["expires_at"], "2030-06-01T10:14:00.000Z");
    let url = answer["redirect_url"].as_str().unwrap();
    // As the settings of these tests have it.
    assert!(url.starts_with("http://127.0.0.1:1/"), "{url}");
    clock.advance(Duration::from_secs(60));
    let again = check_out(&world, &first, &checkout()).await.is(200).json();
    assert_eq!(again, answer);
    let first = shown(&world, &first).await;
    assert_eq!(first["expires_at"], answer["expires_at"]);

    // A shorter hold takes nothing of what was promised.
    let path = format!("/admin/v1/events/{event}");
    let call = world
        .admin("PATCH", &path)
        .json(&json!({"hold_seconds": 10}));
    call.send().await.is(200);
    let answer = check_out(&world, &second, &checkout()).await.is(200).json();
    assert_eq!(answer["expires_at"], second["expires_at"]);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn nobody_pays_for_tickets_that_were_given_back() {
    let world = World::start().await;
    let event = world.published(2).await;
    let first = world.reserve(&event, &[0, 1]).await.is(201).json();
    release(&world, &first).await.is(204);
    let gone = check_out(&world, &first, &checkout()).await;
    assert_eq!(gone.problem(410, "reservation-ended")["state"], "released");
    assert_eq!(states(&world, &first).await, ["free", "free"]);

    world.reserve(&event, &[1]).await.is(201);
    assert_eq!(states(&world, &first).await, ["free", "pending"]);
    let list = format!("/admin/v1/events/{event}/reservations?state=released");
    let list = world.admin("GET", &list).send().await.is(200).json();
    let tickets = &list["reservations"][0]["tickets"];
    assert_eq!(
        (&tickets[0]["state"], &tickets[1]["state"]),
        (&json!("free"), &json!("pending"))
    );
    let one = format!("/admin/v1/reservations/{}", first["id"].as_str().unwrap());
    let one = world.admin("GET", &one).send().await.is(200).json();
    assert_eq!(&one["tickets"], tickets);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_reservation_that_nobody_pays_gives_its_tickets_back() {
    let world = World::start().await;
    let event = world.published_with(2, json!({"hold_seconds": 10})).await;
    let reservation = world.reserve(&event, &[0]).await.is(201).json();
    assert_eq!(world.states(&event).await, "pf");
    eventually("the ticket is free again", async || {
        (world.states(&event).await == "ff").then_some(())
    })
    .await;
    assert_eq!(shown(&world, &reservation).await["state"], "expired");
    let path = format!("/admin{}", path(&reservation));
    let timeline = world.shown(&path).await["timeline"].clone();
    assert_eq!(timeline[1]["what"], "expired");
    let time = |of: &Value| of.as_str().unwrap().parse::<Timestamp>().unwrap();
    let late = time(&timeline[1]["at"]).since(time(&reservation["expires_at"]));
    assert!(late <= limits::EXPIRY_SLACK, "{late:?} late");
    let again = release(&world, &reservation).await;
    assert_eq!(again.problem(409, "conflict")["state"], "expired");
    let late = check_out(&world, &reservation, &checkout()).await;
    assert_eq!(late.problem(410, "reservation-ended")["state"], "expired");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_refund_returns_tickets_to_sale_or_withdraws_them() {
    let world = World::start().await;
    let event = world.published(3).await;
    let cases = [(true, 0, "fff", "free"), (false, 1, "fwf", "withdrawn")];
    for (return_to_sale, ticket, letters, state) in cases {
        let reservation = bought(&world, &event, &[ticket]).await;
        assert_eq!(states(&world, &reservation).await, ["sold"]);
        let id = reservation["id"].as_str().unwrap();
        let refund = format!("/admin/v1/reservations/{id}/refund");
        let refund = || {
            let call = world.admin("POST", &refund);
            call.json(&json!({ "return_to_sale": return_to_sale }))
                .send()
        };
        refund().await.is(202);
        assert_eq!(world.states(&event).await, letters);
        eventually("the money is back", async || {
            (shown(&world, &reservation).await["state"] == "refunded").then_some(())
        })
        .await;
        assert_eq!(states(&world, &reservation).await, [state]);
        let call = world.admin("POST", &format!("/admin/v1/reservations/{id}/refund"));
        let listed = call.json(&json!([return_to_sale])).send().await;
        listed.problem(400, "malformed");
    }
    world.reserve(&event, &[0]).await.is(201);
    let taken = world.reserve(&event, &[1]).await;
    let taken = taken.problem(409, "tickets-taken");
    assert_eq!(taken["taken"], json!([{"id": 1, "state": "withdrawn"}]));
    world.ended().await.unwrap();
}
