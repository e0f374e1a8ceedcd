//! The load tester's scenarios against a real server, each in a few seconds.

use std::process::{Command, Output};

use parterre_loadtest::wire::{Call, Client, Origin};
use serde_json::Value;
use tempfile::TempDir;

use crate::story::{SOON, Standalone, parterre, until};

/// A server, and what the load tester says of it.
struct Load {
    server: Standalone,
    folder: TempDir,
}

/// What a run said.
struct Said {
    output: Output,
    /// Its report as JSON.
    report: Value,
    page: String,
}

#[tokio::test]
async fn people_look_around_and_the_tools_own_ceiling_is_known() {
    let load = Load::start().await;
    let little = ["--events", "3", "--tickets", "60", "--clients", "8"];
    let said = load.runs(
        &["browse", "--seconds", "2", "--rate", "100", "--null"],
        &little,
    );
    said.agrees();
    let looks = said.took("any look");
    assert!(looks > 100, "{}", said.text());
    let of_kind = ["list", "event", "availability", "not modified"];
    for kind in of_kind {
        assert!(said.took(&format!("look, {kind}")) > 0, "{kind}");
    }
    let ceiling = said.report["ceiling"].as_f64().expect("it was measured");
    assert!(ceiling > 100.0, "{ceiling}");
    assert!(said.page.starts_with("<!doctype html>"));
    assert!(said.page.contains("Latency by percentile"));
    let pid = format!("process {}", load.server.process.id());
    assert!(said.report["server"]["resident_mib"][&pid][0][1].as_f64() > Some(1.0));
}

#[tokio::test]
async fn every_change_is_timed_on_every_screen_in_several_processes() {
    let load = Load::start().await;
    let crowd = ["--clients", "60", "--events", "2", "--processes", "2"];
    let said = load.runs(&["watch", "--seconds", "2", "--changes", "10"], &crowd);
    said.agrees();
    assert_eq!(said.report["processes"], 2);
    assert!(said.counted("reservations") > 3, "{}", said.text());
    assert_eq!(said.counted("releases"), said.counted("reservations"));
    assert_eq!(said.counted("folds compared at the end"), 20);
    let compared = said.counted("screens whose rev was compared");
    assert_eq!(compared, 40);
    let shown = said.found("changes shown as such");
    let (shown, due) = shown.split_once(" of ").expect("two numbers");
    assert_eq!(shown, due);
}

#[tokio::test]
async fn everybody_wants_the_front_rows_when_a_sale_opens() {
    let load = Load::start().await;
    let crowd = ["--clients", "40", "--tickets", "60", "--reaction-ms", "300"];
    let said = load.runs(&["onsale", "--seconds", "8", "--opens-in", "1"], &crowd);
    said.agrees();
    let (got, left) = (
        said.counted("reservations"),
        said.counted("people who left without tickets"),
    );
    assert_eq!(got + left, 40, "{}", said.text());
    assert_eq!(said.took("opening to own 201"), got);
    let (paid, gone) = (
        said.counted("people who went to pay"),
        said.counted("people who let go again"),
    );
    assert_eq!((paid + gone, said.counted("payments")), (got, paid));
    assert!(said.report["refusals"]["tickets-taken"].as_u64() > Some(0));
}

#[tokio::test]
async fn a_day_has_looks_screens_and_purchases_at_once() {
    let load = Load::start().await;
    let day = ["mixed", "--seconds", "3", "--rate", "100"];
    let people = [
        "--looks-per-purchase",
        "10",
        "--watchers",
        "20",
        "--events",
        "3",
    ];
    let said = load.runs(&day, &people);
    said.agrees();
    assert!(said.took("any look") > 100, "{}", said.text());
    assert!(said.counted("payments") > 5, "{}", said.text());
    assert_eq!(said.counted("payments"), said.counted("reservations"));
    assert!(said.took("change to screen") > 0, "{}", said.text());
}

#[tokio::test]
async fn a_day_that_sells_out_says_when() {
    let load = Load::start().await;
    let day = ["mixed", "--seconds", "3", "--rate", "60"];
    let little = ["--events", "1", "--tickets", "10", "--watchers", "4"];
    let said = load.runs(
        &day,
        &[&little[..], &["--looks-per-purchase", "1"]].concat(),
    );
    said.agrees();
    let ended = said.found("purchases ended");
    assert!(
        ended.ends_with("every ticket had been wanted once"),
        "{ended}"
    );
}

#[tokio::test]
async fn changes_that_do_not_fit_are_refused_before_anything_is_published() {
    let load = Load::start().await;
    let little = ["--tickets", "20", "--clients", "4"];
    let arguments = load.arguments(&["watch", "--changes", "50", "--seconds", "9"], &little);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = parterre(&arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("raise --tickets, lower --changes"), "{said}");
    let mut client = Client::new(load.server.edge());
    let shown = client.send(&Call::get("/v1/events")).await;
    let shown = String::from_utf8_lossy(&shown.expect("an answer").body).into_owned();
    assert!(!shown.contains("Load test"), "{shown}");
}

