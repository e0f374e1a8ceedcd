//! What operators see: metrics that Prometheus's own tool finds right, that have every
//! name which the alerts, the dashboard and the runbook use, and alerts that fire when
//! the core is gone and rest when it is back.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::story::{Buyer, Cluster, Edge, Prometheus, SOON, Standalone, about, hall, tool, until};

/// A cluster in which something has been sold and something refused.
async fn lively() -> (Cluster, Edge) {
    let cluster = Cluster::start().await;
    let edge = cluster.edge(&[]).await;
    let event = hall(&mut cluster.admin(), &about("A Lively Evening"), 40).await;
    let event = event.summary.id;
    let mut buyer = Buyer::at(edge.origin());
    buyer.finds(event).await;
    buyer.reserves(event, &[1, 2]).await;
    buyer.tries(event, &[2]).await.expect_err("it is taken");
    (cluster, edge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_finds_the_metrics_of_every_role_right() {
    let Some(promtool) = tool("promtool") else {
        return;
    };
    let (cluster, edge) = lively().await;
    let standalone = Standalone::start().await;
    let rows = [
        ("core", cluster.core.metrics_text().await),
        ("edge", edge.process.metrics_text().await),
        ("standalone", standalone.process.metrics_text().await),
    ];
    for (role, text) in rows {
        let mut check = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool can be run");
        let mut stdin = check.stdin.take().expect("its input");
        stdin.write_all(text.as_bytes()).expect("it reads");
        drop(stdin);
        let output = check.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success() && said.is_empty(), "{role}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_operators_are_told_of_is_there() {
    let (cluster, edge) = lively().await;
    let files = [
        "README.md",
        "deploy/README.md",
        "deploy/runbook.md",
        "deploy/prometheus/alerts.yaml",
        "deploy/prometheus/alerts_test.yaml",
        "deploy/grafana/dashboard.json",
    ];
    // What the sweeper does is there once it has done it.
    until("the core has every metric", SOON, async || {
        let text = cluster.core.metrics_text().await + &edge.process.metrics_text().await;
        let there = names(&text);
        let missing: Vec<String> = files
            .iter()
            .flat_map(|file| {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                let text = std::fs::read_to_string(path).expect(file);
                let named = names(&text).into_iter();
                let missing = named.filter(|name| !there.contains(name));
                missing
                    .map(|name| format!("{file}: {name}"))
                    .collect::<Vec<_>>()
            })
            .collect();
        if !missing.is_empty() {
            println!("not there: {missing:?}");
        }
        missing.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_fire_when_the_core_is_gone_and_rest_when_it_is_back() {
    let mut cluster = Cluster::start().await;
    let edges = [cluster.edge(&[]).await, cluster.edge(&[]).await];
    let ops = [
        edges[0].process.ops_address(),
        edges[1].process.ops_address(),
    ];
    let core = cluster.core.ops_address();
    let Some(prometheus) = Prometheus::watching(core, &ops).await else {
        return;
    };
    prometheus.sees(3).await;
    prometheus.fires(&[]).await;
    cluster.core.kill();
    prometheus
        .fires(&["ParterreCoreDown", "ParterreEdgeStale"])
        .await;
    cluster.restart();
    cluster.core.ready().await;
    prometheus.fires(&[]).await;
}

/// Every name of a metric in a text.
fn names(text: &str) -> BTreeSet<String> {
    let part = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
    let names = text.split(part).filter(|word| {
        let owner = ["core", "edge", "process", "build"];
        let rest = word.strip_prefix("parterre_");
        rest.and_then(|rest| rest.split_once('_'))
            .is_some_and(|(who, what)| owner.contains(&who) && !what.is_empty())
    });
    names.map(str::to_owned).collect()
}
