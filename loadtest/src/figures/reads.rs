//! What a cached read costs the server in CPU time, beside nginx in the same run.

use std::process::Command;
use std::time::{Duration, Instant};

use super::nginx::Nginx;
use super::process::{Apart, cpu, pin};
use super::{Figures, Subject};
use crate::wire::{Call, Client, Failure, Origin};

/// Connections of the closed loop.
const CONNECTIONS: usize = 64;
/// How often edge and peer are measured, by turns.
const ROUNDS: usize = 3;

/// Measures reads of one event's detail and of its availability.
pub(super) async fn cost(subject: &Subject, figures: &mut Figures) -> Result<(), Failure> {
    let nginx = Nginx::start(&subject.args.edge)?;
    let apart = Apart::hold(subject.args.pid);
    let what = Apart::said(apart.as_ref());
    figures.add(format!("CPU per cached read ({what}, {})", client()), "");
    for (name, part) in [("event", ""), ("availability, 2 KiB", "/availability")] {
        let path = format!("/v1/events/{}{part}", subject.small);
        let mut rows = [("parterre", Vec::new()), ("nginx proxy_cache", Vec::new())];
        for _ in 0..ROUNDS {
            let edge = &subject.args.edge;
            rows[0]
                .1
                .push(one(edge, subject.args.pid, &path, subject.lasts).await?);
            let Some(nginx) = &nginx else { continue };
            let Some(worker) = nginx.worker() else {
                continue;
            };
            if apart.is_some() {
                pin(worker, "0");
            }
            rows[1]
                .1
                .push(one(&nginx.origin(), worker, &path, subject.lasts).await?);
        }
        for (peer, measured) in rows {
            figures.add(format!("  {name}, {peer}"), said(measured));
        }
    }
    Ok(())
}

/// Microseconds of CPU a read, and reads a second.
type Cost = (f64, f64);

async fn one(origin: &Origin, pid: u32, path: &str, lasts: Duration) -> Result<Cost, Failure> {
    // The first read fills every cache.
    Client::new(origin.clone()).send(&Call::get(path)).await?;
    let (before, began) = (cpu(pid)?, Instant::now());
    let reads = reads(origin, path, lasts).await?;
    let (spent, took) = (cpu(pid)? - before, began.elapsed());
    Ok((
        spent.as_secs_f64() * 1e6 / reads,
        reads / took.as_secs_f64(),
    ))
}

fn said(mut costs: Vec<Cost>) -> String {
    if costs.is_empty() {
        return "not installed".to_owned();
    }
    costs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (micros, rate) = costs[costs.len() / 2];
    let (least, most) = (costs[0].0, costs[costs.len() - 1].0);
    format!("{micros:.1} µs ({least:.1} to {most:.1}), {rate:.0}/s")
}

fn has_wrk() -> bool {
    Command::new("wrk").arg("-v").output().is_ok()
}

fn client() -> &'static str {
    if has_wrk() {
        "wrk, 64 connections"
    } else {
        "own client, 64 connections"
    }
}

/// How many reads a closed loop gets in a while.
async fn reads(origin: &Origin, path: &str, lasts: Duration) -> Result<f64, Failure> {
    if has_wrk() {
        with_wrk(format!("{origin}{path}"), lasts).await
    } else {
        by_itself(origin, path, lasts).await
    }
}

async fn with_wrk(url: String, lasts: Duration) -> Result<f64, Failure> {
    let odd = |what: String| Failure::Odd(format!("wrk: {what}"));
    let duration = format!("-d{}s", lasts.as_secs().max(1));
    let ran = tokio::task::spawn_blocking(move || {
        let connections = format!("-c{CONNECTIONS}");
        Command::new("wrk")
            .args(["-t1", &connections, &duration, &url])
            .output()
    });
    let output = ran
        .await
        .map_err(|error| odd(error.to_string()))?
        .map_err(|error| odd(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("Non-2xx") {
        return Err(odd(text));
    }
    let count = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in"));
    let count = count.and_then(|(count, _)| count.parse().ok());
    count.ok_or_else(|| odd(text))
}

async fn by_itself(origin: &Origin, path: &str, lasts: Duration) -> Result<f64, Failure> {
    let until = Instant::now() + lasts;
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut client, call) = (Client::new(origin.clone()), Call::get(path));
        loops.spawn(async move {
            let mut reads = 0_u32;
            while Instant::now() < until {
                client.send(&call).await?;
                reads += 1;
            }
            Ok::<_, Failure>(reads)
        });
    }
    let mut all = 0.0;
    while let Some(reads) = loops.join_next().await {
        all += f64::from(reads.map_err(|error| Failure::Odd(error.to_string()))??);
    }
    Ok(all)
}