/// Whoever watches takes a file, and so does the server's end: both in one process would
/// be more files than this.
#[tokio::test]
async fn the_server_that_does_nothing_shares_no_files_with_the_crowd() {
    let load = Load::start().await;
    let crowd = ["--clients", "300", "--changes", "2", "--null"];
    let arguments = load.arguments(&["watch", "--seconds", "2"], &crowd);
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 450; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_parterre"))
        .args(arguments)
        .output()
        .expect("sh can be run");
    let said = load.said(output);
    said.agrees();
    let ceiling = said.report["ceiling"].as_f64().expect("it was measured");
    assert!(ceiling > 300.0, "{ceiling}");
}

#[tokio::test]
async fn all_come_back_at_once_after_a_storm() {
    let load = Load::start().await;
    let crowd = ["--clients", "100", "--changes", "20"];
    let said = load.runs(&["storm", "--seconds", "3"], &crowd);
    said.agrees();
    let (resumed, snapshot) = (
        said.counted("came back by resuming"),
        said.counted("came back by a snapshot"),
    );
    assert_eq!(resumed + snapshot, 100, "{}", said.text());
    assert_eq!(said.took("cut to resumed or snapshot"), 100);
    let core = said.found("what the core got meanwhile");
    assert!(core.contains(" calls"), "{core}");
}

#[tokio::test]
async fn a_server_that_dies_under_a_load_test_is_found_out() {
    let mut load = Load::start().await;
    let browse = load.arguments(&["browse", "--seconds", "4"], &["--rate", "100"]);
    let ops = Origin::from(load.server.process.ops_address());
    let ran = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = browse.iter().map(String::as_str).collect();
        parterre(&arguments)
    });
    until("somebody looks at similar events", SOON, async || {
        let metrics = Client::new(ops.clone()).send(&Call::get("/metrics")).await;
        let metrics = String::from_utf8_lossy(&metrics.ok()?.body).into_owned();
        let mut lines = metrics.lines();
        let looked = lines.any(|line| {
            let of_route = line.starts_with("parterre_edge_requests_total");
            of_route && line.contains("similar") && !line.ends_with(" 0")
        });
        looked.then_some(())
    })
    .await;
    load.server.process.kill();
    let output = ran.await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("looks without an answer"), "{said}");
    assert!(said.contains(" DISAGREEMENTS"), "{said}");
}

impl Load {
    async fn start() -> Self {
        Self {
            server: Standalone::start().await,
            folder: TempDir::new().expect("a folder"),
        }
    }

    fn runs(&self, scenario: &[&str], crowd: &[&str]) -> Said {
        let arguments = self.arguments(scenario, crowd);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.said(parterre(&arguments))
    }

    /// What was said, of whatever the load tester wrote.
    fn said(&self, output: Output) -> Said {
        let file = |name: &str| {
            let read = std::fs::read_to_string(self.folder.path().join(name));
            read.unwrap_or_else(|error| panic!("{name}: {error}: {output:?}"))
        };
        let report = serde_json::from_str(&file("report.json")).expect("JSON");
        Said {
            page: file("report.html"),
            output,
            report,
        }
    }

    fn arguments(&self, scenario: &[&str], crowd: &[&str]) -> Vec<String> {
        let server = &self.server;
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let named = [
            ("--edge", server.edge().to_string()),
            ("--core", server.core().to_string()),
            (
                "--ops",
                Origin::from(server.process.ops_address()).to_string(),
            ),
            ("--pid", server.process.id().to_string()),
            ("--json", file("report.json")),
            ("--html", file("report.html")),
            (
                "--token-file",
                server.data().join("admin-token").display().to_string(),
            ),
        ];
        let given = [&["loadtest"], scenario, crowd].concat();
        let named = named.into_iter();
        let named = named.flat_map(|(flag, value)| [flag.to_owned(), value]);
        given.into_iter().map(str::to_owned).chain(named).collect()
    }
}

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    fn agrees(&self) {
        let text = self.text();
        assert_eq!(self.output.status.code(), Some(0), "{text}");
        assert!(text.contains("Everything agrees."), "{text}");
        assert_eq!(self.report["disagreements"], 0, "{text}");
    }

    /// How many of one kind were timed.
    fn took(&self, what: &str) -> u64 {
        let took = self.report["took"].as_array().expect("a list");
        let row = took.iter().find(|row| row["what"] == what);
        row.map_or(0, |row| row["count"].as_u64().expect("a count"))
    }

    fn counted(&self, what: &str) -> u64 {
        self.report["counted"][what].as_u64().unwrap_or(0)
    }

    /// A finding in words.
    fn found(&self, what: &str) -> String {
        let findings = self.report["findings"].as_array().expect("a list");
        let finding = findings.iter().find(|finding| finding[0] == what);
        let finding = finding.unwrap_or_else(|| panic!("{what:?} isn't in {}", self.text()));
        finding[1].as_str().expect("words").to_owned()
    }
}
