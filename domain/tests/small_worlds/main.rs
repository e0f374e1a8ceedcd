//! Small worlds, searched completely: two buyers, up to three tickets, a payment provider
//! and a clock. After every step every invariant must hold, the log must fold to the
//! store's states, the provider's books must agree with ours, and whatever is due must
//! come to rest.
//!
//! A search that finds nothing proves little unless it finds what is there: each mutant
//! of the rules must be caught.

#![expect(clippy::unwrap_used, reason = "a test that can't go on says so")]

mod action;
mod mutants;
mod promises;
mod rules;
mod search;
mod view;
mod world;

use action::Action;
use rules::Rules;
use search::Search;

/// Every story of eight actions: deep enough for one reservation to end in every way and
/// another to begin. The bound on worlds is far beyond what they come to.
#[test]
fn in_every_small_world_every_promise_is_kept() {
    let search = Search {
        rules: Rules::TRUE,
        tickets: 3,
        allowed: |_| true,
        depth: 8,
        states: 3_000_000,
    };
    match search.run() {
        Ok(report) => {
            println!("{report}");
            assert!(
                report.states >= 100_000,
                "the search was too small: {report}"
            );
        }
        Err(found) => panic!("{found}"),
    }
}

/// Fewer kinds of action, but deep enough for a silent provider, a late payment, and the
/// refund that follows it.
#[test]
fn a_silent_provider_and_late_money_break_no_promise() {
    let search = Search {
        rules: Rules::TRUE,
        tickets: 1,
        allowed: Action::is_of_money,
        depth: 12,
        states: 30_000,
    };
    match search.run() {
        Ok(report) => println!("{report}"),
        Err(found) => panic!("{found}"),
    }
}
