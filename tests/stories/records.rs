//! What administrators can look up afterwards: what was sold, who did what, and what
//! became of one reservation.

use parterre_domain::ReservationState::{Paid, Refunded};
use parterre_domain::wire::api::TicketsUpload;
use parterre_domain::{EventId, Rev, Timestamp};
use parterre_loadtest::now;
use parterre_loadtest::wire::{Admin, Reserved};
use serde_json::{Value, json};

use crate::story::{
    Administrator, Buyer, Cluster, Edge, Plan, SOON, about, hall, ticket, tier, token_hash, until,
};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn sales_are_told_by_tier_and_by_hour() {
    let (cluster, edge) = Cluster::with_front(Plan::default()).await;
    let place = |at: u32| ticket("Hall", 1, at, if at < 10 { "dear" } else { "cheap" });
    let upload = TicketsUpload {
        tiers: vec![tier("dear", 9_000), tier("cheap", 2_500)],
        tickets: (0..20).map(place).collect(),
    };
    let event = cluster.admin().publish(&about("Well Sold"), &upload).await;
    let id = event.expect("an event on sale").summary.id;
    let mut administrator = Administrator::at(cluster.admin());
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let began = now();
    let mut bought = Vec::new();
    for tickets in [&[0, 1][..], &[10], &[2, 11, 12]] {
        let reserved = buyer.reserves(id, tickets).await;
        buyer.pays(&reserved, "prompt").await;
        buyer.waits_for(&reserved, Paid).await;
        bought.push(reserved);
    }
    // Nobody has paid for this.
    buyer.reserves(id, &[5]).await;

    let store = administrator.store(id).await;
    let path = format!("/admin/v1/events/{id}/sales");
    let sales = administrator.reads(&path).await;
    assert_eq!(sales["counts"], json!(store.counts));
    assert_eq!(sales["revenue"], 3 * 9_000 + 3 * 2_500, "{sales}");
    assert_eq!(of_tier(&sales, "dear"), (3, 27_000));
    assert_eq!(of_tier(&sales, "cheap"), (3, 7_500));
    let hours = sales["by_hour"].as_array().expect("hours");
    let sum = |name: &str| {
        hours
            .iter()
            .filter_map(|hour| hour[name].as_i64())
            .sum::<i64>()
    };
    assert_eq!((sum("sold"), sum("revenue")), (6, 34_500));
    for hour in hours {
        let text = &hour["hour"];
        let hour: Timestamp = serde_json::from_value(text.clone()).expect("a time");
        let hour = hour.as_millis();
        let within = began.as_millis() - HOUR_MS < hour && hour <= now().as_millis();
        assert!(within && hour % HOUR_MS == 0, "{text}");
    }

    // Money that went back was not taken.
    administrator.refunds(bought[0].reservation.id, true).await;
    buyer.waits_for(&bought[0], Refunded).await;
    let sales = administrator.reads(&path).await;
    assert_eq!(sales["revenue"], 9_000 + 3 * 2_500, "{sales}");
    assert_eq!(of_tier(&sales, "dear"), (1, 9_000));
}

/// An event, and a buyer who has paid for one of its tickets.
async fn one_ticket_bought(cluster: &Cluster, edge: &Edge) -> (EventId, Buyer, Reserved) {
    let event = hall(&mut cluster.admin(), &about("An Evening"), 20).await;
    let id = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(id).await;
    let reserved = buyer.reserves(id, &[1]).await;
    buyer.pays(&reserved, "prompt").await;
    buyer.waits_for(&reserved, Paid).await;
    (id, buyer, reserved)
}

/// How many tickets of a tier are sold, and what for.
fn of_tier(sales: &Value, id: &str) -> (i64, i64) {
    let tiers = sales["by_tier"].as_array().expect("tiers");
    let tier = tiers.iter().find(|tier| tier["tier"] == id);
    let tier = tier.unwrap_or_else(|| panic!("no tier {id}: {sales}"));
    let number = |name: &str| tier[name].as_i64().expect("a number");
    (number("sold"), number("revenue"))
}

