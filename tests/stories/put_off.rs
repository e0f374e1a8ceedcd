//! A publishing that is put off to the creation window is not forgotten when the server
//! is killed.
//!
//! `PARTERRE_TEST_PUT_OFF=1` is the long form, which waits until the window opens: up to
//! 70 s. The short form ends with the publishing still put off.

use std::time::Duration;

use parterre_domain::Timestamp;
use parterre_domain::wire::api::{EventStatus, PublishAt};
use parterre_loadtest::now;
use parterre_loadtest::wire::Call;

use crate::story::{Administrator, Buyer, SOON, Standalone, about, rows_of_twenty, setting, until};

const MINUTE_MS: i64 = 60_000;
/// What everything before the window opens may take.
const AHEAD_MS: i64 = 8_000;

#[tokio::test]
async fn a_publishing_that_is_put_off_survives_a_kill_and_happens() {
    let mut server = Standalone::start().await;
    let mut administrator = Administrator::at(server.admin());
    let draft = administrator
        .drafts(&about("A Late Riser"), &rows_of_twenty(20))
        .await;
    let opens_at = next_minute();
    administrator
        .opens_daily(
            &of_day(opens_at),
            &of_day(opens_at + Duration::from_secs(3_600)),
            "UTC",
        )
        .await;

    let answer = administrator.publishes(draft).await;
    let put_off = answer.read(202).expect("an answer");
    let put_off: PublishAt = put_off.expect("it is put off");
    assert_eq!(put_off.at, opens_at);
    server.process.kill();
    server.restart().await;

    let mut administrator = Administrator::at(server.admin());
    let mut buyer = Buyer::at(server.edge());
    let unseen = buyer.calls(&Call::get(format!("/v1/events/{draft}"))).await;
    let shown = administrator
        .reads(&format!("/admin/v1/events/{draft}"))
        .await;
    if now() < opens_at {
        assert_eq!(unseen.status, 404);
        assert_eq!(shown["status"], "draft");
    }
    if setting("PARTERRE_TEST_PUT_OFF", 0) == 0 {
        return;
    }
    let wait = opens_at.since(now()) + SOON;
    let event = until("the event is published", wait, async || {
        buyer.shop.event(draft).await.ok()?.ok()
    })
    .await;
    assert!(now() >= opens_at, "it was published too early");
    assert_eq!(event.summary.status, EventStatus::OnSale);
    assert_eq!(event.summary.counts.free, 20);
}

#[tokio::test]
async fn outside_the_window_what_is_urgent_is_done_at_once() {
    let server = Standalone::start().await;
    let mut administrator = Administrator::at(server.admin());
    let far = now() + Duration::from_secs(6 * 3_600);
    administrator
        .opens_daily(
            &of_day(far),
            &of_day(far + Duration::from_secs(3_600)),
            "UTC",
        )
        .await;
    let draft = administrator
        .drafts(&about("Now"), &rows_of_twenty(20))
        .await;
    assert_eq!(administrator.publishes(draft).await.status, 202);

    let many = administrator
        .admin
        .create(&about("Many"))
        .await
        .expect("a draft");
    let path = format!("/admin/v1/events/{}/tickets", many.summary.id);
    let upload = rows_of_twenty(1_001);
    let refused = administrator.calls(Call::post(&path, &upload)).await;
    let refused = refused.refusal().expect("a problem").expect("a refusal");
    assert_eq!(
        (refused.problem.status, refused.slug.as_str()),
        (409, "outside-creation-window")
    );
    let urgent = format!("{path}?urgent=true");
    let added = administrator.calls(Call::post(urgent, &upload)).await;
    assert_eq!(added.status, 200, "{:?}", added.body);

    let published = administrator.admin.turn_public(draft).await;
    assert_eq!(
        published.expect("an event").summary.status,
        EventStatus::OnSale
    );
    Buyer::at(server.edge()).finds(draft).await;
}

/// The next full minute that leaves enough time.
fn next_minute() -> Timestamp {
    let after = now().as_millis() + AHEAD_MS;
    Timestamp::from_millis((after / MINUTE_MS + 1) * MINUTE_MS)
}

/// The time of day in UTC, as `HH:MM`.
fn of_day(at: Timestamp) -> String {
    let minutes = at.as_millis() / MINUTE_MS;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}
