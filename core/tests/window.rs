//! The creation window: bulk writes keep out of the hours when people buy.

mod site;

use std::time::Duration;

use parterre_core::clock::Clock;
use parterre_core::config::StoreConfig;
use parterre_domain::Timestamp;
use serde_json::{Value, json};
use site::{World, config, row};

const WINDOW: &str = "/admin/v1/creation-window";

/// A window of one hour that begins in two or three.
fn closed_now() -> Value {
    let hour = Clock::Wall.now().as_millis() / 3_600_000 % 24;
    let at = |hour: i64| format!("{:02}:00", hour % 24);
    json!({"mode": "daily", "from": at(hour + 3), "to": at(hour + 4), "tz": "UTC"})
}

async fn add(world: &World, event: &str, tickets: usize, query: &str) -> site::Reply {
    let path = format!("/admin/v1/events/{event}/tickets{query}");
    world.admin("POST", &path).json(&row(tickets)).send().await
}

#[tokio::test]
async fn outside_the_window_bulk_writes_wait_unless_they_are_urgent() {
    let world = World::start().await;
    let shown = world.admin("GET", WINDOW).send().await.is(200).json();
    assert_eq!(shown, json!({"mode": "always", "suggested": null}));
    let event = world.draft(json!({})).await;
    add(&world, &event, 1_001, "").await.is(200);

    let set = world.admin("PUT", WINDOW).json(&closed_now()).send().await;
    assert_eq!(set.is(200).json()["from"], closed_now()["from"]);
    add(&world, &event, 1_000, "").await.is(200);
    let refused = add(&world, &event, 1_001, "").await;
    let problem = refused.problem(409, "outside-creation-window");
    assert!(problem["opens_at"].is_string(), "{problem}");
    add(&world, &event, 1_001, "?urgent=true").await.is(200);

    let publish = format!("/admin/v1/events/{event}/publish");
    let put_off = world.admin("POST", &publish).send().await.is(202).json();
    assert_eq!(put_off["at"], problem["opens_at"]);
    let path = format!("/admin/v1/events/{event}");
    let detail = world.admin("GET", &path).send().await.is(200).json();
    assert_eq!(detail["status"], "draft");
    let urgent = format!("{publish}?urgent=true");
    let detail = world.admin("POST", &urgent).send().await.is(200).json();
    assert_eq!(detail["status"], "on_sale");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn what_was_put_off_happens_by_itself_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreConfig::Embedded(folder.path().to_owned());
    let clock = Clock::manual("2030-06-01T10:00:00Z".parse::<Timestamp>().unwrap());
    let world = World::with_clock(config(store.clone()), &clock).await;
    let noon = json!({"mode": "daily", "from": "12:00", "to": "13:00", "tz": "UTC"});
    let set = world.admin("PUT", WINDOW).json(&noon).send().await;
    set.is(200);
    let event = world.draft(json!({})).await;
    add(&world, &event, 4, "").await.is(200);
    let publish = format!("/admin/v1/events/{event}/publish");
    let put_off = world.admin("POST", &publish).send().await.is(202).json();
    assert_eq!(put_off["at"], "2030-06-01T12:00:00.000Z");
    world.ended().await.unwrap();

    let world = World::with_clock(config(store), &clock).await;
    let again = world.admin("POST", &publish).send().await.is(202).json();
    assert_eq!(again, put_off);
    // What is scheduled is no draft any more.
    let late = add(&world, &event, 1, "").await;
    late.problem(409, "conflict");
    let path = format!("/admin/v1/events/{event}");
    assert_eq!(world.shown(&path).await["status"], "draft");
    clock.advance(Duration::from_secs(2 * 3_600 + 1));
    site::eventually("the event is on sale", async || {
        (world.shown(&path).await["status"] == "on_sale").then_some(())
    })
    .await;
    world.reserve(&event, &[0]).await.is(201);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn the_hours_in_which_hardly_anybody_buys_are_suggested() {
    let clock = Clock::manual("2030-06-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let world = World::with_clock(config(StoreConfig::Memory), &clock).await;
    let event = world.published_with(400, json!({"hold_seconds": 10})).await;
    let suggested = async || world.shown(WINDOW).await["suggested"].clone();
    // One ticket every hour but from 01:00 to 05:00 UTC, for a week.
    let mut ticket = 0;
    for hour in 0..7 * 24 {
        if !(1..5).contains(&(hour % 24)) {
            world.buy(&event, &[ticket]).await;
            ticket += 1;
        }
        assert_eq!(suggested().await, json!(null), "hour {hour}");
        clock.advance(Duration::from_secs(3_600));
    }
    let quiet = json!({"from": "01:00", "to": "05:00", "tz": "UTC"});
    assert_eq!(suggested().await, quiet);
    // What is bought in the hour that runs says nothing yet: else a crowd at 01:00 would
    // move the window to 02:00.
    clock.advance(Duration::from_secs(3_600));
    let crowd: Vec<u32> = (ticket..ticket + 9).collect();
    world.buy(&event, &crowd).await;
    assert_eq!(suggested().await, quiet);
    world.ended().await.unwrap();
}

#[tokio::test]
async fn what_was_bought_more_than_four_weeks_ago_says_nothing_of_the_quiet_hours() {
    let clock = Clock::manual("2030-06-01T02:00:00Z".parse::<Timestamp>().unwrap());
    let world = World::with_clock(config(StoreConfig::Memory), &clock).await;
    let event = world.published(2).await;
    let wait = |hours: u64| clock.advance(Duration::from_secs(hours * 3_600));
    let suggested = async || world.shown(WINDOW).await["suggested"]["from"].clone();
    world.buy(&event, &[0]).await;
    wait(8 * 24 + 10);
    world.buy(&event, &[1]).await;
    // Four weeks after the first of the two.
    wait(20 * 24 - 10);
    assert_eq!(suggested().await, "03:00");
    wait(1);
    assert_eq!(suggested().await, "00:00");
    world.ended().await.unwrap();
}

#[tokio::test]
async fn a_window_that_cant_be_used_is_refused_by_its_field() {
    let world = World::start().await;
    let rows = [
        (
            json!({"mode": "daily", "from": "02:00", "to": "02:00", "tz": "UTC"}),
            422,
        ),
        (
            json!({"mode": "daily", "from": "02:00", "to": "03:00", "tz": "Mars"}),
            422,
        ),
        (
            json!({"mode": "daily", "from": "2", "to": "03:00", "tz": "UTC"}),
            400,
        ),
        (
            json!({"mode": "daily", "from": "02:00", "to": "03:00"}),
            400,
        ),
        (json!({"mode": "never"}), 400),
        (json!({"mode": "always", "from": "02:00"}), 400),
    ];
    for (body, status) in rows {
        let reply = world.admin("PUT", WINDOW).json(&body).send().await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
    }
    let shown = world.admin("GET", WINDOW).send().await.is(200).json();
    assert_eq!(shown["mode"], "always");
    world.ended().await.unwrap();
}
