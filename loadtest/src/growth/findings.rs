//! Where it bends, in words.

use super::figures::{Cost, Measured};
use crate::bench::Figure;

/// By how much a cost may grow.
const MAY_GROW: f64 = 1.1;
/// A body that is longer by more than this costs more to send.
const SAME_BODY: f64 = 1.01;
/// How large everything is judged: the targets are for this many times the base.
const JUDGED: u32 = 10;

/// What each cost does as each axis grows.
pub(super) fn findings(sizes: &[Measured]) -> Vec<String> {
    let Some((_, grown)) = sizes.split_first() else {
        return Vec::new();
    };
    let judged = grown.iter().filter(|size| is_judged(size, grown));
    let found = judged.flat_map(|size| {
        [
            read(size, Cost::Detail, Cost::DetailBytes),
            read(size, Cost::Availability, Cost::AvailabilityBytes),
            delivery(size),
            plain(size, Cost::Reservation),
            memory(size),
        ]
        .map(|found| format!("{}: {found}", named(size)))
    });
    found.collect()
}

/// Whether a size is ten times the base or, where none of its axis is, the least that is
/// larger.
fn is_judged(size: &Measured, grown: &[Measured]) -> bool {
    let times = grown.iter().filter(|other| other.axis == size.axis);
    let times: Vec<u32> = times.map(|other| other.times).collect();
    match times.contains(&JUDGED) {
        true => size.times == JUDGED,
        false => times.iter().min() == Some(&size.times),
    }
}

fn named(size: &Measured) -> String {
    let axis = size
        .axis
        .map_or_else(String::new, |axis| format!("{axis} × "));
    format!("{axis}{}", size.times)
}

fn short(cost: Cost) -> &'static str {
    match cost {
        Cost::Detail => "a read of an event",
        Cost::Availability => "a read of its availability",
        Cost::Reservation => "a reservation",
        Cost::Delivery => "a delivery",
        Cost::Memory => "memory",
        other => other.what(),
    }
}

/// What is said of a cost whose base is nothing, or less.
const NOISE: &str = "can't be told from noise";

fn plain(size: &Measured, cost: Cost) -> String {
    let short = short(cost);
    match size.ratios.get(&cost) {
        Some(ratio) => format!(
            "{short} costs {:.2} times the base's, {}",
            ratio.median,
            verdict(ratio)
        ),
        None => format!("{short} {NOISE}"),
    }
}

fn read(size: &Measured, cost: Cost, bytes: Cost) -> String {
    let said = plain(size, cost);
    match size.ratios.get(&bytes) {
        Some(longer) if longer.median > SAME_BODY => {
            format!("{said}; its body is {:.2} times as long", longer.median)
        }
        Some(_) | None => said,
    }
}

/// A delivery beside the bare loop, which shows what sending itself costs there.
fn delivery(size: &Measured) -> String {
    let ratios = (
        size.ratios.get(&Cost::Delivery),
        size.ratios.get(&Cost::Loop),
        &size.beyond,
    );
    let (Some(own), Some(bare), Some(beyond)) = ratios else {
        return format!("a delivery {NOISE}");
    };
    format!(
        "a delivery costs {:.2} times the base's, and one of the bare loop {:.2} times: beyond \
         that {:.2} times, {}",
        own.median,
        bare.median,
        beyond.median,
        verdict(beyond)
    )
}

fn memory(size: &Measured) -> String {
    match size.ratios.get(&Cost::Memory) {
        Some(ratio) => format!("memory is {:.2} times the base's", ratio.median),
        None => format!("memory {NOISE}"),
    }
}

/// What a ratio means.
fn verdict(ratio: &Figure) -> &'static str {
    match ratio.median {
        ..=0.0 => "less than can be told from noise",
        ..=MAY_GROW => "within 10 %",
        _ if ratio.least <= MAY_GROW => "beyond 10 %, but not in every round",
        _ => "beyond 10 %",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::plan::{Axis, BASE};
    use super::*;

    fn size(axis: Option<Axis>, times: u32, ratios: &[(Cost, [f64; 3])]) -> Measured {
        let ratios: BTreeMap<_, _> = ratios
            .iter()
            .map(|(cost, rounds)| (*cost, Figure::of(rounds).unwrap()))
            .collect();
        Measured {
            axis,
            times,
            size: BASE,
            figures: BTreeMap::new(),
            beyond: None,
            ratios,
        }
    }

    fn found(grown: Measured) -> Vec<String> {
        findings(&[size(None, 1, &[]), grown])
    }

    fn check(ratios: &[(Cost, [f64; 3])], expected: &str) {
        let found = found(size(Some(Axis::Clients), 10, ratios));
        let expected = format!("clients × 10: {expected}");
        assert!(found.contains(&expected), "{expected:?} isn't in {found:?}");
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn a_cost_is_held_against_the_base_of_its_round() {
        let reservation = |rounds, expected: &str| {
            let said = format!("a reservation costs {expected}");
            check(&[(Cost::Reservation, rounds)], &said);
        };
        reservation([0.9, 1.09, 1.5], "1.09 times the base's, within 10 %");
        reservation(
            [1.05, 1.3, 1.4],
            "1.30 times the base's, beyond 10 %, but not in every round",
        );
        reservation([1.2, 1.5, 1.6], "1.50 times the base's, beyond 10 %");
        let less = "-0.10 times the base's, less than can be told from noise";
        reservation([-0.2, -0.1, 0.1], less);
        check(&[], "a reservation can't be told from noise");
    }

    #[test]
    fn a_longer_body_is_said() {
        let said = "a read of an event costs 1.00 times the base's, within 10 %";
        let read = (Cost::Detail, [1.0; 3]);
        check(&[read, (Cost::DetailBytes, [1.0; 3])], said);
        let longer = format!("{said}; its body is 90.00 times as long");
        check(&[read, (Cost::DetailBytes, [90.0; 3])], &longer);
    }

    #[test]
    fn a_delivery_may_grow_as_sending_does() {
        let ratios = [(Cost::Delivery, [2.0; 3]), (Cost::Loop, [1.9; 3])];
        let mut grown = size(Some(Axis::Clients), 10, &ratios);
        grown.beyond = Figure::of(&[1.04, 1.05, 1.2]);
        let said = "clients × 10: a delivery costs 2.00 times the base's, and one of the bare \
                    loop 1.90 times: beyond that 1.05 times, within 10 %";
        assert!(found(grown).contains(&said.to_owned()));
        check(&ratios, "a delivery can't be told from noise");
    }

    #[test]
    fn ten_times_is_judged_or_else_the_least() {
        let check = |times: &[u32], expected| {
            let grown = times.iter();
            let grown: Vec<_> = grown
                .map(|times| size(Some(Axis::Events), *times, &[]))
                .collect();
            let judged = grown.iter().filter(|size| is_judged(size, &grown));
            let judged: Vec<u32> = judged.map(|size| size.times).collect();
            assert_eq!(judged, [expected], "{times:?}");
        };
        check(&[2, 10, 100], 10);
        check(&[3, 100], 3);
    }
}
