//! `mixed`: a day in a minute, with looks, live screens and purchases at once.

use super::args::MixedArgs;
use super::arrivals::Rate;
use super::crowd::Browsing;
use super::outcome::Outcome;
use super::people::{LOOK, TO_SCREEN};
use super::plan::{Changes, Ending, Events, Plan};
use super::watch::{PEOPLE, watching};

/// A quiet night, a noon and an evening; a thousand looks for each purchase.
pub(super) fn plan(args: MixedArgs) -> Plan {
    let purchases = args.rate / args.looks_per_purchase.max(1.0);
    Plan {
        name: "mixed",
        question: "A day in a minute: how do looks, live screens and purchases get on together?",
        chosen: vec![
            ("looks a second, on average", args.rate.to_string()),
            (
                "looks for each purchase",
                args.looks_per_purchase.to_string(),
            ),
            ("at once at most", args.clients.to_string()),
            ("watchers", args.watchers.to_string()),
            ("Zipf exponent", args.own.zipf.to_string()),
        ],
        events: Events::Own {
            count: args.own.events,
            tickets: args.own.tickets,
            opens_later: false,
        },
        browsing: Some(Browsing {
            people: args.clients.max(1),
            rate: Rate::Day { mean: args.rate },
            zipf: args.own.zipf,
        }),
        watching: Some(watching(args.watchers, args.own.zipf)),
        rush: None,
        changes: Some(Changes {
            rate: Rate::Day { mean: purchases },
            people: PEOPLE,
            ending: Ending::Pay,
            name: "purchase",
            fewer: "raise --looks-per-purchase",
        }),
        finds_ceiling: false,
        at_once: &[],
        main: &[LOOK, TO_SCREEN],
        findings,
        run: args.run,
    }
}

fn findings(outcome: &Outcome) -> Vec<(String, String)> {
    let counted = |what: &str| outcome.recorded.counted(what);
    let mut findings = vec![
        outcome.looks(),
        (
            "purchases".to_owned(),
            format!(
                "{} reserved, {} paid",
                counted("reservations"),
                counted("payments")
            ),
        ),
    ];
    findings.extend(outcome.sold_out());
    findings.extend(outcome.deliveries());
    findings.extend(outcome.late());
    findings
}
