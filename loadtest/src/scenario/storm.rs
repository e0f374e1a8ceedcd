//! `storm`: all live connections are cut and come back at once. How long does that take?

use std::time::Duration;

use super::args::StormArgs;
use super::outcome::Outcome;
use super::people::{BACK, RECONNECTED, TO_SCREEN};
use super::plan::{Events, Plan};
use super::watch::{changes, changes_said, watching};

/// Everybody watches, is cut at one instant, and comes back with the rev it had.
pub(super) fn plan(args: StormArgs) -> Plan {
    let lasts = args.run.lasts();
    let cut_at = match args.cut_at {
        Some(seconds) => Duration::from_secs_f64(seconds.clamp(0.0, lasts.as_secs_f64())),
        None => lasts / 3,
    };
    let events = match args.existing {
        Some(event) => Events::Existing(vec![event]),
        None => Events::Own {
            count: 1,
            tickets: args.tickets,
            opens_later: false,
        },
    };
    let changes_said = changes_said(args.changes, args.existing.is_none());
    let mut watching = watching(args.clients, 1.0);
    watching.cut_at = Some(cut_at);
    Plan {
        name: "storm",
        question: "All live connections are cut and come back at once: how long does that take?",
        chosen: vec![
            ("watchers", args.clients.to_string()),
            ("changes a second", changes_said),
            ("cut at", format!("{:.1} s", cut_at.as_secs_f64())),
        ],
        events,
        browsing: None,
        watching: Some(watching),
        rush: None,
        changes: args.existing.is_none().then_some(changes(args.changes)),
        finds_ceiling: false,
        at_once: &[BACK, RECONNECTED],
        main: &[TO_SCREEN],
        findings,
        run: args.run,
    }
}

fn findings(outcome: &Outcome) -> Vec<(String, String)> {
    let counted = |what: &str| outcome.recorded.counted(what);
    let (resumed, snapshot) = (
        counted("came back by resuming"),
        counted("came back by a snapshot"),
    );
    let mut findings = vec![
        outcome.spread("all back", BACK),
        outcome.spread("all connected", RECONNECTED),
        (
            "how they came back".to_owned(),
            format!(
                "{resumed} resumed, of whom {} had missed something and got it in one delta; \
                 {snapshot} by a snapshot",
                counted("caught up by a delta")
            ),
        ),
        (
            "tries that made no connection".to_owned(),
            counted("connections that weren't made").to_string(),
        ),
    ];
    if let Some(cut_at) = outcome.cut_at
        && let Some(took) = outcome.max(BACK)
    {
        let calls = outcome.samples.core_calls_in(cut_at, cut_at + took);
        let calls = match calls {
            Some(calls) => format!("{calls} calls, changes included"),
            None => "unknown: name the operators' listener with --ops".to_owned(),
        };
        findings.push(("what the core got meanwhile".to_owned(), calls));
    }
    findings.extend(outcome.deliveries());
    findings.extend(outcome.late());
    findings
}
