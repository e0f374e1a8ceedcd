//! What administrators see and do, through a core's sockets, with the time moved by hand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod site;

use std::time::Duration;

use parterre_core::clock::Clock;
use parterre_core::config::{AdminToken, StoreConfig};
use parterre_domain::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use site::{World, config, id};

const WINDOW: &str = "/admin/v1/creation-window";
const HOUR: Duration = Duration::from_secs(3_600);

/// A core over an empty store at a whole hour, and its clock.
async fn start() -> (World, Clock) {
    let clock = Clock::manual("2030-06-01T10:00:00.000Z".parse::<Timestamp>().unwrap());
    let world = World::with_clock(config(StoreConfig::Memory), &clock).await;
    (world, clock)
}

/// A published event: two tickets at 45.00, two at 20.00.
async fn two_tiers(world: &World) -> String {
    let event = world.draft(json!({})).await;
    let ticket = |seat: u32, tier: &str| json!({"section": "A", "row": "1", "seat": seat.to_string(), "tier": tier});
    let body = json!({
        "tiers": [
            {"id": "full", "name": "Full price", "price": 4_500},
            {"id": "low", "name": "Reduced", "price": 2_000},
        ],
        "tickets": [ticket(1, "full"), ticket(2, "full"), ticket(3, "low"), ticket(4, "low")],
    });
    let path = format!("/admin/v1/events/{event}");
    let call = world.admin("POST", &format!("{path}/tickets"));
    call.json(&body).send().await.is(200);
    let publish = world.admin("POST", &format!("{path}/publish"));
    publish.send().await.is(200);
    event
}

async fn refund(world: &World, reservation: &Value, return_to_sale: bool) -> site::Reply {
    let path = format!("/admin/v1/reservations/{}/refund", id(reservation));
    let call = world.admin("POST", &path);
    call.json(&json!({ "return_to_sale": return_to_sale }))
        .send()
        .await
}

