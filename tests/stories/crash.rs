//! The server is killed at random moments with writes under way. Nothing that was
//! acknowledged is lost and nothing is sold twice.
//!
//! `PARTERRE_TEST_KILLS=50` is the long form; 3 the short one.

use std::time::Duration;

use parterre_loadtest::{Smoke, SmokeConfig};

use crate::story::{SOON, Standalone, parterre, seed, setting, until};

/// Writes acknowledged between two kills, at least.
const WRITES: u64 = 200;
/// How long they may take: one commit after another, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let (kills, seed) = (setting("PARTERRE_TEST_KILLS", 3), seed());
    println!("{kills} kills, seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = Standalone::start().await;
    let smoke = Smoke::new(SmokeConfig {
        duration: Duration::from_secs(24 * 3600),
        tolerate_restarts: true,
        seed,
        browsers: 2,
        watchers: 8,
        buyers: 12,
        ..SmokeConfig::new(vec![server.edge()], server.core(), server.token())
    });
    let running = tokio::spawn({
        let smoke = smoke.clone();
        async move { smoke.run().await }
    });
    for kill in 1..=kills {
        let before = smoke.acknowledged();
        let what = format!("{WRITES} writes before kill {kill}, seed {seed}");
        until(&what, PATIENCE, async || {
            (smoke.acknowledged() >= before + WRITES).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..700))).await;
        server.process.kill();
        tokio::time::sleep(Duration::from_millis(random.u64(0..400))).await;
        server.restart().await;
    }
    let before = smoke.acknowledged();
    until("writes after the last kill", PATIENCE, async || {
        (smoke.acknowledged() >= before + WRITES).then_some(())
    })
    .await;
    smoke.finish();
    let report = running.await.expect("no panic").expect("a report");
    println!("{report}");
    assert!(report.agrees(), "seed {seed}: see the disagreements above");
    let came_back = report.count("live resumptions") + report.count("live snapshots");
    assert!(came_back > 0, "no watcher came back");

    server.process.terminate();
    let (status, _) = server.process.ended().await;
    assert!(status.success(), "{status}");
    let check = parterre(&["check", "--store", server.store()]);
    let said = String::from_utf8_lossy(&check.stdout);
    println!("parterre check: {said}");
    assert!(check.status.success(), "seed {seed}: {said}");
}

#[tokio::test]
async fn a_reservation_made_before_a_kill_still_expires() {
    use parterre_domain::ReservationState::Expired;

    use crate::story::{Buyer, about, hall};

    let mut server = Standalone::start().await;
    let mut short = about("Short");
    short.hold_seconds = 10;
    let event = hall(&mut server.admin(), &short, 20).await.summary.id;
    let mut buyer = Buyer::at(server.edge());
    buyer.finds(event).await;
    let reserved = buyer.reserves(event, &[5]).await;
    server.process.kill();
    server.restart().await;
    let what = "the reservation expires after the restart";
    until(what, SOON, async || {
        let id = reserved.reservation.id;
        let reply = buyer.shop.reservation(id, &reserved.token).await;
        let state = reply.ok()?.ok()?.state;
        (state == Expired).then_some(())
    })
    .await;
    until("its ticket is free again", SOON, async || {
        let shown = buyer.shop.availability(event).await.ok()?.ok()?;
        (shown.counts.free == 20).then_some(())
    })
    .await;
}
