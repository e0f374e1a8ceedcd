//! What review would say twice, said by a test instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a file before its tests. Longer ones have a part that wants a name.
const LINES: usize = 400;
/// Lines of a file in all.
const LINES_WITH_TESTS: usize = 600;
/// A list that is worth more whole than short.
const LIST: &str = "domain/src/limits.rs";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn files_are_short() {
    let long = sources().into_iter().filter_map(|(path, text)| {
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
        let (code, all) = (code.count(), text.lines().count());
        let may_be_longer = path.contains("tests") || path == LIST;
        let over = all > LINES_WITH_TESTS || (code > LINES && !may_be_longer);
        over.then(|| format!("{path}: {code} lines of code, {all} in all"))
    });
    none(long, "split it where a name appears");
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file doesn't name them itself.
    let open = ["todo!", "unimplemented!", "dbg!"].map(|name| format!("{name}("));
    let found = lines().filter(|(_, line)| open.iter().any(|mark| line.contains(mark)));
    none(
        found.map(shown),
        "finish it or write down what is missing where a reader looks for it",
    );
}

#[test]
fn one_word_names_one_thing() {
    let files = sources().into_iter().filter_map(|(path, _)| {
        let vague = [
            "util", "utils", "common", "helper", "helpers", "manager", "misc",
        ];
        let mut parts = path.split(['/', '.']);
        parts.any(|part| vague.contains(&part)).then_some(path)
    });
    none(files, "name it after what it does");
    let synonym = ["book", "ing"].concat();
    let words = lines().filter(|(_, line)| line.to_lowercase().contains(&synonym));
    none(words.map(shown), "it is called a reservation");
}

#[test]
fn libraries_print_nothing() {
    let found = lines().filter(|(place, line)| {
        let library = ["domain/src", "core/src", "edge/src"];
        let prints = ["println!(", "print!("]
            .map(|call| line.trim_start().trim_start_matches('e').starts_with(call));
        library.iter().any(|folder| place.starts_with(folder))
            && !place.contains("tests")
            && prints.contains(&true)
    });
    none(found.map(shown), "return it, or log it with tracing");
}

#[test]
fn two_places_are_unsafe() {
    // Put together here, so that this file doesn't say it itself.
    let marks = [["unsafe", "_code"].concat(), ["unsafe", " {"].concat()];
    let unsafe_lines = lines().filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
    let known = ["core/src/store/fdb/network.rs", "edge/src/live/batch.rs"];
    let elsewhere =
        unsafe_lines.filter(|(place, _)| !known.iter().any(|known| place.starts_with(known)));
    none(
        elsewhere.map(shown),
        "only FoundationDB's client is started so, and only io_uring sends so; find a way without",
    );
}

#[test]
fn edge_and_core_never_meet() {
    let pairs = [
        ("edge", "parterre_core"),
        ("core", "parterre_edge"),
        ("loadtest", "parterre_core"),
        ("loadtest", "parterre_edge"),
    ];
    let found = lines().filter(|(place, line)| {
        let crosses = |(folder, name): &(&str, &str)| {
            place.starts_with(&format!("{folder}/src")) && line.contains(name)
        };
        pairs.iter().any(crosses)
    });
    none(
        found.map(shown),
        "what both need belongs to the domain; a load tester sees what a customer sees",
    );
}

#[test]
fn every_crate_opens_with_a_map() {
    let closed = sources().into_iter().filter(|(path, text)| {
        (path.ends_with("src/lib.rs") || path == "src/main.rs") && !text.starts_with("//! ")
    });
    none(
        closed.map(|(path, _)| path),
        "say what it does, what it refuses to do and where to begin reading",
    );
}

#[test]
fn every_limit_says_what_it_bounds() {
    let (_, limits) = sources()
        .into_iter()
        .find(|(path, _)| path == "domain/src/limits.rs")
        .expect("domain/src/limits.rs");
    let lines: Vec<&str> = limits.lines().collect();
    let bare = lines
        .windows(2)
        .filter(|pair| pair[1].starts_with("pub const") && !pair[0].starts_with("///"));
    none(
        bare.map(|pair| pair[1].to_owned()),
        "document it, with its unit",
    );
}

