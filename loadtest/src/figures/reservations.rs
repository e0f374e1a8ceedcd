//! How many durable reservations a second come through an edge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use parterre_domain::TicketId;
use parterre_domain::wire::api::ReserveRequest;
use tokio::task::JoinSet;

use super::{Figures, LARGE, Subject};
use crate::numbers::{Spread, histogram};
use crate::wire::{Failure, Shop};

/// Buyers in a closed loop take two neighbours each, never the same.
pub(super) async fn rate(subject: &Subject, figures: &mut Figures) -> Result<(), Failure> {
    let next = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let until = began + subject.lasts;
    let mut buyers = JoinSet::new();
    for _ in 0..subject.args.buyers {
        let (next, event) = (next.clone(), subject.large);
        let mut shop = Shop::new(subject.args.edge.clone());
        buyers.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < until {
                let first = next.fetch_add(2, Ordering::Relaxed);
                if first + 1 >= LARGE {
                    break;
                }
                let wish = ReserveRequest {
                    tickets: Some(vec![TicketId(first), TicketId(first + 1)]),
                    best: None,
                };
                match shop.reserve(event, &wish, None).await? {
                    Ok(reserved) => took.push(reserved.answered - reserved.sent),
                    Err(refused) => return Err(Failure::Odd(refused.slug)),
                }
            }
            Ok(took)
        });
    }
    let mut all = histogram();
    while let Some(took) = buyers.join_next().await {
        for took in took.map_err(|error| Failure::Odd(error.to_string()))?? {
            all.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let count = f64::from(u32::try_from(all.len()).unwrap_or(u32::MAX));
    let buyers = subject.args.buyers;
    figures.add(
        format!("durable two-ticket reservations, {buyers} buyers"),
        format!("{:.0}/s", count / seconds),
    );
    figures.add("  from request to 201", Spread::of(&all));
    Ok(())
}
