//! What `deploy/` says must be true of this binary: its flags exist, its alerts lead to
//! the runbook, and Prometheus's own tool finds nothing wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Files that run the binary, each with the roles that it runs.
const RUNNERS: [(&str, &[&str]); 6] = [
    ("deploy/Containerfile", &["standalone"]),
    ("deploy/compose.yaml", &["core", "edge"]),
    ("deploy/kubernetes.yaml", &["core", "edge"]),
    ("deploy/systemd/parterre-core.service", &["core"]),
    ("deploy/systemd/parterre-edge.service", &["edge"]),
    (
        "deploy/foundationdb/parterre-core.service.d/foundationdb.conf",
        &["core"],
    ),
];

#[test]
fn whatever_runs_the_binary_uses_flags_and_variables_that_it_has() {
    for (file, roles) in RUNNERS {
        let help: String = roles.iter().map(|role| help(role)).collect();
        let known: BTreeSet<&str> = words(&help).collect();
        // Flags of other programs, and variables that are put into one of ours.
        let foreign = ["--config.file", "--storage.tsdb.retention.time"];
        let text = without_comments(&read(file));
        let used = words(&text).filter(|word| {
            let ours = (word.starts_with("--") && *word != "---") || word.starts_with("PARTERRE_");
            ours && !foreign.iter().any(|flag| word.starts_with(flag))
        });
        // The build has flags of cargo's.
        let cargo = ["--release", "--locked", "--bin", "--mount"];
        let system = ["--system", "--uid", "--home-dir", "--create-home", "--from"];
        let health = ["--interval", "--timeout", "--start-period", "--retries"];
        let builds = [&cargo[..], &system, &health].concat();
        let unknown: Vec<&str> = used
            .filter(|word| !known.contains(word))
            .filter(|word| file != "deploy/Containerfile" || !builds.contains(word))
            .collect();
        assert_eq!(
            unknown,
            Vec::<&str>::new(),
            "{file} uses what {roles:?} lack"
        );
    }
}

#[test]
fn every_alert_leads_to_its_section_of_the_runbook_and_every_section_has_its_alert() {
    let rules = read("deploy/prometheus/alerts.yaml");
    let named = |mark: &str| -> Vec<String> {
        let lines = rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix(mark));
        lines.map(|rest| rest.trim().to_owned()).collect()
    };
    let alerts = named("- alert:");
    assert!(alerts.len() > 20, "{alerts:?}");
    let expected: Vec<String> = alerts
        .iter()
        .map(|alert| format!("deploy/runbook.md#{}", alert.to_lowercase()))
        .collect();
    assert_eq!(named("runbook_url:"), expected);
    assert_eq!(
        named("summary:").len(),
        alerts.len(),
        "each says what is wrong"
    );
    assert_eq!(named("for:").len(), alerts.len(), "each says for how long");
    let severities = named("labels:");
    let right =
        |severity: &String| ["{severity: page}", "{severity: ticket}"].contains(&severity.as_str());
    assert!(
        severities.len() == alerts.len() && severities.iter().all(right),
        "{severities:?}"
    );

    let runbook = read("deploy/runbook.md");
    let sections = runbook.lines().filter_map(|line| line.strip_prefix("### "));
    let sections: BTreeSet<&str> = sections
        .filter(|title| title.starts_with("Parterre"))
        .collect();
    let alerts: BTreeSet<&str> = alerts.iter().map(String::as_str).collect();
    assert_eq!(sections, alerts);
}

#[test]
fn prometheus_can_read_its_configuration_and_the_rules_do_what_their_tests_say() {
    let Some(promtool) = tool("promtool") else {
        return;
    };
    let folder = Path::new(ROOT).join("deploy/prometheus");
    let runs: [&[&str]; 3] = [
        &["check", "config", "prometheus.yaml"],
        &["check", "rules", "alerts.yaml"],
        &["test", "rules", "alerts_test.yaml"],
    ];
    for arguments in runs {
        let run = Command::new(&promtool)
            .args(arguments)
            .current_dir(&folder)
            .output();
        let output = run.expect("promtool can be run");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
    }
}

#[test]
fn prometheus_scrapes_every_process_of_compose_where_it_listens_for_operators() {
    let compose = read("deploy/compose.yaml");
    let scraped = read("deploy/prometheus/prometheus.yaml");
    let mut listen = BTreeSet::new();
    for (name, service) in services(&compose) {
        // A service that is another one but for its ports.
        let whole = match service.contains("<<: *edge") {
            true => service_with(&compose, "&edge"),
            false => service,
        };
        let setting = |name: &str| {
            let line = whole
                .lines()
                .find_map(|line| line.trim().strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let Some(role) = setting("command: [").filter(|_| whole.contains("<<: *parterre")) else {
            continue;
        };
        let address = setting("PARTERRE_OPS_LISTEN:").expect("where operators ask");
        let port = address.rsplit(':').next().expect("a port").to_owned();
        let role = role.trim_matches(['"', ']']).to_owned();
        listen.insert((format!("parterre-{role}"), format!("{name}:{port}")));
    }
    assert_eq!(listen.len(), 3, "{listen:?}");
    let mut targets = BTreeSet::new();
    let mut job = String::new();
    for line in scraped.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- job_name: ") {
            name.clone_into(&mut job);
        }
        if let Some(list) = line.strip_prefix("- targets: ") {
            let names = list.split('"').filter(|name| name.contains(':'));
            targets.extend(names.map(|name| (job.clone(), name.to_owned())));
        }
    }
    assert_eq!(targets, listen);
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(
            ids.insert(panel["id"].as_u64()),
            "{} has another's id",
            panel["title"]
        );
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{} shows nothing", panel["title"]);
        for target in targets {
            let expression = target["expr"].as_str().expect("an expression");
            let opened = expression.matches('(').count();
            assert_eq!(opened, expression.matches(')').count(), "{expression}");
        }
    }
    assert!(ids.len() > 20);
}

/// The services of a file of compose: the name of each, and its lines.
fn services(compose: &str) -> Vec<(String, String)> {
    let lines = compose.lines().skip_while(|line| *line != "services:");
    let mut services: Vec<(String, String)> = Vec::new();
    for line in lines
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
    {
        let title = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '));
        match title.and_then(|title| title.split_once(':')) {
            Some((name, rest)) => services.push((name.to_owned(), format!("{rest}\n"))),
            None => {
                let (_, whole) = services.last_mut().expect("a service");
                whole.push_str(line);
                whole.push('\n');
            }
        }
    }
    services
}

/// The service that has an anchor.
fn service_with(compose: &str, anchor: &str) -> String {
    let mut services = services(compose).into_iter();
    let found = services.find(|(_, service)| service.contains(anchor));
    found.expect("the service that others are like").1
}

/// A program that may be missing; says so.
fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {name} is missing");
    }
    found
}

fn read(file: &str) -> String {
    let text = fs::read_to_string(Path::new(ROOT).join(file));
    text.unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn without_comments(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let part = |letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    text.split(part).filter(|word| !word.is_empty())
}

fn help(role: &str) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_parterre"))
        .args([role, "--help"])
        .output();
    String::from_utf8(run.expect("the binary").stdout).expect("text")
}
