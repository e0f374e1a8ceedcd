//! Events to sell.

use std::path::PathBuf;
use std::time::Duration;

use parterre_domain::wire::api::{EventDetail, TicketsUpload};
use parterre_domain::{About, EventId, Money, NewTicket, Tier};
use parterre_loadtest::wire::{Admin, Origin};

use super::{parterre, text_setting};

/// What an administrator says about an event that begins in a month.
pub(crate) fn about(title: &str) -> About {
    About {
        title: title.to_owned(),
        category: "concert".to_owned(),
        venue: "The Story House".to_owned(),
        city: "Linz".to_owned(),
        starts_at: parterre_loadtest::now() + Duration::from_secs(30 * 86_400),
        sale_opens_at: None,
        sale_closes_at: None,
        currency: "EUR".parse().expect("a currency"),
        description: String::new(),
        image_url: None,
        max_tickets: 10,
        hold_seconds: 600,
    }
}

/// Publishes an event in one hall with rows of twenty.
pub(crate) async fn hall(admin: &mut Admin, about: &About, tickets: u32) -> EventDetail {
    let published = admin.publish(about, &rows_of_twenty(tickets)).await;
    published.expect("an event on sale")
}

/// Tickets in one hall with rows of twenty.
pub(crate) fn rows_of_twenty(tickets: u32) -> TicketsUpload {
    let ticket = |at: u32| ticket("Hall", at / 20 + 1, at % 20 + 1, "all");
    TicketsUpload {
        tiers: vec![tier("all", 4_200)],
        tickets: (0..tickets).map(ticket).collect(),
    }
}

/// One ticket without a place on a plan.
pub(crate) fn ticket(section: &str, row: u32, seat: u32, tier: &str) -> NewTicket {
    NewTicket {
        section: section.to_owned(),
        row: row.to_string(),
        seat: seat.to_string(),
        tier: tier.to_owned(),
        x: None,
        y: None,
    }
}

/// A price class; its price is in minor units.
pub(crate) fn tier(id: &str, price: i64) -> Tier {
    Tier {
        id: id.to_owned(),
        name: id.to_owned(),
        price: Money(price),
    }
}

/// Publishes the real plan of a race track, 8,897 tickets in 4 stands.
pub(crate) async fn race_track(core: &Origin, token: &str) -> EventId {
    plan(core, token, "race-track.seating-plan.json", 8_897).await
}

/// Publishes the plan of a bowl, 60,408 tickets in 90 sections.
pub(crate) async fn bowl(core: &Origin, token: &str) -> EventId {
    plan(core, token, "bowl-generated.seating-plan.json", 60_408).await
}

/// Publishes a seating plan with `parterre admin import`, or an event of the same size
/// when the file is missing.
async fn plan(core: &Origin, token: &str, file: &str, tickets: u32) -> EventId {
    let path = data().join(file);
    let mut admin = Admin::new(core.clone(), token);
    if !path.exists() {
        println!(
            "{} is missing: a hall of the same size instead",
            path.display()
        );
        return hall(&mut admin, &about("As big"), tickets).await.summary.id;
    }
    let (core, path) = (core.to_string(), path.display().to_string());
    let import = [
        "admin", "import", &path, "--core", &core, "--token", token, "--price", "4200",
    ];
    let output = parterre(&import);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "import of {path}: {said}");
    let events = admin.events().await.expect("the list of events");
    let event = events
        .iter()
        .find(|event| event.counts.total == tickets)
        .unwrap_or_else(|| panic!("no event of {tickets} tickets: {events:?}"));
    event.id
}

/// The folder of real input.
fn data() -> PathBuf {
    match text_setting("PARTERRE_TEST_DATA") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    }
}
