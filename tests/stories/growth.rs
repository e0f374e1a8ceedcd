//! What everything costs as there is more of it: a short run shows every size, as text, for
//! a program and as a picture. Timings are nobody's business here.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const ROWS: [&str; 11] = [
    "server CPU for a cached read of an event, µs",
    "bytes of its body",
    "server CPU for a cached read of its availability, µs",
    "bytes of that body",
    "server CPU for a delivery, µs",
    "the same by a bare send() loop, µs",
    "changes that a delivery brings",
    "server CPU for a reservation, µs",
    "from a reservation until its 201, p50, ms",
    "from a reservation until its 201, p99, ms",
    "memory of the server, KiB",
];
/// Two of the four, so that it is short.
const AXES: [&str; 2] = ["tickets", "clients"];

#[test]
fn every_size_is_measured_and_shown() {
    let cores = std::thread::available_parallelism();
    if cores.is_ok_and(|cores| cores.get() < 2) {
        println!("skipped: it takes two cores");
        return;
    }
    for tool in ["taskset", "setpriv"] {
        if crate::story::tool(tool).is_none() {
            return;
        }
    }
    let folder = TempDir::new().expect("a folder");
    let (json, svg) = (folder.path().join("json"), folder.path().join("svg"));
    let run = Command::new(env!("CARGO_BIN_EXE_parterre"))
        .args(["loadtest", "growth", "--seconds", "1", "--rounds", "1"])
        .args(["--times", "1,2", "--axis", AXES[0], "--axis", AXES[1]])
        .args([&"--json".into(), &json, &"--svg".into(), &svg])
        .env("TMPDIR", folder.path())
        .output()
        .expect("the binary can be run");
    let text = String::from_utf8_lossy(&run.stdout);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{text}{said}");
    for row in ROWS {
        let shown = text.matches(&format!("| {row} ")).count();
        assert_eq!(shown, AXES.len(), "{row} in {text}");
    }
    for axis in AXES {
        let found = format!("- {axis} × 2: a delivery ");
        assert!(text.contains(&found), "{found:?} isn't in {text}");
    }
    let read = |path| std::fs::read_to_string(path).expect("it is written");
    let report: Value = serde_json::from_str(&read(json)).expect("JSON");
    let sizes = report["sizes"].as_array().expect("sizes");
    assert_eq!(sizes.len(), 1 + AXES.len());
    for size in sizes {
        let figures = size["figures"].as_object().expect("figures");
        assert_eq!(figures.len(), ROWS.len(), "{size}");
    }
    // Tickets are bytes of an availability, and a change is on every screen.
    assert!(sizes[1]["ratios"]["availability_bytes"]["median"].as_f64() > Some(1.5));
    assert_eq!(sizes[2]["size"]["clients"], 200);
    let svg = read(svg);
    assert_eq!(svg.matches("<g transform").count(), 6, "{svg}");
    for axis in AXES {
        assert!(svg.contains(&format!(">{axis} ")), "{axis} in {svg}");
    }
}
