use super::*;

/// A planner of rows written as letters, `/` between rows; upper case is tier 1.
fn planner(rows: &str) -> Planner {
    let mut layout = Layout {
        sections: vec!["all".into()],
        ..Layout::default()
    };
    let mut letters = String::new();
    for (number, row) in rows.split('/').enumerate() {
        for letter in row.chars() {
            layout.section.push(0);
            layout.row.push(number.to_string().into());
            layout.seat.push("".into());
            layout.tier.push(u16::from(letter.is_uppercase()));
            letters.push(letter.to_ascii_lowercase());
        }
    }
    Planner::new(&layout, &States::from_letters(&letters).unwrap())
}

fn wish(count: usize) -> Wish {
    Wish {
        count,
        tier: None,
        section: None,
        together: true,
    }
}

fn plan(rows: &str, wish: Wish) -> Option<Vec<u32>> {
    Some(
        planner(rows)
            .plan(&wish)?
            .into_iter()
            .map(|ticket| ticket.0)
            .collect(),
    )
}

#[test]
fn plans_are_the_best_there_are() {
    let any = |count| Wish {
        together: false,
        ..wish(count)
    };
    let of_tier_1 = Wish {
        tier: Some(1),
        ..wish(2)
    };
    let rows: &[(&str, Wish, Option<&[u32]>)] = &[
        ("ffffff", wish(2), Some(&[2, 3])),
        ("fffff", wish(2), Some(&[0, 1])),
        ("fff/ffff", wish(2), Some(&[3, 4])),
        ("fff", wish(2), Some(&[0, 1])),
        ("fpf/pff", wish(2), Some(&[4, 5])),
        ("fpf/fpf", wish(2), None),
        ("fpf/fpf", any(3), Some(&[0, 2, 3])),
        ("ffFF", of_tier_1, Some(&[2, 3])),
        ("ff", wish(3), None),
        ("ff", any(3), None),
        ("ffff", wish(4), Some(&[0, 1, 2, 3])),
    ];
    for (rows, wish, expected) in rows {
        let planned = plan(rows, *wish);
        match (&planned, expected) {
            (Some(planned), Some(expected)) => {
                let sorted = |ids: &[u32]| {
                    let mut ids = ids.to_vec();
                    ids.sort_unstable();
                    ids
                };
                assert_eq!(sorted(planned), sorted(expected), "{rows} {wish:?}");
            }
            _ => assert_eq!(planned.as_deref(), *expected, "{rows} {wish:?}"),
        }
    }
}

/// Every row of up to nine tickets, every count: whatever is planned is free and
/// together, a plan is found if there is one, and none is orphaned in vain.
#[test]
fn in_every_small_row_no_ticket_is_orphaned_in_vain() {
    for length in 1..=9_usize {
        for bits in 0..1_u32 << length {
            let row: String = (0..length)
                .map(|at| if bits >> at & 1 == 1 { 'f' } else { 'p' })
                .collect();
            (1..=4).for_each(|count| check_row(&row, count));
        }
    }
}

fn check_row(row: &str, count: usize) {
    let free: Vec<bool> = row.chars().map(|letter| letter == 'f').collect();
    let fits = |start: usize| free[start..start + count].iter().all(|&free| free);
    let starts: Vec<usize> = (0..=free.len().saturating_sub(count))
        .filter(|_| count <= free.len())
        .collect();
    let possible: Vec<usize> = starts.into_iter().filter(|&start| fits(start)).collect();
    let Some(planned) = plan(row, wish(count)) else {
        assert!(possible.is_empty(), "{row} has {count} together");
        return;
    };
    let start = planned[0] as usize;
    assert!(possible.contains(&start), "{row} {count}: {planned:?}");
    assert!(planned.windows(2).all(|pair| pair[1] == pair[0] + 1));
    if orphans_after(&free, start, count) > orphans_before(&free) {
        let avoidable = possible
            .iter()
            .any(|&start| orphans_after(&free, start, count) <= orphans_before(&free));
        assert!(
            !avoidable,
            "{row} {count}: {planned:?} orphans a ticket in vain"
        );
    }
}

fn orphans_before(free: &[bool]) -> usize {
    let is = |at: Option<usize>| at.and_then(|at| free.get(at)).copied().unwrap_or(false);
    (0..free.len())
        .filter(|&at| free[at] && !is(at.checked_sub(1)) && !is(Some(at + 1)))
        .count()
}

fn orphans_after(free: &[bool], start: usize, count: usize) -> usize {
    let mut after = free.to_vec();
    after[start..start + count].fill(false);
    orphans_before(&after)
}

#[test]
fn plans_that_mark_what_they_take_never_collide() {
    let mut planner = planner("ffffffffff/ffffffffff/ffffffffff");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..15 {
        for ticket in planner.plan(&wish(2)).unwrap() {
            assert!(planner.is_free(ticket) && seen.insert(ticket));
            planner.set_free(ticket, false);
        }
    }
    assert_eq!(planner.plan(&wish(1)), None);
    planner.set_free(TicketId(4), true);
    assert_eq!(planner.plan(&wish(1)), Some(vec![TicketId(4)]));
}

#[test]
fn tickets_without_seats_are_together_wherever_they_are_in_their_section() {
    let total = 3 * u32::try_from(UNSEATED_ROW).unwrap();
    let column = |text: &str| vec![text.into(); total as usize];
    let layout = Layout {
        sections: vec!["floor".into(), "balcony".into()],
        section: (0..total).map(|at| u16::from(at >= total - 2)).collect(),
        row: column(""),
        seat: column(""),
        tier: vec![0; total as usize],
        ..Layout::default()
    };
    let mut planner = Planner::new(&layout, &States::all_free(total));
    assert!(planner.rows.len() <= 4, "{} rows", planner.rows.len());
    for ticket in 1..total - 3 {
        planner.set_free(TicketId(ticket), false);
    }
    let planned = |count| planner.plan(&wish(count));
    assert_eq!(planned(2), Some(vec![TicketId(0), TicketId(total - 3)]));
    assert_eq!(planned(3), None, "two on the floor, two on the balcony");
    let balcony = Wish {
        section: Some(1),
        ..wish(2)
    };
    let on_balcony = [total - 1, total - 2].map(TicketId);
    assert_eq!(planner.plan(&balcony), Some(on_balcony.to_vec()));
}
