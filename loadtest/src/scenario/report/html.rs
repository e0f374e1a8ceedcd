//! A report as one page: inline CSS and SVG, nothing fetched, no script. Each plot has its
//! numbers beside it in a table.

use std::fmt::Display;

use super::{Report, SoFar, Took};
use crate::numbers::Micros;
use crate::plot::{Axis, COLOURS, Line, Scale, escaped, plot};

const STYLE: &str = include_str!("page.css");

const SECONDS: Axis = Axis {
    label: "seconds of the run",
    scale: Scale::Even,
    write: plain,
};
const QUANTILES: Axis = Axis {
    label: "share of them, closing in on all",
    scale: Scale::Quantile,
    write: percent,
};
const TOOK: Axis = Axis {
    label: "took at most",
    scale: Scale::Log,
    write: duration,
};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let subject = &report.subject;
    let seed = subject.seed.map(|seed| format!(", seed {seed}"));
    let title = format!("{}{}", subject.scenario, seed.unwrap_or_default());
    let body = [
        verdict(report),
        findings(report),
        latencies(report),
        so_far(report),
        by_quantile(report),
        report.main().map(over_time).collect(),
        throughput(report),
        staleness(report),
        server(report),
        counts(report),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Load test: {title}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<header>\n<p class=\"kicker\">parterre loadtest {}</p>\n<h1>{}</h1>\n\
         </header>\n{}</main>\n</body>\n</html>\n",
        crate::plot::STYLE,
        subject.scenario,
        escaped(subject.question),
        body.concat()
    )
}

fn verdict(report: &Report) -> String {
    if report.agrees() {
        return "<p class=\"verdict good\">Everything agrees.</p>\n".to_owned();
    }
    let said = report
        .said
        .iter()
        .map(|said| format!("<li>{}</li>\n", escaped(said)));
    format!(
        "<section class=\"verdict bad\"><h2>{} disagreements</h2>\n<ul>\n{}</ul></section>\n",
        report.disagreements,
        said.collect::<String>()
    )
}

fn findings(report: &Report) -> String {
    let row = |(what, found): (&str, &str)| {
        format!("<dt>{}</dt><dd>{}</dd>\n", escaped(what), escaped(found))
    };
    let found = report
        .findings
        .iter()
        .map(|(what, found)| row((what, found)));
    let subject = &report.subject;
    let chosen = subject.chosen.iter();
    let chosen = chosen.map(|(what, value)| row((what, value)));
    let seed = subject.seed.map(|seed| ("seed", seed.to_string()));
    let run = [
        ("lasted", format!("{} s", subject.seconds)),
        ("processes of the crowd", subject.processes.to_string()),
    ];
    let run: Vec<_> = seed.into_iter().chain(run).collect();
    let run = run.iter().map(|(what, value)| row((what, value)));
    format!(
        "<section><h2>Found</h2>\n<dl class=\"found\">\n{}</dl>\n\
         <details><summary>What was run</summary>\n<dl>\n{}</dl></details></section>\n",
        found.collect::<String>(),
        chosen.chain(run).collect::<String>()
    )
}

fn latencies(report: &Report) -> String {
    let rows = report.took.iter().map(|took| {
        let micros = [
            took.p50_micros,
            took.p90_micros,
            took.p99_micros,
            took.p999_micros,
            took.max_micros,
        ];
        let mut cells = vec![took.what.clone()];
        cells.extend(micros.map(|micros| Micros(micros).to_string()));
        cells.push(took.count.to_string());
        cells
    });
    let heads = ["", "p50", "p90", "p99", "p99.9", "max", "count"];
    format!(
        "<section><h2>How long things took, from when they were due</h2>\n{}</section>\n",
        table(&heads, rows)
    )
}

