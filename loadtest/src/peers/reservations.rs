//! How many durable reservations of two tickets a second: Parterre through an edge, beside
//! PostgreSQL, buyers and all on the same cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use parterre_domain::EventId;

use super::peer::POSTGRES;
use super::postgres::Postgres;
use super::report::Report;
use crate::bench::{Calls, Next, Parterre, Stage, answered, comes_to_rest};
use crate::process::{all_cores, cpu_of_tree};
use crate::raw::post;
use crate::wire::Failure;

/// How many buy at once.
const BUYERS: [usize; 2] = [64, 256];
/// Tickets that are on sale for each second: more than anybody here sells.
const TICKETS_A_SECOND: u32 = 40_000;
/// Tickets of one event.
const TICKETS: u32 = 100_000;
/// How many reservations each session of PostgreSQL has made before it is measured: by then
/// it has planned what the function asks.
const WARM: f64 = 20.0;

/// What was measured of one side.
#[derive(Default)]
struct Side {
    per_second: Vec<f64>,
    micros: Vec<f64>,
}

/// Measures both sides by turns.
pub(super) async fn measure(stage: &Stage, report: &mut Report) -> Result<(), Failure> {
    let mut postgres = match POSTGRES.is_installed() {
        true => Some(Postgres::start(stage).await?),
        false => None,
    };
    let mut parterre = Parterre::start(stage, &all_cores()).await?;
    let mut stock = Stock::default();
    for buyers in BUYERS {
        let (mut own, mut other) = (Side::default(), Side::default());
        for round in 1..=stage.rounds {
            if let Some(postgres) = &mut postgres {
                stage.says(format!("{buyers} buyers: PostgreSQL, round {round}"));
                other.sells_postgres(stage, postgres, buyers).await?;
            }
            stage.says(format!("{buyers} buyers: Parterre, round {round}"));
            stock.fill(stage, &mut parterre).await?;
            own.sells_parterre(stage, &parterre, &stock, buyers).await?;
        }
        let rate = format!("durable two-ticket reservations a second, {buyers} buyers");
        let cost = format!("CPU for one of them, {buyers} buyers, µs");
        if postgres.is_none() {
            report.add(&rate, &own.per_second);
            report.add(&cost, &own.micros);
        }
        let name = POSTGRES.name;
        report.compare(&rate, &own.per_second, name, &other.per_second);
        report.compare(&cost, &own.micros, name, &other.micros);
    }
    Ok(())
}

impl Side {
    async fn sells_postgres(
        &mut self,
        stage: &Stage,
        postgres: &mut Postgres,
        buyers: usize,
    ) -> Result<(), Failure> {
        postgres.publish(needed(stage)).await?;
        comes_to_rest(postgres.id()).await?;
        let before = postgres.reservations().await?;
        let mut pgbench = postgres.buyers(buyers)?;
        let warm = before + u32::try_from(buyers).map_or(0.0, f64::from) * WARM;
        let is_warm = async || postgres.reservations().await.is_ok_and(|made| made > warm);
        pgbench.until(is_warm).await?;
        // Each is read in the same order before and after, so that all of them count the
        // same while.
        let first = postgres.reservations().await?;
        let (cpu, began) = (cpu_of_tree(postgres.id())?, Instant::now());
        tokio::time::sleep(stage.lasts).await;
        let last = postgres.reservations().await?;
        let (made, lasted) = (last - first, began.elapsed().as_secs_f64());
        if last - before >= f64::from(needed(stage) / 2) {
            let what = "PostgreSQL sold out before the time was over";
            return Err(Failure::Odd(what.to_owned()));
        }
        let spent = cpu_of_tree(postgres.id())?.saturating_sub(cpu);
        self.per_second.push(made / lasted);
        self.micros.push(spent.as_secs_f64() * 1e6 / made);
        Ok(())
    }

    async fn sells_parterre(
        &mut self,
        stage: &Stage,
        parterre: &Parterre,
        stock: &Stock,
        buyers: usize,
    ) -> Result<(), Failure> {
        comes_to_rest(parterre.id()).await?;
        let next = stock.wishes(&parterre.edge.to_string());
        let calls = Calls::open(parterre.edge, buyers).await?;
        let before = cpu_of_tree(parterre.id())?;
        let made = calls.make(stage.lasts, &next, &answered(201)).await?;
        let spent = cpu_of_tree(parterre.id())?.saturating_sub(before);
        self.per_second.push(made.per_second());
        self.micros.push(made.micros_each(spent));
        Ok(())
    }
}

/// Tickets for one turn.
fn needed(stage: &Stage) -> u32 {
    let seconds = u32::try_from(stage.lasts.as_secs()).unwrap_or(u32::MAX);
    TICKETS_A_SECOND.saturating_mul(seconds)
}

/// The events of Parterre that are sold one after another.
#[derive(Default)]
struct Stock {
    events: Vec<EventId>,
    /// The next ticket, counted over all events.
    next: Arc<AtomicU32>,
}

impl Stock {
    /// Puts on sale what a turn needs.
    async fn fill(&mut self, stage: &Stage, parterre: &mut Parterre) -> Result<(), Failure> {
        let sold = self.next.load(Ordering::Relaxed);
        let began = Instant::now();
        while self.tickets() < sold.saturating_add(needed(stage)) {
            self.events.push(parterre.publish(TICKETS).await?);
            stage.says(format!(
                "{} tickets on sale after {:.0} s",
                self.tickets(),
                began.elapsed().as_secs_f64()
            ));
        }
        Ok(())
    }

    fn tickets(&self) -> u32 {
        let events = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        events.saturating_mul(TICKETS)
    }

    /// Wishes for two neighbours each, never the same; none once all are sold.
    fn wishes(&self, authority: &str) -> Arc<Next> {
        let (next, authority) = (Arc::clone(&self.next), authority.to_owned());
        let paths = self.events.iter();
        let paths: Vec<String> = paths
            .map(|event| format!("/v1/events/{event}/reservations"))
            .collect();
        Arc::new(move |request: &mut Vec<u8>| {
            let at = next.fetch_add(2, Ordering::Relaxed);
            let Some(path) = paths.get((at / TICKETS) as usize) else {
                // Those who come too late must not count as sold.
                next.fetch_sub(2, Ordering::Relaxed);
                return false;
            };
            let first = at % TICKETS;
            let body = format!(r#"{{"tickets":[{first},{}]}}"#, first + 1);
            *request = post(&authority, path, &[], &body);
            true
        })
    }
}
