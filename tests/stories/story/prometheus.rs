//! A real Prometheus that watches a cluster with the configuration of `deploy/`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use parterre_loadtest::wire::{Call, Client, Origin};
use serde_json::Value;
use tempfile::TempDir;

use super::process::free_address;
use super::{SOON, until};

/// A running Prometheus; killed when dropped.
pub(crate) struct Prometheus {
    child: Child,
    origin: Origin,
    folder: TempDir,
}

/// A program that a story can do without; says so when it is missing.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {name} is missing");
    }
    found
}

impl Prometheus {
    /// Watches a core and edges by `deploy/prometheus`, with their real ports in the place
    /// of the targets and every time a fraction of what is written there; none without
    /// the program.
    pub(crate) async fn watching(core: SocketAddr, edges: &[SocketAddr]) -> Option<Self> {
        let program = tool("prometheus")?;
        let folder = TempDir::new().expect("a folder");
        configure(folder.path(), core, edges);
        let address = free_address();
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let mut child = Command::new(program)
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yaml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus can be run");
        let origin = Origin::from(address);
        until("prometheus is ready", SOON, async || {
            let ended = child.try_wait().expect("a child of ours");
            let said = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none(), "prometheus ended:\n{}", said());
            let answer = Client::new(origin.clone())
                .send(&Call::get("/-/ready"))
                .await;
            answer
                .is_ok_and(|answer| answer.status.is_success())
                .then_some(())
        })
        .await;
        Some(Self {
            child,
            origin,
            folder,
        })
    }

    /// Waits until exactly these alerts fire, by name; names must be sorted.
    pub(crate) async fn fires(&self, expected: &[&str]) {
        let what = format!("{expected:?} fire");
        let mut last = Vec::new();
        let began = std::time::Instant::now();
        while last != expected {
            last = self.firing().await;
            assert!(began.elapsed() < 2 * SOON, "not {what} but {last:?}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// The alerts that fire now, each once.
    async fn firing(&self) -> Vec<String> {
        let alerts = self.get("/api/v1/alerts").await;
        let alerts = alerts["data"]["alerts"].as_array().expect("alerts").clone();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        let mut names: Vec<String> = firing
            .map(|alert| {
                alert["labels"]["alertname"]
                    .as_str()
                    .expect("a name")
                    .to_owned()
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Waits until every target has been scraped and is up.
    pub(crate) async fn sees(&self, targets: usize) {
        until("every target is up", SOON, async || {
            let answer = self.get("/api/v1/query?query=sum(up)").await;
            let up = answer["data"]["result"][0]["value"][1]
                .as_str()
                .map(str::to_owned);
            (up == Some(targets.to_string())).then_some(())
        })
        .await;
    }

    async fn get(&self, path: &str) -> Value {
        let answer = Client::new(self.origin.clone())
            .send(&Call::get(path))
            .await;
        serde_json::from_slice(&answer.expect("an answer").body).expect("JSON")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.folder.path().join("log");
            println!(
                "--- prometheus\n{}",
                fs::read_to_string(log).unwrap_or_default()
            );
        }
    }
}

/// Writes what `deploy/` has with this cluster's addresses and times.
fn configure(folder: &Path, core: SocketAddr, edges: &[SocketAddr]) {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
    let read = |file: &str| fs::read_to_string(deploy.join(file)).expect(file);
    let quoted: Vec<String> = edges.iter().map(|edge| format!("\"{edge}\"")).collect();
    let config = [
        ("scrape_interval: 5s", "scrape_interval: 200ms".to_owned()),
        ("scrape_timeout: 4s", "scrape_timeout: 200ms".to_owned()),
        (
            "evaluation_interval: 5s",
            "evaluation_interval: 200ms".to_owned(),
        ),
        ("\"core:9081\"", format!("\"{core}\"")),
        ("\"edge-1:9082\", \"edge-2:9082\"", quoted.join(", ")),
    ];
    let config = config
        .iter()
        .fold(read("prometheus.yaml"), |text, (from, to)| {
            assert!(text.contains(from), "deploy's configuration has no {from}");
            text.replace(from, to)
        });
    fs::write(folder.join("prometheus.yaml"), config).expect("a file");
    let rules: String = read("alerts.yaml")
        .lines()
        .map(|line| match line.trim().strip_prefix("for: ") {
            Some(_) => "        for: 1s\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    fs::write(folder.join("alerts.yaml"), rules).expect("a file");
}
