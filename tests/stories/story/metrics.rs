//! What a server counts, as operators read it.

use std::collections::BTreeMap;

use super::Process;

/// All metrics of a process at one moment.
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub(super) async fn of(process: &Process) -> Self {
        let text = process.metrics_text().await;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let rows = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(rows.collect())
    }

    /// A metric by its name and labels; 0 for one that was never counted.
    pub(crate) fn get(&self, name: &str) -> f64 {
        let family = name.split('{').next().unwrap_or(name);
        assert!(
            name != family || self.0.keys().any(|known| known.starts_with(family)),
            "there is no metric {family}"
        );
        self.0.get(name).copied().unwrap_or(0.0)
    }
}