/// How many had what everybody wanted at once, by when.
fn so_far(report: &Report) -> String {
    let seconds = |micros: u64| micros.number() / 1e6;
    let line = |of: &SoFar| Line {
        name: of.what.clone(),
        points: points(of.points.iter().map(|(at, count)| (seconds(*at), *count))),
    };
    let lines: Vec<Line> = report.at_once.iter().map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    let rows = report.at_once.iter().flat_map(|of| {
        let thinned = of.points.iter().step_by(of.points.len().div_ceil(20));
        thinned.map(|(at, count)| vec![of.what.clone(), Micros(*at).to_string(), count.to_string()])
    });
    let since = Axis {
        label: "seconds since that instant",
        ..SECONDS
    };
    let people = Axis {
        label: "people so far",
        scale: Scale::Even,
        write: plain,
    };
    let title = "How many so far, from the instant at which all began";
    figure(
        title,
        &plot(title, since, people, &lines),
        &table(&["", "after", "people"], rows),
    )
}

fn by_quantile(report: &Report) -> String {
    // What the scenario is about first, then the others while there are colours.
    let mut shown: Vec<&Took> = report.foremost().collect();
    let is_other = |took: &&Took| !report.foremost().any(|shown| shown.what == took.what);
    shown.extend(report.took.iter().filter(is_other));
    shown.truncate(COLOURS);
    let line = |took: &&Took| Line {
        name: took.what.clone(),
        points: points(took.by_quantile.iter().map(|(at, micros)| (*at, *micros))),
    };
    let lines: Vec<Line> = shown.iter().map(line).collect();
    let rows = shown.iter().flat_map(|took| {
        let quantiles = took.by_quantile.iter().step_by(4);
        quantiles.map(|(at, micros)| {
            let share = format!("{:.5} %", at * 100.0);
            vec![took.what.clone(), share, Micros(*micros).to_string()]
        })
    });
    figure(
        "Latency by percentile",
        &plot("Latency by percentile", QUANTILES, TOOK, &lines),
        &table(&["", "share", "took at most"], rows),
    )
}

fn over_time(took: &Took) -> String {
    let seconds = || took.by_second.iter();
    let line = |name: &str, points| Line {
        name: name.to_owned(),
        points,
    };
    let lines = [
        line(
            "p50",
            points(seconds().map(|of| (of.second, of.p50_micros))),
        ),
        line(
            "p99",
            points(seconds().map(|of| (of.second, of.p99_micros))),
        ),
        line(
            "max",
            points(seconds().map(|of| (of.second, of.max_micros))),
        ),
    ];
    let rows = seconds().map(|of| {
        let micros = [of.p50_micros, of.p99_micros, of.max_micros];
        let mut cells = vec![of.second.to_string()];
        cells.extend(micros.map(|micros| Micros(micros).to_string()));
        cells.push(of.count.to_string());
        cells
    });
    let title = format!("{}, by the second it was due in", capital(&took.what));
    let heads = ["second", "p50", "p99", "max", "count"];
    figure(
        &title,
        &plot(&title, SECONDS, TOOK, &lines),
        &table(&heads, rows),
    )
}

fn throughput(report: &Report) -> String {
    let seconds = || report.throughput.iter();
    let lines = [
        Line {
            name: "due".to_owned(),
            points: points(seconds().map(|of| (of.second, of.due))),
        },
        Line {
            name: "done".to_owned(),
            points: points(seconds().map(|of| (of.second, of.done))),
        },
    ];
    let rows = seconds().map(|of| vec![u64::from(of.second), of.due, of.done]);
    let a_second = Axis {
        label: "a second",
        scale: Scale::Even,
        write: plain,
    };
    let title = "Throughput: what was due and what was done";
    let heads = ["second", "due", "done"];
    figure(
        title,
        &plot(title, SECONDS, a_second, &lines),
        &table(&heads, rows),
    )
}

fn staleness(report: &Report) -> String {
    let line = Line {
        name: "the stalest".to_owned(),
        points: points(report.staleness.iter().copied()),
    };
    let title = "Staleness: how old the oldest answer or edge said that it is";
    let seconds = Axis {
        label: "seconds",
        scale: Scale::Even,
        write: plain,
    };
    if report.staleness.is_empty() {
        let said = "<p>No answer was marked stale, and no edge's metrics were read.</p>\n";
        return format!("<section><h2>{title}</h2>\n{said}</section>\n");
    }
    let rows = report.staleness.iter();
    let rows = rows.map(|(second, stale)| vec![second.to_string(), format!("{stale:.2}")]);
    figure(
        title,
        &plot(title, SECONDS, seconds, &[line]),
        &table(&["second", "seconds"], rows),
    )
}