#[tokio::test]
async fn sales_are_what_is_sold_now_by_tier_and_by_hour() {
    let (world, clock) = start().await;
    let event = two_tiers(&world).await;
    let path = format!("/admin/v1/events/{event}/sales");
    let tiers = |full: i64, low: i64| {
        json!([
            {"tier": "full", "name": "Full price", "sold": full, "revenue": full * 4_500},
            {"tier": "low", "name": "Reduced", "sold": low, "revenue": low * 2_000},
        ])
    };
    let nothing = world.shown(&path).await;
    assert_eq!(nothing["by_hour"], json!([]));
    assert_eq!(nothing["by_tier"], tiers(0, 0));

    let first = world.buy(&event, &[0, 2]).await;
    clock.advance(HOUR);
    world.buy(&event, &[3]).await;
    let reply = world.admin("GET", &path).send().await.is(200);
    assert_eq!(reply.header("parterre-rev").len(), 28);
    let ten = json!({"hour": "2030-06-01T10:00:00.000Z", "sold": 2, "revenue": 6_500});
    let eleven = json!({"hour": "2030-06-01T11:00:00.000Z", "sold": 1, "revenue": 2_000});
    let expected = json!({
        "counts": {"total": 4, "free": 1, "pending": 0, "sold": 3},
        "revenue": 8_500,
        "currency": "EUR",
        "by_tier": tiers(1, 2),
        "by_hour": [ten, eleven],
    });
    assert_eq!(reply.json(), expected);

    // A refund counts in the hour of the purchase, whenever it is made.
    clock.advance(HOUR);
    refund(&world, &first, true).await.is(202);
    let after = world.shown(&path).await;
    assert_eq!(after["by_hour"], json!([eleven]));
    assert_eq!(after["by_tier"], tiers(0, 1));
    assert_eq!(after["revenue"], 2_000);

    let cancel = world.admin("POST", &format!("/admin/v1/events/{event}/cancel"));
    cancel.send().await.is(200);
    clock.advance(Duration::from_millis(1));
    site::eventually("what was sold is given back", async || {
        let after = world.shown(&path).await;
        (after["by_tier"] == tiers(0, 0)).then_some(())
    })
    .await;
    assert_eq!(world.shown(&path).await["by_hour"], json!([]));
    let nowhere = "/admin/v1/events/01KAQ8Z5V1M8W3G8XJ8Q3N4T7B/sales";
    let nowhere = world.admin("GET", nowhere).send().await;
    nowhere.problem(404, "not-found");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn an_event_shows_its_lowest_price_and_what_was_not_said_of_it() {
    let (world, _) = start().await;
    let draft = world.draft(json!({})).await;
    let path = |event: &str| format!("/admin/v1/events/{event}");
    let shown = world.shown(&path(&draft)).await;
    assert_eq!(shown["price_from"], Value::Null);
    assert_eq!(shown["max_tickets"], 10);
    assert_eq!(shown["hold_seconds"], 600);
    assert_eq!(shown["sale_opens_at"], "2030-06-01T10:00:00.000Z");
    assert_eq!(shown["sale_closes_at"], shown["starts_at"]);
    let event = two_tiers(&world).await;
    assert_eq!(world.shown(&path(&event)).await["price_from"], 2_000);
    world.ended().await.unwrap();
}

const AUDIT: &str = "/admin/v1/audit";
const NIGHT_SHIFT: &str = "another administrator's token, quite long";

/// A core with two administrators, by names.
async fn with_two_administrators() -> (World, Clock) {
    let clock = Clock::manual("2030-06-01T10:00:00.000Z".parse::<Timestamp>().unwrap());
    let mut config = config(StoreConfig::Memory);
    config.admin_tokens.push(AdminToken {
        name: "night shift".into(),
        hash: Sha256::digest(NIGHT_SHIFT).into(),
    });
    (World::with_clock(config, &clock).await, clock)
}

/// Token, action and subject of every entry, read in pages of three.
async fn trail(world: &World) -> Vec<[String; 3]> {
    let (mut seen, mut times) = (Vec::new(), Vec::new());
    let mut next = format!("{AUDIT}?limit=3");
    loop {
        let page = world.shown(&next).await;
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 3, "{page}");
        for entry in entries {
            let word = |name: &str| entry[name].as_str().unwrap().to_owned();
            times.push(word("at"));
            seen.push(["token_name", "action", "subject"].map(word));
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{AUDIT}?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert!(times.is_sorted_by(|a, b| a > b), "newest first: {times:?}");
    seen
}

#[tokio::test]
async fn the_trail_says_who_did_what_to_what() {
    let (world, clock) = with_two_administrators().await;
    let ask = async |method: &str, path: &str, body: &Value| {
        clock.advance(Duration::from_millis(1));
        let call = world.call(method, path);
        let call = call.header("authorization", &format!("Bearer {NIGHT_SHIFT}"));
        call.json(body).send().await
    };
    let made = ask("POST", "/admin/v1/events", &site::about(json!({}))).await;
    let event = id(&made.is(201).json()).to_owned();
    let path = format!("/admin/v1/events/{event}");
    let tickets = json!({"tickets": [3]});
    for (method, path, body) in [
        ("POST", format!("{path}/tickets"), site::row(4)),
        ("PATCH", path.clone(), json!({"title": "Another"})),
        ("POST", format!("{path}/publish"), json!({})),
        ("POST", format!("{path}/tickets/withdraw"), tickets.clone()),
        // A repeat changes nothing and leaves no entry; neither does a refusal.
        ("POST", format!("{path}/tickets/withdraw"), tickets.clone()),
        ("POST", format!("{path}/publish"), json!({})),
        ("POST", format!("{path}/tickets/restore"), tickets),
        ("PUT", WINDOW.into(), json!({"mode": "always"})),
    ] {
        ask(method, &path, &body).await.is(200);
    }
    let refused = ask("PATCH", &path, &json!({"title": ""})).await;
    refused.problem(422, "invalid");
    let bought = world.buy(&event, &[0]).await;
    clock.advance(Duration::from_millis(1));
    refund(&world, &bought, true).await.is(202);
    refund(&world, &bought, true).await.is(202);
    ask("POST", &format!("{path}/cancel"), &json!({}))
        .await
        .is(200);

    let by_night = |action: &str| ["night shift", action, &event].map(str::to_owned);
    let expected = [
        by_night("cancel_event"),
        ["test", "refund", id(&bought)].map(str::to_owned),
        ["night shift", "set_creation_window", "creation-window"].map(str::to_owned),
        by_night("restore_tickets"),
        by_night("withdraw_tickets"),
        by_night("publish_event"),
        by_night("change_event"),
        by_night("add_tickets"),
        by_night("create_event"),
    ];
    assert_eq!(trail(&world).await, expected);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn the_trail_is_bounded_and_for_administrators_only() {
    let (world, clock) = with_two_administrators().await;
    let empty = json!({"entries": [], "next_cursor": null});
    assert_eq!(world.shown(AUDIT).await, empty);
    for query in ["limit=0", "limit=101", "cursor=zz"] {
        let call = world.admin("GET", &format!("{AUDIT}?{query}")).send().await;
        call.problem(422, "invalid");
    }
    let nobody = world.call("GET", AUDIT).send().await;
    nobody.problem(401, "unauthorized");
    let first = world.draft(json!({})).await;
    clock.advance(HOUR * 24 * 399);
    let second = world.draft(json!({})).await;
    let created = |event: &str| ["test", "create_event", event].map(str::to_owned);
    assert_eq!(trail(&world).await, [created(&second), created(&first)]);
    // What is older than 400 days goes when the next entry comes.
    clock.advance(HOUR * 24 * 2);
    let third = world.draft(json!({})).await;
    assert_eq!(trail(&world).await, [created(&third), created(&second)]);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_timeline_tells_what_happened_to_a_reservation_and_in_which_commit() {
    let (world, clock) = start().await;
    let event = world.published_with(2, json!({"hold_seconds": 600})).await;
    let of = async |reservation: &Value| {
        let path = format!("/admin/v1/reservations/{}", id(reservation));
        let shown = world.shown(&path).await;
        assert!(shown.get("token").is_none(), "{shown}");
        assert_eq!(shown["id"], reservation["id"]);
        let entries = shown["timeline"].as_array().unwrap().clone();
        let revs: Vec<_> = entries
            .iter()
            .map(|entry| entry["rev"].as_str().unwrap())
            .collect();
        assert!(
            revs.is_sorted() && revs.iter().all(|rev| rev.len() == 28),
            "{revs:?}"
        );
        let words = entries
            .iter()
            .map(|entry| entry["what"].as_str().unwrap().to_owned());
        (words.collect::<Vec<_>>(), entries)
    };
    let reserved = world.reserve(&event, &[0]).await.is(201);
    let (words, entries) = of(&reserved.json()).await;
    assert_eq!(words, ["reserved"]);
    assert_eq!(entries[0]["at"], "2030-06-01T10:00:00.000Z");
    assert_eq!(entries[0]["rev"], reserved.header("parterre-rev"));

    let bought = world.buy(&event, &[1]).await;
    clock.advance(HOUR);
    refund(&world, &bought, true).await.is(202);
    clock.advance(HOUR);
    site::eventually("the money went back", async || {
        let (words, _) = of(&bought).await;
        (words.last()? == "refunded").then_some(())
    })
    .await;
    let (words, entries) = of(&bought).await;
    let expected = [
        "reserved",
        "checkout_begun",
        "checkout_opened",
        "paid",
        "refund_due",
        "refunded",
    ];
    assert_eq!(words, expected);
    assert_eq!(entries[4]["at"], "2030-06-01T11:00:00.000Z");

    // The first one's time has run out meanwhile; a day later it is forgotten, and its
    // timeline with it.
    let first = reserved.json();
    site::eventually("the first one expires", async || {
        (of(&first).await.0 == ["reserved", "expired"]).then_some(())
    })
    .await;
    clock.advance(HOUR * 25);
    let path = format!("/admin/v1/reservations/{}", id(&first));
    site::eventually("it is forgotten", async || {
        (world.admin("GET", &path).send().await.status == 404).then_some(())
    })
    .await;
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_repeated_write_answers_the_events_own_rev() {
    let (world, clock) = start().await;
    let event = two_tiers(&world).await;
    let other = two_tiers(&world).await;
    let path = format!("/admin/v1/events/{event}");
    let bought = world.buy(&event, &[0]).await;
    let refunding = format!("/admin/v1/reservations/{}/refund", id(&bought));
    let tickets = json!({"tickets": [3]});
    let writes = [
        (format!("{path}/publish"), json!({}), 200),
        (format!("{path}/tickets/withdraw"), tickets.clone(), 200),
        (format!("{path}/tickets/restore"), tickets, 200),
        (refunding, json!({"return_to_sale": true}), 202),
        (format!("{path}/cancel"), json!({}), 200),
    ];
    for (write, body, status) in writes {
        let first = world.admin("POST", &write).json(&body).send().await;
        let rev = first.is(status).header("parterre-rev").to_owned();
        // Something else moves the log on.
        world.reserve(&other, &[1]).await;
        clock.advance(HOUR);
        site::eventually("the other reservation expires", async || {
            world.states(&other).await.starts_with("ff").then_some(())
        })
        .await;
        let own = world.admin("GET", &path).send().await.is(200);
        let again = world
            .admin("POST", &write)
            .json(&body)
            .send()
            .await
            .is(status);
        assert_eq!(
            again.header("parterre-rev"),
            own.header("parterre-rev"),
            "{write}"
        );
        assert!(own.header("parterre-rev") >= rev.as_str(), "{write}");
        if status == 200 {
            assert_eq!(again.json()["rev"], own.json()["rev"], "{write}");
            assert_eq!(again.json()["counts"], own.json()["counts"], "{write}");
        }
    }
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_patch_clears_by_null_what_an_event_can_be_without() {
    let (world, _) = start().await;
    let event = world
        .draft(json!({
            "sale_opens_at": "2031-01-01T00:00:00Z",
            "sale_closes_at": "2031-02-01T00:00:00Z",
            "image_url": "https://pictures.example/1",
        }))
        .await;
    let path = format!("/admin/v1/events/{event}");
    let patch = |body: Value| world.admin("PATCH", &path).json(&body).send();
    let before = world.shown(&path).await;
    for field in [
        "title",
        "venue",
        "starts_at",
        "currency",
        "description",
        "max_tickets",
    ] {
        let problem = patch(json!({ field: null })).await;
        problem.problem(400, "malformed");
    }
    assert_eq!(world.shown(&path).await, before);
    let nulls = json!({"sale_opens_at": null, "sale_closes_at": null, "image_url": null});
    let after = patch(nulls).await.is(200).json();
    assert_eq!(after["sale_opens_at"], "2030-06-01T10:00:00.000Z");
    assert_eq!(after["sale_closes_at"], before["starts_at"]);
    assert_eq!(after["image_url"], Value::Null);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn cancelling_counts_down_to_nothing() {
    let (world, clock) = start().await;
    let event = world.published(40).await;
    for ticket in 0..30 {
        world.reserve(&event, &[ticket]).await.is(201);
    }
    world.buy(&event, &[30, 31]).await;
    let path = format!("/admin/v1/events/{event}");
    // Nothing is due yet by a clock that stands.
    let cancelled = world.admin("POST", &format!("{path}/cancel")).send().await;
    assert_eq!(cancelled.is(200).json()["cancelling"], 31);
    assert_eq!(world.shown(&path).await["cancelling"], 31);
    clock.advance(Duration::from_millis(1));
    site::eventually("cancelling comes to its end", async || {
        world
            .shown(&path)
            .await
            .get("cancelling")
            .is_none()
            .then_some(())
    })
    .await;
    let states = world.states(&event).await;
    assert_eq!(states, "f".repeat(30) + "ww" + &"f".repeat(8));
    world.ended().await.unwrap();
}
