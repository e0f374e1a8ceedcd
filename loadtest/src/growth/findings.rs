//! Where it bends, in words.

use super::figures::{Cost, Measured};

/// By how much a cost may grow.
const MAY_GROW: f64 = 1.1;
/// A body that is longer by more than this costs more to send.
const SAME_BODY: f64 = 1.01;
/// How large everything is judged: the targets are for this many times the base.
const JUDGED: u32 = 10;

/// What each cost does as each axis grows.
pub(super) fn findings(sizes: &[Measured]) -> Vec<String> {
    let Some((base, grown)) = sizes.split_first() else {
        return Vec::new();
    };
    let judged = grown.iter().filter(|size| is_judged(size, grown));
    let found = judged.flat_map(|size| {
        let delivery = delivery(base, size);
        [
            read(base, size, Cost::Detail, Cost::DetailBytes),
            read(base, size, Cost::Availability, Cost::AvailabilityBytes),
            delivery,
            plain(base, size, Cost::Reservation),
            memory(size),
        ]
        .map(|found| found.map(|found| format!("{}: {found}", named(size))))
    });
    found.flatten().collect()
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

fn plain(base: &Measured, size: &Measured, cost: Cost) -> Option<String> {
    let ratio = size.ratios.get(&cost)?;
    let verdict = verdict(*ratio, least(base, size, cost)?);
    let short = short(cost);
    Some(format!(
        "{short} costs {ratio:.2} times the base's, {verdict}"
    ))
}

fn read(base: &Measured, size: &Measured, cost: Cost, bytes: Cost) -> Option<String> {
    let said = plain(base, size, cost)?;
    let longer = size.ratios.get(&bytes)?;
    if *longer <= SAME_BODY {
        return Some(said);
    }
    Some(format!("{said}; its body is {longer:.2} times as long"))
}

/// A delivery beside the bare loop, which shows what sending itself costs there.
fn delivery(base: &Measured, size: &Measured) -> Option<String> {
    let (ratio, bare) = (
        size.ratios.get(&Cost::Delivery)?,
        size.ratios.get(&Cost::Loop)?,
    );
    let most = most(base, size, Cost::Loop)?;
    let least = least(base, size, Cost::Delivery)? / most;
    let verdict = verdict(ratio / bare, least);
    Some(format!(
        "a delivery costs {ratio:.2} times the base's, and one of the bare loop {bare:.2} \
         times: beyond that {:.2} times, {verdict}",
        ratio / bare
    ))
}

fn memory(size: &Measured) -> Option<String> {
    let ratio = size.ratios.get(&Cost::Memory)?;
    Some(format!("memory is {ratio:.2} times the base's"))
}

/// The least ratio that rounds allow.
fn least(base: &Measured, size: &Measured, cost: Cost) -> Option<f64> {
    Some(size.figures.get(&cost)?.least / base.figures.get(&cost)?.most)
}

/// The largest ratio that rounds allow.
fn most(base: &Measured, size: &Measured, cost: Cost) -> Option<f64> {
    Some(size.figures.get(&cost)?.most / base.figures.get(&cost)?.least)
}

/// What a ratio means, which by some rounds may be as low as `least`.
fn verdict(ratio: f64, least: f64) -> &'static str {
    match ratio {
        ..=0.0 => "less than can be told from noise",
        ..=MAY_GROW => "within 10 %",
        _ if least <= MAY_GROW => "beyond 10 %, but no further than rounds differ",
        _ => "beyond 10 %",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::plan::{Axis, BASE};
    use super::*;
    use crate::bench::Figure;

    fn size(axis: Option<Axis>, times: u32, figures: &[(Cost, [f64; 3])]) -> Measured {
        let figures = figures.iter();
        let figures: BTreeMap<_, _> = figures
            .map(|(cost, rounds)| (*cost, Figure::of(rounds).unwrap()))
            .collect();
        Measured {
            axis,
            times,
            size: BASE,
            // Every cost of the base is 10.
            ratios: figures
                .iter()
                .map(|(cost, figure)| (*cost, figure.median / 10.0))
                .collect(),
            figures,
        }
    }

    fn check(cost: Cost, rounds: [f64; 3], more: &[(Cost, [f64; 3])], expected: &str) {
        let even = [9.0, 10.0, 11.0];
        let base: Vec<_> = Cost::ALL.iter().map(|cost| (*cost, even)).collect();
        let base = size(None, 1, &base);
        let grown = [&[(cost, rounds)], more].concat();
        let grown = size(Some(Axis::Clients), 10, &grown);
        let found = findings(&[base, grown]);
        assert_eq!(found, [format!("clients × 10: {expected}")]);
    }

    #[test]
    fn a_cost_is_held_against_the_base_and_how_far_rounds_differ() {
        let reservation = |rounds, expected: &str| {
            let said = format!("a reservation costs {expected}");
            check(Cost::Reservation, rounds, &[], &said);
        };
        reservation([9.0, 10.9, 15.0], "1.09 times the base's, within 10 %");
        reservation(
            [12.0, 13.0, 14.0],
            "1.30 times the base's, beyond 10 %, but no further than rounds differ",
        );
        reservation([14.0, 15.0, 16.0], "1.50 times the base's, beyond 10 %");
    }

    #[test]
    fn a_longer_body_is_said() {
        let same = [(Cost::DetailBytes, [10.0; 3])];
        let said = "a read of an event costs 1.00 times the base's, within 10 %";
        check(Cost::Detail, [10.0; 3], &same, said);
        let longer = [(Cost::DetailBytes, [900.0; 3])];
        let said = format!("{said}; its body is 90.00 times as long");
        check(Cost::Detail, [10.0; 3], &longer, &said);
    }

    #[test]
    fn a_delivery_may_grow_as_sending_does() {
        let bare = [(Cost::Loop, [18.0, 19.0, 19.0])];
        check(
            Cost::Delivery,
            [19.0, 20.0, 21.0],
            &bare,
            "a delivery costs 2.00 times the base's, and one of the bare loop 1.90 times: \
             beyond that 1.05 times, within 10 %",
        );
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
