//! A report on a terminal.

use std::fmt;

use super::Report;
use crate::numbers::Micros;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        writeln!(f, "{}: {}", subject.scenario, subject.question)?;
        let processes = match subject.processes {
            1 => "one process".to_owned(),
            several => format!("{several} processes"),
        };
        if let Some(seed) = subject.seed {
            write!(f, "seed {seed}, ")?;
        }
        write!(f, "{} s, {processes}", subject.seconds)?;
        for (what, value) in &subject.chosen {
            write!(f, "; {what} {value}")?;
        }
        writeln!(f, "\n")?;
        let widest = self.findings.iter().map(|(what, _)| what.chars().count());
        let widest = widest.max().unwrap_or(0);
        for (what, found) in &self.findings {
            writeln!(f, "  {what:<widest$}  {found}")?;
        }
        self.latencies(f)?;
        for (title, counts) in [("counted", &self.counted), ("refusals", &self.refusals)] {
            if !counts.is_empty() {
                writeln!(f, "\n{title}")?;
            }
            for (what, count) in counts {
                writeln!(f, "  {count:>9}  {what}")?;
            }
        }
        self.server(f)?;
        if self.agrees() {
            return writeln!(f, "\nEverything agrees.");
        }
        writeln!(f, "\n{} DISAGREEMENTS", self.disagreements)?;
        for said in &self.said {
            writeln!(f, "  {said}")?;
        }
        Ok(())
    }
}

impl Report {
    fn latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, p999, max] = ["p50", "p90", "p99", "p99.9", "max"];
        writeln!(
            f,
            "\n{:<34}{p50:>9}{p90:>9}{p99:>9}{p999:>9}{max:>9}{:>9}",
            "took, from when it was due", "count"
        )?;
        for took in &self.took {
            write!(f, "  {:<32}", took.what)?;
            for micros in [
                took.p50_micros,
                took.p90_micros,
                took.p99_micros,
                took.p999_micros,
                took.max_micros,
            ] {
                write!(f, " {}", Micros(micros))?;
            }
            writeln!(f, "{:>9}", took.count)?;
        }
        Ok(())
    }

    fn server(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = &self.server;
        if !server.cpu_percent.is_empty() || !server.unseen.is_empty() {
            writeln!(f, "\nserver")?;
        }
        for (name, samples) in &server.cpu_percent {
            let (mean, most) = mean_and_most(samples);
            write!(f, "  {name}: CPU {mean:.0} % of a core, at most {most:.0}")?;
            let memory = server.resident_mib.get(name);
            let (_, most) = mean_and_most(memory.map_or(&[], Vec::as_slice));
            writeln!(f, "; at most {most:.0} MiB resident")?;
        }
        for unseen in &server.unseen {
            writeln!(f, "  not seen: {unseen}")?;
        }
        let (_, stalest) = mean_and_most(&self.staleness);
        if stalest > 0.0 {
            writeln!(f, "  stale by up to {stalest:.1} s")?;
        }
        Ok(())
    }
}

fn mean_and_most(samples: &[(u32, f64)]) -> (f64, f64) {
    let count = u32::try_from(samples.len().max(1)).unwrap_or(u32::MAX);
    let values = samples.iter().map(|(_, value)| *value);
    let most = values.clone().fold(0.0, f64::max);
    (values.sum::<f64>() / f64::from(count), most)
}
