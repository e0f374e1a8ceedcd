//! Mutants of the rules: each leaves out one thing that a rule takes care of, and each
//! must be caught.

use parterre_domain::command::{Command, ProviderWord};
use parterre_domain::keys::{self, Key};
use parterre_domain::state::{TicketRecord, Write};
use parterre_domain::{
    EventRecord, Life, LogRecord, Refusal, ReservationRecord, ReservationState, TicketState,
    Timestamp,
};

use crate::action::Action;
use crate::rules::Rules;
use crate::search::Search;

/// Searches a world of so many tickets until a promise is broken: the one whose breach
/// says so.
fn caught(rules: Rules, tickets: u32, allowed: fn(&Action) -> bool, breach: &str) {
    let search = Search {
        rules,
        tickets,
        allowed,
        depth: 12,
        states: 60_000,
    };
    match search.run() {
        Err(found) => {
            println!("caught: {found}");
            assert!(found.breach.contains(breach), "caught by chance: {found}");
        }
        Ok(report) => panic!("not caught in {report}"),
    }
}

fn any(_: &Action) -> bool {
    true
}

/// Keeps only those writes that a test allows.
fn keep(writes: &mut Vec<Write>, test: impl Fn(u8, &Write) -> bool) {
    writes.retain(|write| match write {
        Write::Set(key, _) | Write::Clear(key) | Write::Add(key, _) | Write::SetRev(key) => {
            test(key[0], write)
        }
        Write::ClearRange(range) => test(range.start[0], write),
    });
}

fn is_ticket(key: &Key) -> bool {
    key[0] == b't'
}

fn ticket(value: &[u8]) -> TicketRecord {
    parterre_domain::decode(value).unwrap()
}

fn reservation(value: &[u8]) -> ReservationRecord {
    parterre_domain::decode(value).unwrap()
}

/// The row of an event as if it had never been cancelled.
fn never_cancelled(key: &Key, value: Vec<u8>) -> Vec<u8> {
    if key[0] != b'e' {
        return value;
    }
    let mut event: EventRecord = parterre_domain::decode(&value).unwrap();
    event.life = Life::Published;
    parterre_domain::encode(&event)
}

#[test]
fn expiring_a_checkout_that_nobody_asked_about_is_caught() {
    let command = |command: &mut Command| {
        if let Command::Expire(expire) = command
            && expire.word == ProviderWord::NotAsked
        {
            expire.word = ProviderWord::Closed;
        }
    };
    let rules = Rules::commanding(command);
    caught(rules, 2, any, "though the provider hadn't closed");
}

#[test]
fn taking_a_silent_provider_for_a_closed_session_is_caught() {
    let command = |command: &mut Command| match command {
        Command::Expire(expire) if expire.word == ProviderWord::Unreachable => {
            expire.word = ProviderWord::Closed;
        }
        _ => {}
    };
    let rules = Rules::commanding(command);
    caught(rules, 2, any, "though the provider hadn't closed");
}

#[test]
fn releasing_a_checkout_without_the_providers_word_is_caught() {
    let command = |command: &mut Command| {
        if let Command::Release(release) = command {
            release.word = ProviderWord::Closed;
        }
    };
    let rules = Rules::commanding(command);
    caught(rules, 2, any, "though the provider hadn't closed");
}

#[test]
fn a_payment_that_is_settled_twice_is_caught() {
    let read = |command: &Command, key: &Key, value| match command {
        Command::SettlePayment(_) if key[0] == b'p' => None,
        _ => Some(value),
    };
    let rules = Rules::reading(read);
    caught(rules, 1, any, "payment-ends-once");
}

#[test]
fn releasing_all_tickets_but_one_is_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        let of_ticket = |write: &Write| matches!(write, Write::Clear(key) if is_ticket(key));
        if let Command::Release(_) = command
            && let Some(first) = writes.iter().position(of_ticket)
        {
            writes.remove(first);
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 2, any, "the log folds to");
}

#[test]
fn a_refused_reservation_that_leaves_its_marks_is_caught() {
    let left = |command: &Command, refusal: &Refusal| match (command, refusal) {
        (Command::Reserve(reserve), Refusal::TicketsTaken(taken)) => {
            let free = |id| !taken.iter().any(|taken| taken.id == id);
            let tickets = reserve.tickets.iter().filter(|ticket| free(ticket.id));
            let held = TicketRecord::Pending {
                reservation: reserve.reservation,
                expires_at: Timestamp::from_millis(0),
            };
            tickets
                .map(|ticket| keys::ticket(reserve.event, ticket.id))
                .map(|key| Write::Set(key, parterre_domain::encode(&held)))
                .collect()
        }
        _ => Vec::new(),
    };
    let rules = Rules {
        left,
        ..Rules::TRUE
    };
    caught(rules, 2, any, "the log folds to");
}

#[test]
fn late_money_that_takes_what_another_has_is_caught() {
    let read = |command: &Command, key: &Key, value: Vec<u8>| match command {
        Command::SettlePayment(settle) if is_ticket(key) => {
            let own = ticket(&value).reservation() == Some(settle.reservation);
            own.then_some(value)
        }
        _ => Some(value),
    };
    let rules = Rules::reading(read);
    caught(rules, 1, Action::is_of_money, "reservation-has-its-tickets");
}

#[test]
fn refunding_without_giving_up_the_tickets_is_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        if let Command::Refund(_) = command {
            keep(writes, |kind, _| kind != b't');
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 1, any, "the log folds to");
}

