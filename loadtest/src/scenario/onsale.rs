//! `onsale`: thousands wait for a sale to open and want the front rows. Who gets tickets
//! when?

use std::time::Duration;

use super::args::OnSaleArgs;
use super::crowd::Rush;
use super::outcome::Outcome;
use super::people::{BOUGHT, SOLD_OUT};
use super::plan::{Events, Plan};

/// Everybody waits with the same picture, and wants the same tickets at the same time.
pub(super) fn plan(mut args: OnSaleArgs) -> Plan {
    // The time that is asked for begins with the sale.
    args.run.seconds += args.opens_in;
    Plan {
        name: "onsale",
        question: "Thousands wait for a sale to open and want the front rows: who gets \
                   tickets when?",
        chosen: vec![
            ("people", args.clients.to_string()),
            ("tickets", args.tickets.to_string()),
            ("slowest reaction", format!("{} ms", args.reaction_ms)),
            ("ask for the best", format!("{} %", args.best_percent)),
            ("pay", format!("{} %", args.pay_percent)),
        ],
        events: Events::Own {
            count: 1,
            tickets: args.tickets,
            opens_later: true,
        },
        browsing: None,
        watching: None,
        rush: Some(Rush {
            people: args.clients,
            first: 0,
            opens_at: Duration::from_secs(args.opens_in.max(1)),
            reaction: Duration::from_millis(args.reaction_ms),
            best_percent: args.best_percent,
            pay_percent: args.pay_percent,
        }),
        changes: None,
        finds_ceiling: false,
        at_once: &[BOUGHT, SOLD_OUT],
        main: &["try, 201", "try, refused"],
        findings,
        run: args.run,
    }
}

fn findings(outcome: &Outcome) -> Vec<(String, String)> {
    let counted = |what: &str| outcome.recorded.counted(what);
    let refused = &outcome.recorded.refused;
    let refusals = refused
        .iter()
        .map(|(slug, count)| format!("{count} {slug}"));
    let sold_out = match (outcome.min(SOLD_OUT), outcome.max(SOLD_OUT)) {
        (Some(first), Some(last)) => format!(
            "{:.2} s after the opening first, {:.2} s last",
            first.as_secs_f64(),
            last.as_secs_f64()
        ),
        _ => "never".to_owned(),
    };
    vec![
        outcome.spread("from the opening to one's own 201", BOUGHT),
        (
            "people".to_owned(),
            format!(
                "{} got tickets ({} at the first try), {} saw nothing free or gave up",
                counted("reservations"),
                counted("people who got tickets at the first try"),
                counted("people who left without tickets"),
            ),
        ),
        (
            "of those who got some".to_owned(),
            format!(
                "{} paid, {} let go",
                counted("payments"),
                counted("people who let go again")
            ),
        ),
        (
            "refusals".to_owned(),
            refusals.collect::<Vec<_>>().join(", "),
        ),
        ("a screen showed nothing free".to_owned(), sold_out),
    ]
}
