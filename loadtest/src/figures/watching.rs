//! What an idle watcher weighs, and how soon a change is on every screen.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parterre_domain::TicketId;
use parterre_domain::wire::api::ReserveRequest;
use parterre_domain::wire::live::ToClient;
use tokio::task::JoinSet;

use super::process::resident_kib;
use super::{Figures, SMALL, Subject};
use crate::numbers::{Spread, histogram, locked};
use crate::wire::{Failure, Heard, Live, Shop};

/// Watchers that are there before the weighing begins, so that what the first of them
/// costs alone isn't divided among the others.
const FIRST: usize = 100;
/// How long the server gets until it is weighed.
const REST: Duration = Duration::from_secs(3);

/// Weighs the server with and without many idle watchers of one event.
pub(super) async fn memory(subject: &Subject, figures: &mut Figures) -> Result<(), Failure> {
    let first = watchers(subject, FIRST).await?;
    tokio::time::sleep(REST).await;
    let before = resident_kib(subject.args.pid)?;
    let many = watchers(subject, subject.args.idle).await?;
    tokio::time::sleep(REST).await;
    let after = resident_kib(subject.args.pid)?;
    drop((first, many));
    let count = u32::try_from(subject.args.idle).unwrap_or(u32::MAX);
    let more = f64::from(u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX));
    figures.add(
        format!("memory of an idle WebSocket, of {count}, kernel aside"),
        format!(
            "{:.2} KiB ({before} to {after} KiB resident)",
            more / f64::from(count)
        ),
    );
    Ok(())
}

/// Subscribed clients, each with its first snapshot.
async fn watchers(subject: &Subject, count: usize) -> Result<Vec<Live>, Failure> {
    let mut watchers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut live = Live::connect(&subject.args.edge).await?;
        live.subscribe(subject.small, None).await?;
        match live.hear().await? {
            Heard::Message(message) if matches!(*message, ToClient::Snapshot { .. }) => {}
            other => return Err(Failure::Odd(format!("{other:?} before the snapshot"))),
        }
        watchers.push(live);
    }
    Ok(watchers)
}

/// Times one change a second until every watcher has it.
pub(super) async fn latency(subject: &Subject, figures: &mut Figures) -> Result<(), Failure> {
    let screens = Arc::new(Screens {
        changed_at: Mutex::new(Instant::now()),
        seen: Mutex::new(histogram()),
    });
    let mut tasks = JoinSet::new();
    for live in watchers(subject, subject.args.watchers).await? {
        tasks.spawn(listen(live, screens.clone()));
    }
    let mut shop = Shop::new(subject.args.edge.clone());
    let mut answered = histogram();
    let until = Instant::now() + subject.lasts;
    // From the end of the event, where nobody else buys.
    let mut ticket = SMALL;
    while Instant::now() < until && ticket > 0 {
        ticket -= 1;
        let wish = ReserveRequest {
            tickets: Some(vec![TicketId(ticket)]),
            best: None,
        };
        let sent = Instant::now();
        *locked(&screens.changed_at) = sent;
        match shop.reserve(subject.small, &wish, None).await? {
            Ok(_) => answered.saturating_record(micros(sent)),
            Err(refused) => return Err(Failure::Odd(refused.slug)),
        }
        tokio::time::sleep(Duration::from_secs(1).saturating_sub(sent.elapsed())).await;
    }
    tasks.abort_all();
    while let Some(ended) = tasks.join_next().await {
        if let Ok(Err(failure)) = ended {
            return Err(failure);
        }
    }
    let count = subject.args.watchers;
    figures.add(
        format!("from request to {count} screens, a change a second"),
        Spread::of(&locked(&screens.seen)),
    );
    figures.add("  of which from request to 201", Spread::of(&answered));
    Ok(())
}

/// What all watchers share while changes are timed. One change is under way at a time.
struct Screens {
    changed_at: Mutex<Instant>,
    /// Microseconds from the request to the frame.
    seen: Mutex<Histogram<u64>>,
}

async fn listen(mut live: Live, screens: Arc<Screens>) -> Result<(), Failure> {
    loop {
        match live.hear().await? {
            Heard::Message(message) => {
                if matches!(*message, ToClient::Delta { .. }) {
                    let took = micros(*locked(&screens.changed_at));
                    locked(&screens.seen).saturating_record(took);
                }
            }
            Heard::Closed(code, _) => {
                return Err(Failure::Odd(format!("a watcher was closed with {code}")));
            }
        }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