fn server(report: &Report) -> String {
    let share = Axis {
        label: "% of one core",
        scale: Scale::Even,
        write: plain,
    };
    let memory = Axis {
        label: "MiB",
        scale: Scale::Even,
        write: plain,
    };
    let server = &report.server;
    let plots = [
        ("The server's CPU time", share, &server.cpu_percent),
        ("The server's resident memory", memory, &server.resident_mib),
    ];
    if server.cpu_percent.is_empty() {
        let said = "The server's processes weren't watched: name them with <code>--pid</code>.";
        return format!("<section><h2>The server</h2>\n<p>{said}</p></section>\n");
    }
    let drawn = plots.map(|(title, axis, samples)| {
        let line = |(name, samples): (&String, &Vec<(u32, f64)>)| Line {
            name: name.clone(),
            points: points(samples.iter().copied()),
        };
        let lines: Vec<Line> = samples.iter().map(line).collect();
        let rows = samples.iter().flat_map(|(name, samples)| {
            samples.iter().map(move |(second, value)| {
                vec![name.clone(), second.to_string(), format!("{value:.1}")]
            })
        });
        let heads = ["", "second", axis.label];
        figure(
            title,
            &plot(title, SECONDS, axis, &lines),
            &table(&heads, rows),
        )
    });
    drawn.concat()
}

fn counts(report: &Report) -> String {
    let rows = |title: &'static str, counts: &std::collections::BTreeMap<String, u64>| {
        if counts.is_empty() {
            return String::new();
        }
        let rows = counts
            .iter()
            .map(|(what, count)| vec![what.clone(), count.to_string()]);
        let table = table(&["", "count"], rows);
        format!("<section><h2>{title}</h2>\n{table}</section>\n")
    };
    rows("Counted", &report.counted) + &rows("Refusals", &report.refusals)
}

fn figure(title: &str, plot: &str, table: &str) -> String {
    format!(
        "<figure><figcaption><h2>{}</h2></figcaption>\n{plot}\
         <details><summary>The same as a table</summary>\n{table}</details></figure>\n",
        escaped(title)
    )
}

/// A table whose first column names the row where its head is empty.
fn table<T: Display>(heads: &[&str], rows: impl Iterator<Item = Vec<T>>) -> String {
    let heads = heads
        .iter()
        .map(|head| format!("<th scope=\"col\">{head}</th>"));
    let rows = rows.map(|cells| {
        let cell = |text: &T| format!("<td>{}</td>", escaped(text.to_string().trim()));
        format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>())
    });
    format!(
        "<div class=\"table\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        heads.collect::<String>(),
        rows.collect::<String>()
    )
}

/// Whole numbers and others as a plot takes them.
fn points<X: Number, Y: Number>(pairs: impl Iterator<Item = (X, Y)>) -> Vec<(f64, f64)> {
    pairs.map(|(x, y)| (x.number(), y.number())).collect()
}

trait Number {
    fn number(self) -> f64;
}

impl Number for f64 {
    fn number(self) -> f64 {
        self
    }
}

impl Number for u32 {
    fn number(self) -> f64 {
        self.into()
    }
}

impl Number for u64 {
    fn number(self) -> f64 {
        crate::scenario::outcome::whole(self)
    }
}

fn plain(value: f64) -> String {
    // Steps of a plot are round; what a float adds to them isn't meant.
    let rounded = (value * 1e6).round() / 1e6;
    rounded.to_string()
}

fn percent(quantile: f64) -> String {
    format!("{} %", plain(quantile * 100.0))
}

fn duration(micros: f64) -> String {
    match micros {
        ..1e3 => format!("{} µs", plain(micros)),
        ..1e6 => format!("{} ms", plain(micros / 1e3)),
        _ => format!("{} s", plain(micros / 1e6)),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
