//! The edge's WebSocket against the cases of the Autobahn test suite that apply to it:
//! groups 1 to 7 and 10, case by case under the suite's numbers, on raw sockets. What must
//! come of each is what the suite wants and what tungstenite's published results show.
//!
//! The suite expects an echo. This server is none, but a JSON message with an unknown op
//! is answered by an error that quotes it, and that proves as much: the message came
//! whole. Messages over the edge's limit, 4 KiB where the suite goes up to 256, must be
//! refused as too big.

#![expect(clippy::unwrap_used, reason = "a test's own functions may fail it")]

mod closing;
mod fragments;
mod framing;
mod utf8;
mod wire;

use wire::{Case, run};

/// Cases that a case's group has in the suite.
const GROUPS: [(&str, usize); 44] = [
    ("1.1", 8),
    ("1.2", 8),
    ("2", 11),
    ("3", 7),
    ("4.1", 5),
    ("4.2", 5),
    ("5", 20),
    ("6.1", 3),
    ("6.2", 4),
    ("6.3", 2),
    ("6.4", 4),
    ("6.5", 5),
    ("6.6", 11),
    ("6.7", 4),
    ("6.8", 2),
    ("6.9", 4),
    ("6.10", 3),
    ("6.11", 5),
    ("6.12", 8),
    ("6.13", 5),
    ("6.14", 10),
    ("6.15", 1),
    ("6.16", 3),
    ("6.17", 5),
    ("6.18", 5),
    ("6.19", 5),
    ("6.20", 7),
    ("6.21", 8),
    ("6.22", 34),
    ("6.23", 7),
    ("7.1", 6),
    ("7.3", 6),
    ("7.5", 1),
    ("7.7", 13),
    ("7.9", 9),
    ("7.13", 2),
    ("10.1", 1),
    // Of our own.
    ("limit", 4),
    ("order", 2),
    ("masks", 2),
    ("length", 4),
    ("codes", 5),
    ("msgpack", 2),
    ("flood", 1),
];

fn all() -> Vec<Case> {
    [
        framing::cases(),
        fragments::cases(),
        utf8::cases(),
        closing::cases(),
    ]
    .concat()
}

#[test]
fn every_case_of_the_suite_ends_as_it_should() {
    let wrong: Vec<String> = all().iter().filter_map(|case| run(case).err()).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_case_of_the_suite_is_left_out() {
    let mut expected: Vec<String> = GROUPS
        .iter()
        .flat_map(|(group, cases)| (1..=*cases).map(move |case| format!("{group}.{case}")))
        .collect();
    let mut there: Vec<String> = all().into_iter().map(|case| case.name).collect();
    expected.sort_unstable();
    there.sort_unstable();
    assert_eq!(there, expected);
}