#[test]
fn readmes_limits_are_those_of_the_code() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README.md");
    let section = readme
        .split("\n## ")
        .find(|text| text.starts_with("Limits"));
    let rows: Vec<Vec<&str>> = section
        .expect("a section about limits")
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells.len() == 5 && cells[3].starts_with('`'))
        .collect();
    let marked = marked_limits();
    assert!(marked.len() > 50, "{marked:?}");
    let wrong = marked.iter().filter_map(|(name, value)| {
        let named = format!("`{name}`");
        let row = rows.iter().find(|cells| cells[3].contains(&named));
        // Among spaces, so that 100 isn't found in 1000.
        let says = |cells: &&Vec<&str>| {
            let values = format!(" {} ", cells[2].replace(", ", " "));
            values.contains(&format!(" {value} "))
        };
        let right = row.as_ref().is_some_and(says);
        (!right).then(|| format!("{name} is {value}, in {row:?}"))
    });
    none(wrong, "a limit that is marked README has a row there");
    let known = |name: &&str| marked.iter().any(|(known, _)| known == name);
    let names = rows.iter().flat_map(|cells| cells[3].split(' '));
    let unknown = names.filter(|name| !known(&name.trim_matches('`')));
    none(
        unknown.map(str::to_owned),
        "README names it; limits.rs doesn't mark it",
    );
}

/// Every bound that is marked for README: its name, and its value as README writes it.
fn marked_limits() -> Vec<(String, String)> {
    let path = Path::new(ROOT).join("domain/src/limits.rs");
    let limits = fs::read_to_string(path).expect("domain/src/limits.rs");
    let marked = limits
        .lines()
        .filter_map(|line| line.strip_suffix("; // README"));
    let read = marked.map(|line| {
        let parts = line.strip_prefix("pub const ").and_then(|rest| {
            let (name, rest) = rest.split_once(": ")?;
            Some((name.to_owned(), written(rest.split_once(" = ")?.1)?))
        });
        parts.unwrap_or_else(|| panic!("how does README write this? {line}"))
    });
    read.collect()
}

/// How README writes a value of `limits.rs`.
fn written(value: &str) -> Option<String> {
    if let Some((least, most)) = value.split_once("..=") {
        return Some(format!("{} to {}", written(least)?, written(most)?));
    }
    if let Some((number, shift)) = value.split_once(" << ") {
        let unit = match shift {
            "10" => "KiB",
            "20" => "MiB",
            _ => return None,
        };
        return Some(format!("{} {unit}", written(number)?));
    }
    let inside = |before: &str, behind| value.strip_prefix(before)?.strip_suffix(behind);
    if let Some(hours) = inside("Duration::from_secs(", " * 3600)") {
        return Some(format!("{hours} h"));
    }
    if let Some(seconds) = inside("Duration::from_secs(", ")") {
        return Some(format!("{seconds} s"));
    }
    let number = inside("NonZeroU32::new(", ").unwrap()").unwrap_or(value);
    let is_number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_');
    is_number.then(|| number.replace('_', ","))
}

#[test]
fn every_metric_is_the_projects_own() {
    let made = [
        "Opts::new(",
        "Gauge::new(",
        "Counter::new(",
        "GaugeVec::new(",
        "CounterVec::new(",
    ];
    let sources = sources()
        .into_iter()
        .filter(|(path, _)| !path.contains("tests"));
    let strangers = sources.flat_map(|(path, text)| {
        let names = made.iter().flat_map(|call| text.split(call).skip(1));
        let named = names.filter_map(|rest| {
            let name = rest
                .trim_start()
                .trim_start_matches("format!(")
                .strip_prefix('"')?;
            let name: String = name.chars().take_while(|letter| *letter != '"').collect();
            (!name.starts_with("parterre_")).then_some(name)
        });
        named
            .map(|name| format!("{path}: {name}"))
            .collect::<Vec<_>>()
    });
    none(strangers, "metric names start with parterre_");
}

