//! What administrators see and do, through a core's sockets, with the time moved by hand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod site;

use std::time::Duration;

use parterre_core::clock::Clock;
use parterre_core::config::StoreConfig;
use parterre_domain::Timestamp;
use serde_json::{Value, json};
use site::{World, config, id};

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