#[tokio::test]
async fn the_audit_trail_names_whose_token_did_what() {
    let night_token = "an-administrator-of-the-night";
    let flag = [
        "--admin-token-hash".to_owned(),
        token_hash("night-shift", night_token),
    ];
    let plan = Plan {
        core_flags: flag.to_vec(),
        ..Plan::default()
    };
    let (cluster, edge) = Cluster::with_front(plan).await;
    let mut day = Administrator::at(cluster.admin());
    let mut night = Administrator::at(Admin::new(cluster.origin(), night_token));
    let (id, _, reserved) = one_ticket_bought(&cluster, &edge).await;
    let before = trail(&mut day).await.len();
    assert!(before >= 3, "created, given tickets, published: {before}");

    let reservation = reserved.reservation.id;
    night.changes(id, &json!({"title": "A Night"})).await;
    day.withdraws(id, &[5]).await;
    night.restores(id, &[5]).await;
    day.refunds(reservation, true).await;
    night.opens_daily("02:00", "06:00", "UTC").await;
    day.cancels(id).await;
    // Looking changes nothing, and neither does what is refused.
    day.store(id).await;

    let trail = trail(&mut night).await;
    let (new, old) = trail.split_at(6);
    let did = |who: &str, what: &str| {
        let found = new
            .iter()
            .filter(|entry| entry.token_name == who && entry.subject == what);
        found.count()
    };
    let (id, reservation) = (id.to_string(), reservation.to_string());
    assert_eq!(
        (did("stories", &id), did("night-shift", &id)),
        (2, 2),
        "{new:?}"
    );
    assert_eq!(
        (
            did("stories", &reservation),
            did("night-shift", &reservation)
        ),
        (1, 0),
        "{new:?}"
    );
    let by_night = new.iter().filter(|entry| entry.token_name == "night-shift");
    assert_eq!(by_night.count(), 3, "and the creation window: {new:?}");
    assert!(
        old.iter().all(|entry| entry.token_name == "stories"),
        "{old:?}"
    );
    assert_eq!(old.len(), before);
    let mut actions: Vec<&str> = new.iter().map(|entry| entry.action.as_str()).collect();
    actions.sort_unstable();
    actions.dedup();
    assert_eq!(actions.len(), 6, "each action has its own name: {trail:?}");
    assert!(
        trail.windows(2).all(|pair| pair[0].at >= pair[1].at),
        "newest first"
    );
}

#[derive(Debug, serde::Deserialize)]
struct Entry {
    at: Timestamp,
    token_name: String,
    action: String,
    subject: String,
}

/// The whole audit trail, newest first, read in small pages.
async fn trail(administrator: &mut Administrator) -> Vec<Entry> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = administrator
            .reads(&format!("/admin/v1/audit?limit=2{cursor}"))
            .await;
        let entries: Vec<Entry> = serde_json::from_value(page["entries"].clone()).expect("entries");
        assert!(entries.len() <= 2);
        all.extend(entries);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_reservations_timeline_tells_its_life_in_order() {
    let (cluster, edge) = Cluster::with_front(Plan::default()).await;
    let (_, mut buyer, reserved) = one_ticket_bought(&cluster, &edge).await;
    let mut administrator = Administrator::at(cluster.admin());
    administrator.refunds(reserved.reservation.id, true).await;
    buyer.waits_for(&reserved, Refunded).await;

    let path = format!("/admin/v1/reservations/{}", reserved.reservation.id);
    let steps: Vec<Step> = until("the timeline ends with the refund", SOON, async || {
        let shown = administrator.reads(&path).await;
        assert_eq!(
            shown["token"],
            Value::Null,
            "an administrator isn't the buyer"
        );
        let steps: Vec<Step> = serde_json::from_value(shown["timeline"].clone()).expect("steps");
        (steps.last()?.what == "refunded").then_some(steps)
    })
    .await;
    println!("{steps:?}");
    assert_eq!(steps[0].rev, reserved.rev, "it begins with its commit");
    assert!(
        steps.windows(2).all(|pair| pair[0].rev <= pair[1].rev),
        "{steps:?}"
    );
    assert!(
        steps.windows(2).all(|pair| pair[0].at <= pair[1].at),
        "{steps:?}"
    );
    let what: Vec<&str> = steps.iter().map(|step| step.what.as_str()).collect();
    let order = ["checkout", "paid", "refund_due", "refunded"];
    let places = order.map(|word| what.iter().position(|what| what.contains(word)));
    assert!(places.iter().all(Option::is_some), "{what:?}");
    assert!(places.is_sorted() && places[0] > Some(0), "{what:?}");
}

#[derive(Debug, serde::Deserialize)]
struct Step {
    at: Timestamp,
    rev: Rev,
    what: String,
}
