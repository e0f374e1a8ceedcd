//! `browse`: how fast are reads, and how many can there be?

use super::args::BrowseArgs;
use super::crowd::Browsing;
use super::outcome::Outcome;
use super::people::{LOOK, SERVED};
use super::plan::{Events, Plan};

/// People look around among events, the famous ones most.
pub(super) fn plan(args: BrowseArgs) -> Plan {
    let events = match args.existing.is_empty() {
        true => Events::Own {
            count: args.own.events,
            tickets: args.own.tickets,
            opens_later: false,
        },
        false => Events::Existing(args.existing.clone()),
    };
    Plan {
        name: "browse",
        question: "How fast are reads, and how many can there be?",
        chosen: vec![
            (
                "looks a second",
                match args.ramp {
                    true => format!("rising to {}", args.rate),
                    false => args.rate.to_string(),
                },
            ),
            ("at once at most", args.clients.to_string()),
            ("Zipf exponent", args.own.zipf.to_string()),
        ],
        events,
        browsing: Some(Browsing {
            people: args.clients.max(1),
            rate: args.rate(),
            zipf: args.own.zipf,
        }),
        watching: None,
        rush: None,
        changes: None,
        finds_ceiling: args.null,
        at_once: &[],
        main: &[LOOK, SERVED],
        findings,
        run: args.run,
    }
}

fn findings(outcome: &Outcome) -> Vec<(String, String)> {
    let mut findings = vec![outcome.looks()];
    findings.extend(outcome.late());
    findings
}