#[test]
fn readme_names_every_command_and_every_flag() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README.md");
    let missing = commands().into_iter().flat_map(|command| {
        // The load tester's commands and flags are in its own help.
        let own = command.first().is_some_and(|name| name == "loadtest");
        let (command, flags) = match own {
            true => (&command[..1], Vec::new()),
            false => (&command[..], flags(&help(&command))),
        };
        let whole = format!("parterre {}", command.join(" "));
        std::iter::once(whole.clone())
            .chain(flags.into_iter().map(|flag| format!("`{flag}`")))
            .filter(|name| !readme.contains(name.as_str()))
            .map(|name| format!("{whole}: {name}"))
            .collect::<Vec<_>>()
    });
    none(missing, "README doesn't name it");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = files(Path::new(ROOT))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let broken = documents.flat_map(|path| {
        let text = fs::read_to_string(&path).expect("a readable document");
        let folder = path.parent().expect("a folder").to_owned();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let local = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
        local
            .filter(|target| {
                !folder
                    .join(target.split('#').next().unwrap_or(target))
                    .exists()
            })
            .map(|target| format!("{}: {target}", name(&path)))
            .collect::<Vec<_>>()
    });
    none(broken, "the link leads nowhere");
}

/// Fails with every finding and how to mend them.
fn none(findings: impl Iterator<Item = String>, mend: &str) {
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "{mend}\n  {}", findings.join("\n  "));
}

/// Every Rust file of the workspace: its path from the root, and its text.
fn sources() -> Vec<(String, String)> {
    let rust = files(Path::new(ROOT))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let sources: Vec<_> = rust
        .map(|path| {
            (
                name(&path),
                fs::read_to_string(&path).expect("a readable file"),
            )
        })
        .collect();
    assert!(sources.len() > 20, "the workspace wasn't found in {ROOT}");
    sources
}

/// Every line of Rust beside its place.
fn lines() -> impl Iterator<Item = (String, String)> {
    sources().into_iter().flat_map(|(path, text)| {
        let numbered = (1..).zip(text.lines());
        numbered
            .map(|(number, line)| (format!("{path}:{number}"), line.to_owned()))
            .collect::<Vec<(String, String)>>()
    })
}

fn shown((place, line): (String, String)) -> String {
    format!("{place}: {}", line.trim())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let skipped = |path: &PathBuf| {
        ["target", "data", ".git"]
            .iter()
            .any(|name| path.ends_with(name))
    };
    paths
        .filter(|path| !skipped(path))
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn name(path: &Path) -> String {
    let inside = path.strip_prefix(ROOT).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}

/// Every command of the binary that has none below it.
fn commands() -> Vec<Vec<String>> {
    let mut open = vec![Vec::new()];
    let mut found = Vec::new();
    while let Some(command) = open.pop() {
        let below = below(&help(&command));
        if below.is_empty() {
            found.push(command);
        } else {
            open.extend(
                below
                    .into_iter()
                    .map(|name| [command.clone(), vec![name]].concat()),
            );
        }
    }
    assert!(found.len() > 4, "{found:?}");
    found
}

fn help(command: &[String]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_parterre"))
        .args(command)
        .arg("--help")
        .output();
    String::from_utf8(run.expect("the binary").stdout).expect("text")
}

/// The names under `Commands:`.
fn below(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    listed
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

fn flags(help: &str) -> Vec<String> {
    let words = help
        .lines()
        .flat_map(|line| line.split_whitespace().take(2));
    let flags = words.filter(|word| word.starts_with("--"));
    let mut flags: Vec<String> = flags
        .map(|flag| flag.trim_end_matches(',').to_owned())
        .collect();
    flags.retain(|flag| flag != "--help" && flag != "--version");
    flags.sort();
    flags.dedup();
    flags
}
