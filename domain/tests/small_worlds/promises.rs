//! What must hold after every step, beyond the invariants of a store at rest.

use parterre_domain::invariants::{self, Invariant};
use parterre_domain::{
    CountsChange, LogRecord, PaymentOutcome, ReservationState, States, TicketState, limits,
};

use crate::action::{Action, Asking, Told};
use crate::rules::Rules;
use crate::world::{BUYERS, Buyer, EVENT, PAYMENTS, Payment, Session, World};

/// Sweeps after which a world of two buyers must be at rest.
const SWEEPS: usize = 40;

/// Every step that a ticket may take, by the letters of its states.
const TICKET_STEPS: [&str; 8] = ["fp", "ps", "pf", "fs", "sf", "sw", "fw", "wf"];

/// What a step broke, in a sentence.
pub(crate) fn of_step(
    before: &World,
    action: Action,
    told: &Told,
    after: &World,
) -> Result<(), String> {
    folds(before, told, after)?;
    for buyer in 0..BUYERS {
        ends_rightly(before, action, after, buyer)?;
        steps_rightly(before, after, buyer)?;
    }
    Ok(())
}

/// What is wrong with a world, wherever it came from.
pub(crate) fn of_world(world: &World, rules: &Rules) -> Result<(), String> {
    let found = invariants::breaches(&world.rows, world.now);
    // The clock may have run on without a core; `rests` says what a core makes of it.
    let mut found = (found.into_iter()).filter(|b| b.invariant != Invariant::NothingIsOverdue);
    if let Some(breach) = found.next() {
        return Err(breach.to_string());
    }
    books_agree(world)?;
    rests(world.clone(), rules)
}

/// The log folds from the states before to the states after, and so do the counts.
fn folds(before: &World, told: &[LogRecord], after: &World) -> Result<(), String> {
    let of = |world: &World| invariants::states(&world.rows, EVENT, world.tickets);
    let mut states: States = of(before);
    let mut counts = states.count();
    for change in told.iter().flat_map(|record| &record.events) {
        let mut sum = CountsChange::default();
        for &(ticket, state) in &change.tickets {
            let from = states.set(ticket, state).unwrap_or(state);
            ticket_steps_rightly(from, state)?;
            sum.add(CountsChange::of_step(from, state));
        }
        if sum != change.counts {
            return Err(format!("the log counts {:?}, not {sum:?}", change.counts));
        }
        counts = counts.after(change.counts);
    }
    let found = of(after);
    if states != found || counts != found.count() {
        let (folded, found) = (states.to_letters(), found.to_letters());
        return Err(format!("the log folds to {folded}, the store has {found}"));
    }
    Ok(())
}

fn ticket_steps_rightly(from: TicketState, to: TicketState) -> Result<(), String> {
    let step: String = [from.letter(), to.letter()].iter().collect();
    if TICKET_STEPS.contains(&&*step) {
        Ok(())
    } else {
        Err(format!(
            "no lifecycle takes a ticket from {from:?} to {to:?}"
        ))
    }
}

/// A reservation goes only where its lifecycle leads.
fn steps_rightly(before: &World, after: &World, buyer: Buyer) -> Result<(), String> {
    use ReservationState::{Expired, Paid, Pending, RefundDue, Refunded, Released};
    let (Some(was), Some(is)) = (before.reservation(buyer), after.reservation(buyer)) else {
        return Ok(());
    };
    let right = match (was.state, is.state) {
        (Pending, Paid | Released | Expired)
        | (Released | Expired, Paid | RefundDue)
        | (Paid, RefundDue)
        | (RefundDue, Refunded) => true,
        // Released by the cancellation and owed its money in one commit.
        (Pending, RefundDue) => after.event().life.is_cancelled(),
        (was, is) => was == is,
    };
    if right {
        Ok(())
    } else {
        let (was, is) = (was.state, is.state);
        Err(format!(
            "no lifecycle takes a reservation from {was:?} to {is:?}"
        ))
    }
}

