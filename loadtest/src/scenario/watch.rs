//! `watch`: how soon is a change on every screen?

use super::args::WatchArgs;
use super::arrivals::Rate;
use super::crowd::Watching;
use super::outcome::Outcome;
use super::people::{ANSWERED_TO_SCREEN, TO_SCREEN};
use super::plan::{Changes, Ending, Events, Plan};

/// Reservations under way at once: more than any rate that a screen could show needs.
pub(super) const PEOPLE: usize = 32;

/// Many watch, and now and then somebody reserves a ticket.
pub(super) fn plan(args: WatchArgs) -> Plan {
    let is_own = args.existing.is_empty();
    let changes_said = changes_said(args.changes, is_own);
    let events = match is_own {
        true => Events::Own {
            count: args.events,
            tickets: args.tickets,
            opens_later: false,
        },
        false => Events::Existing(args.existing.clone()),
    };
    Plan {
        name: "watch",
        question: "How soon is a change on every screen?",
        chosen: vec![
            ("watchers", args.clients.to_string()),
            ("changes a second", changes_said),
            ("Zipf exponent", args.zipf.to_string()),
        ],
        events,
        browsing: None,
        watching: Some(watching(args.clients, args.zipf)),
        rush: None,
        changes: is_own.then_some(changes(args.changes)),
        finds_ceiling: args.null,
        at_once: &[],
        main: &[TO_SCREEN, ANSWERED_TO_SCREEN],
        findings,
        run: args.run,
    }
}

/// So many watchers.
pub(super) fn watching(people: usize, zipf: f64) -> Watching {
    Watching {
        people,
        first: 0,
        zipf,
        fold_one_in: Watching::fold_one_in(people),
        changes: Vec::new(),
        cut_at: None,
    }
}

/// How the report says so.
pub(super) fn changes_said(per_second: f64, is_own: bool) -> String {
    match is_own {
        true => per_second.to_string(),
        false => "those of others".to_owned(),
    }
}

/// So many changes a second, let go at the end.
pub(super) fn changes(per_second: f64) -> Changes {
    Changes {
        rate: Rate::Flat { per_second },
        people: PEOPLE,
        ending: Ending::LetGo,
        name: "change",
        fewer: "lower --changes",
    }
}

fn findings(outcome: &Outcome) -> Vec<(String, String)> {
    let mut findings = outcome.deliveries();
    findings.push(outcome.deltas());
    findings.extend(outcome.late());
    findings
}