#[test]
fn refunding_without_an_order_to_the_provider_is_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        if let Command::Refund(_) = command {
            keep(writes, |kind, _| kind != b'o' && kind != b'd');
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 1, any, "payment-ends-once");
}

#[test]
fn taking_a_failed_refund_for_done_is_caught() {
    let command = |command: &mut Command| {
        if let Command::OutboxAnswered(answered) = command {
            answered.done = true;
        }
    };
    let rules = Rules::commanding(command);
    caught(rules, 1, any, "at the provider");
}

#[test]
fn reserving_what_another_is_deciding_about_is_caught() {
    let read = |command: &Command, key: &Key, value: Vec<u8>| match command {
        Command::Reserve(_) if is_ticket(key) => {
            let pending = ticket(&value).state() == TicketState::Pending;
            (!pending).then_some(value)
        }
        _ => Some(value),
    };
    let rules = Rules::reading(read);
    caught(
        rules,
        2,
        any,
        "no lifecycle takes a ticket from Pending to Pending",
    );
}

#[test]
fn withdrawing_what_a_buyer_is_deciding_about_is_caught() {
    let read = |command: &Command, key: &Key, value: Vec<u8>| match command {
        Command::Withdraw(_) if is_ticket(key) => {
            let pending = ticket(&value).state() == TicketState::Pending;
            (!pending).then_some(value)
        }
        _ => Some(value),
    };
    let rules = Rules::reading(read);
    caught(
        rules,
        2,
        any,
        "no lifecycle takes a ticket from Pending to Withdrawn",
    );
}

#[test]
fn a_refund_that_calls_itself_a_release_is_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        let Command::Refund(_) = command else { return };
        for write in writes {
            if let Write::Set(key, value) = write
                && key[0] == b'r'
            {
                let mut record = reservation(value);
                record.state = ReservationState::Released;
                *value = parterre_domain::encode(&record);
            }
        }
    };
    let rules = Rules::writing(written);
    let breach = "no lifecycle takes a reservation from Paid to Released";
    caught(rules, 1, any, breach);
}

#[test]
fn a_paid_reservation_that_still_expires_is_caught() {
    let read = |command: &Command, key: &Key, value: Vec<u8>| {
        if !matches!(command, Command::Expire(_)) || key[0] != b'r' {
            return Some(value);
        }
        let mut record = reservation(&value);
        if record.state == ReservationState::Paid {
            record.state = ReservationState::Pending;
            record.checkout = None;
        }
        Some(parterre_domain::encode(&record))
    };
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        if let Command::SettlePayment(_) = command {
            keep(writes, |kind, write| {
                kind != b'd' || !matches!(write, Write::Clear(_))
            });
        }
    };
    let rules = Rules {
        read,
        written,
        ..Rules::TRUE
    };
    caught(rules, 1, Action::is_of_money, "payment-ends-once");
}

#[test]
fn a_checkout_that_leaves_the_due_index_behind_is_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        if let Command::BeginCheckout(_) = command {
            keep(writes, |kind, write| {
                kind != b'd' || matches!(write, Write::Clear(_))
            });
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 1, any, "due-index-is-complete");
}

#[test]
fn a_checkout_that_leaves_its_tickets_behind_is_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        if let Command::BeginCheckout(_) = command {
            keep(writes, |kind, _| kind != b't');
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 1, any, "ticket-has-its-reservation");
}

#[test]
fn cancelling_that_leaves_paid_reservations_is_caught() {
    let read = |command: &Command, key: &Key, value: Vec<u8>| match command {
        Command::CancelStep(_) if key[0] == b'r' => {
            let paid = reservation(&value).state == ReservationState::Paid;
            (!paid).then_some(value)
        }
        _ => Some(value),
    };
    let rules = Rules::reading(read);
    caught(rules, 1, any, "cancelled-holds-nothing");
}

#[test]
fn cancelling_that_never_ends_is_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        if let Command::CancelStep(_) = command {
            keep(writes, |kind, _| kind != b'd');
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 1, any, "sweeping never ends");
}

#[test]
fn reserving_from_a_cancelled_event_is_caught() {
    let read = |command: &Command, key: &Key, value| match command {
        Command::Reserve(_) => Some(never_cancelled(key, value)),
        _ => Some(value),
    };
    let rules = Rules::reading(read);
    caught(rules, 1, any, "cancelled-holds-nothing");
}

#[test]
fn selling_a_cancelled_event_to_late_money_is_caught() {
    let read = |command: &Command, key: &Key, value| match command {
        Command::SettlePayment(_) => Some(never_cancelled(key, value)),
        _ => Some(value),
    };
    let rules = Rules::reading(read);
    caught(rules, 1, any, "cancelled-holds-nothing");
}

#[test]
fn counters_that_miss_a_release_are_caught() {
    let written = |command: &Command, writes: &mut Vec<Write>, _: &mut LogRecord| {
        if let Command::Release(_) = command {
            keep(writes, |_, write| !matches!(write, Write::Add(..)));
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 1, any, "counters-match-states");
}

#[test]
fn a_log_that_misses_a_release_is_caught() {
    let written = |command: &Command, _: &mut Vec<Write>, record: &mut LogRecord| {
        if let Command::Release(_) = command {
            record.events.clear();
        }
    };
    let rules = Rules::writing(written);
    caught(rules, 1, any, "the log folds to");
}