/// A reservation ends only when it may.
fn ends_rightly(before: &World, action: Action, after: &World, buyer: Buyer) -> Result<(), String> {
    let (Some(was), Some(is)) = (before.reservation(buyer), after.reservation(buyer)) else {
        return Ok(());
    };
    if was.state == is.state {
        return Ok(());
    }
    let event = after.event();
    let cancelled = event.life.is_cancelled();
    let now = after.now;
    match (was.state, is.state) {
        (ReservationState::Pending, ReservationState::Expired) if now < was.expires_at => Err(
            format!("buyer {buyer}'s reservation expired before its time"),
        ),
        (ReservationState::Pending, ReservationState::Expired | ReservationState::Released) => {
            let over = is.state == ReservationState::Expired
                && now >= was.expires_at + limits::SETTLE_GRACE;
            let closed = match after.purchases[buyer].session {
                Session::Closed => true,
                Session::Absent | Session::Open | Session::Paid => was.checkout.is_none(),
            };
            if over || closed || cancelled {
                Ok(())
            } else {
                Err(format!(
                    "buyer {buyer}'s tickets were freed though the provider hadn't closed"
                ))
            }
        }
        (ReservationState::Paid, _) => match action {
            Action::Refund(..) => Ok(()),
            _ if cancelled => Ok(()),
            _ => Err(format!("buyer {buyer} lost what was paid to {action:?}")),
        },
        _ => Ok(()),
    }
}

/// What the provider did and what we think of it.
fn books_agree(world: &World) -> Result<(), String> {
    for buyer in 0..BUYERS {
        for nth in 0..PAYMENTS {
            let theirs = world.purchases[buyer].payments[nth];
            let ours = world.payment(buyer, nth).map(|payment| payment.outcome);
            let agree = match (theirs, ours) {
                (_, None) => theirs != Payment::Refunded,
                (Payment::None, Some(_)) => false,
                (Payment::Made, Some(outcome)) => outcome != PaymentOutcome::Refunded,
                (Payment::Refunded, Some(outcome)) => outcome != PaymentOutcome::Tickets,
            };
            if !agree {
                return Err(format!(
                    "payment {nth} of buyer {buyer} is {theirs:?} at the provider, {ours:?} here"
                ));
            }
        }
    }
    Ok(())
}

/// Once the provider answers and every notice has come, sweeping comes to rest: nothing is
/// due, nothing overdue, and every payment is in tickets or went back.
fn rests(mut world: World, rules: &Rules) -> Result<(), String> {
    for buyer in 0..BUYERS {
        for nth in 0..PAYMENTS {
            world.notice(rules, buyer, nth);
        }
    }
    let mut sweeps = 0;
    while let Some(&(at, due)) = world.due().first().filter(|(at, _)| *at <= world.now) {
        sweeps += 1;
        if sweeps > SWEEPS {
            return Err(format!(
                "sweeping never ends: {due:?} at {at} again and again"
            ));
        }
        Action::Sweep(at, due, Asking::Answered).run(&mut world, rules);
    }
    let found = invariants::breaches(&world.rows, world.now);
    if let Some(breach) = found.first() {
        return Err(format!("at rest: {breach}"));
    }
    books_agree(&world)?;
    for buyer in 0..BUYERS {
        for nth in 0..PAYMENTS {
            let paid = world.purchases[buyer].payments[nth] == Payment::Made;
            let outcome = world.payment(buyer, nth).map(|payment| payment.outcome);
            let kept = outcome == Some(PaymentOutcome::Tickets);
            let due = outcome == Some(PaymentOutcome::RefundDue);
            // A refund that failed before waits for its next attempt.
            if paid && !kept && !due {
                return Err(format!(
                    "at rest: payment {nth} of buyer {buyer} is nowhere"
                ));
            }
        }
    }
    Ok(())
}
