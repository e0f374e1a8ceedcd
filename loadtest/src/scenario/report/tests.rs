use std::time::Duration;

use super::*;
use crate::args::ServerArgs;
use crate::scenario::people::{LOOK, LOOKS};
use crate::scenario::recorder::{Done, Recorded};

fn report(disagreements: &[&str]) -> Report {
    let mut recorded = Recorded::default();
    for second in 0..5 {
        for micros in [300, 400, 90_000] {
            recorded.took(LOOK, second, micros * u64::from(second + 1));
        }
        recorded.pace.insert(second, Done { due: 4, done: 3 });
    }
    // The last of them was answered after the run.
    recorded.counted.insert(LOOKS.to_owned(), 10);
    recorded.stale.insert(3, 7);
    disagreements
        .iter()
        .for_each(|said| recorded.disagrees((*said).to_owned()));
    let args = crate::scenario::args::BrowseArgs {
        run: crate::scenario::args::RunArgs {
            server: ServerArgs {
                edges: Vec::new(),
                core: "http://127.0.0.1:1".parse().expect("an origin"),
                token_file: "token".into(),
            },
            pids: vec![7],
            ops: Vec::new(),
            seconds: 5,
            processes: None,
            seed: 42,
            json: None,
            html: None,
        },
        own: crate::scenario::args::EventsArgs {
            events: 1,
            tickets: 1,
            zipf: 1.0,
        },
        existing: Vec::new(),
        rate: 4.0,
        ramp: false,
        clients: 1,
        null: true,
    };
    let samples = Samples {
        cpu_percent: [("process 7".to_owned(), vec![(0, 30.0), (1, 50.0)])].into(),
        resident_mib: [("process 7".to_owned(), vec![(0, 90.0), (1, 80.0)])].into(),
        ..Samples::default()
    };
    let outcome = Outcome {
        recorded,
        samples,
        ceiling: Some(60.0),
        deliveries_due: 0,
        sold_out_at: None,
        cut_at: None,
        lasts: Duration::from_secs(5),
    };
    let plan = crate::scenario::browse::plan(args);
    Report::new(plan.subject(1), (plan.findings)(&outcome), &outcome)
}

#[test]
fn a_report_says_what_was_found_and_how_it_was_run() {
    let text = report(&[]).to_string();
    for expected in [
        "browse: How fast are reads",
        "seed 42, 5 s, one process; looks a second 4;",
        "2 a second; this tool's own ceiling is 60, so it was busy to 3 %",
        "5 of 20: refused, broken, or not begun in time",
        "process 7: CPU 40 % of a core, at most 50; at most 90 MiB resident",
        "stale by up to 7.0 s",
        "Everything agrees.",
    ] {
        assert!(text.contains(expected), "{expected:?} isn't in {text}");
    }
}

#[test]
fn disagreements_are_in_every_form() {
    let report = report(&["ticket 3 <in> two hands"]);
    assert!(!report.agrees());
    let text = report.to_string();
    assert!(text.contains("1 DISAGREEMENTS\n  ticket 3 <in> two hands"));
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    assert_eq!(json["said"][0], "ticket 3 <in> two hands");
    assert!(
        report
            .html()
            .contains("<li>ticket 3 &lt;in&gt; two hands</li>")
    );
}

#[test]
fn a_page_needs_nothing_else_and_every_plot_has_its_table() {
    let html = report(&[]).html();
    for outside in [
        "http://", "https://", "<script", "<link", "url(", "@import", "src=",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    let count = |what: &str| html.matches(what).count();
    assert_eq!(count("role=\"img\""), count("<figure>"));
    assert_eq!(count("<figure>"), 6);
    assert_eq!(count("<figure>"), count("The same as a table"));
    assert!(html.contains("prefers-color-scheme: dark"));
    for word in ["NaN", "inf\"", "{}"] {
        assert!(!html.contains(word), "{word}");
    }
}

#[test]
fn quantiles_close_in_on_all_as_far_as_values_tell_apart() {
    let of = |count| quantiles(count).collect::<Vec<_>>();
    assert!(of(0).is_empty());
    let some = of(1_000);
    assert!(some.is_sorted() && some[0] == 0.0, "{some:?}");
    assert!(
        some[some.len() - 2] > 0.998 && some.ends_with(&[1.0]),
        "{some:?}"
    );
}
