//! What deciding costs, and what it is made of: keys, records, folding.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use divan::{Bencher, black_box};
use parterre_domain::command::{Command, Reserve};
use parterre_domain::state::{Overlay, Rows};
use parterre_domain::{
    EventId, EventRecord, Life, Money, ReservationId, ReservedTicket, SalePhase, TicketId, Tier,
    Timestamp, Token, keys,
};

fn main() {
    divan::main();
}

const EVENT: EventId = EventId::from_number(1);
const RESERVATION: ReservationId = ReservationId::from_number(2);
const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000);

/// A store that has an event on sale and nothing else.
fn on_sale() -> Rows {
    let about = r#"{"title": "A Night of Song", "venue": "Old Hall", "city": "Lisbon",
        "category": "concert", "starts_at": "2031-12-01T19:00:00.000Z", "currency": "EUR"}"#;
    let tier = Tier {
        id: "full".into(),
        name: "Full price".into(),
        price: Money(4_500),
    };
    let record = EventRecord {
        id: EVENT,
        about: serde_json::from_str(about).unwrap(),
        life: Life::Published,
        phase: SalePhase::Open,
        tiers: vec![tier],
        uploads: Vec::new(),
        total: 2_000,
        created_at: NOW,
        cancelling: false,
    };
    let mut rows = Rows::default();
    let value = parterre_domain::encode(&record);
    rows.0.insert(keys::event(EVENT), value);
    rows
}

fn reserving(reservation: ReservationId, tickets: [u32; 2]) -> Command {
    let tickets = tickets.map(|ticket| ReservedTicket {
        id: TicketId(ticket),
        tier: 0,
    });
    Command::Reserve(Reserve {
        event: EVENT,
        reservation,
        token: Token::new([7; 32]),
        tickets: tickets.into(),
        idempotency: None,
    })
}

/// Everything that the rules of some commands read, as the driver would have loaded it.
fn loaded(rows: &Rows, commands: &[Command], now: Timestamp) -> Overlay {
    let mut overlay = Overlay::default();
    overlay.want(commands.iter().flat_map(Command::hints));
    while overlay.lacks() {
        for want in overlay.take_wanted() {
            rows.load(&mut overlay, want);
        }
        for command in commands {
            drop(command.decide(now, &mut overlay));
        }
        overlay.clear_writes();
    }
    overlay
}

mod decide {
    use parterre_domain::Refusal;
    use parterre_domain::command::{Answer, Expire, ProviderWord, Release};
    use parterre_domain::state::{Decision, Stop};

    use super::{
        Bencher, Command, EVENT, NOW, RESERVATION, ReservationId, Rows, Timestamp, black_box,
        loaded, on_sale, reserving,
    };

    #[divan::bench]
    fn reserve_granted(bencher: Bencher) {
        let command = reserving(RESERVATION, [10, 11]);
        decide(bencher, &on_sale(), &command, NOW, |decision| {
            matches!(decision, Ok(Answer::Reservation(_)))
        });
    }

    #[divan::bench]
    fn reserve_refused(bencher: Bencher) {
        let mut rows = on_sale();
        rows.run(&reserving(ReservationId::from_number(3), [11, 12]), NOW)
            .unwrap();
        let command = reserving(RESERVATION, [10, 11]);
        decide(bencher, &rows, &command, NOW, |decision| {
            matches!(decision, Err(Stop::Refused(Refusal::TicketsTaken(_))))
        });
    }

    #[divan::bench]
    fn expire(bencher: Bencher) {
        let (rows, due_at) = reserved();
        let command = Command::Expire(Expire {
            event: EVENT,
            reservation: RESERVATION,
            word: ProviderWord::NotAsked,
            due_at,
        });
        decide(bencher, &rows, &command, due_at, ends);
    }

    #[divan::bench]
    fn release(bencher: Bencher) {
        let (rows, _) = reserved();
        let command = Command::Release(Release {
            event: EVENT,
            reservation: RESERVATION,
            word: ProviderWord::NotAsked,
        });
        decide(bencher, &rows, &command, NOW, ends);
    }

    /// A store in which two tickets are reserved, and when that ends.
    fn reserved() -> (Rows, Timestamp) {
        let mut rows = on_sale();
        let (answer, _) = rows.run(&reserving(RESERVATION, [10, 11]), NOW).unwrap();
        let Answer::Reservation(record) = answer else {
            panic!("not reserved: {answer:?}")
        };
        (rows, record.expires_at)
    }

    fn ends(decision: &Decision<Answer>) -> bool {
        matches!(decision, Ok(Answer::Reservation(record)) if record.ended_at.is_some())
    }

    /// Decides a command over and over. Each decision is rolled back, so that the next
    /// finds what the first found.
    fn decide(
        bencher: Bencher,
        rows: &Rows,
        command: &Command,
        now: Timestamp,
        expected: impl Fn(&Decision<Answer>) -> bool,
    ) {
        let mut overlay = loaded(rows, std::slice::from_ref(command), now);
        let start = overlay.savepoint();
        let mut once = || {
            let decision = black_box(command).decide(now, &mut overlay);
            overlay.rollback(start);
            decision
        };
        let decision = once();
        assert!(expected(&decision), "{decision:?}");
        bencher.bench_local(once);
    }
}

mod best {
    use parterre_domain::command::best::{Planner, Wish};
    use parterre_domain::{Layout, States, TicketState};

    use super::{Bencher, TicketId, black_box};

    const TICKETS: u32 = 2_000;
    const ROW: u32 = 40;

    #[divan::bench]
    fn arrange(bencher: Bencher) {
        let (layout, states) = half_sold();
        bencher.bench_local(|| Planner::new(black_box(&layout), &states));
    }

    #[divan::bench]
    fn plan(bencher: Bencher) {
        let (layout, states) = half_sold();
        let planner = Planner::new(&layout, &states);
        let wish = Wish {
            count: 8,
            tier: None,
            section: None,
            together: true,
        };
        assert!(planner.plan(&wish).is_some());
        bencher.bench_local(|| planner.plan(black_box(&wish)));
    }

    /// A hall in rows of which about half is sold, scattered.
    fn half_sold() -> (Layout, States) {
        let mut random = fastrand::Rng::with_seed(1);
        let mut states = States::all_free(TICKETS);
        for ticket in (0..TICKETS).filter(|_| random.bool()) {
            states.set(TicketId(ticket), TicketState::Sold);
        }
        let tickets = 0..TICKETS;
        let layout = Layout {
            sections: vec!["Stalls".into()],
            section: vec![0; TICKETS as usize],
            row: tickets.clone().map(|at| label(at / ROW)).collect(),
            seat: tickets.map(|at| label(at % ROW)).collect(),
            tier: vec![0; TICKETS as usize],
            x: None,
            y: None,
        };
        (layout, states)
    }

    fn label(number: u32) -> Box<str> {
        (number + 1).to_string().into()
    }
}

mod key {
    use parterre_domain::keys::Due;

    use super::{Bencher, EVENT, NOW, RESERVATION, TicketId, black_box, keys};

    #[divan::bench]
    fn ticket() -> keys::Key {
        keys::ticket(black_box(EVENT), black_box(TicketId(10)))
    }

    #[divan::bench]
    fn ticket_of(bencher: Bencher) {
        let key = keys::ticket(EVENT, TicketId(10));
        bencher.bench_local(|| keys::ticket_of(black_box(&key)));
    }

    #[divan::bench]
    fn due() -> keys::Key {
        keys::due(black_box(NOW), Due::Expire(black_box(RESERVATION)))
    }

    #[divan::bench]
    fn due_of(bencher: Bencher) {
        let key = keys::due(NOW, Due::Expire(RESERVATION));
        bencher.bench_local(|| keys::due_of(black_box(&key)));
    }
}

mod record {
    use parterre_domain::ReservationRecord;

    use super::{Bencher, NOW, RESERVATION, black_box, keys, on_sale, reserving};

    #[divan::bench]
    fn encode(bencher: Bencher) {
        let record: ReservationRecord = parterre_domain::decode(&reservation()).unwrap();
        bencher.bench_local(|| parterre_domain::encode(black_box(&record)));
    }

    #[divan::bench]
    fn decode(bencher: Bencher) {
        let value = reservation();
        bencher.bench_local(|| {
            parterre_domain::decode::<ReservationRecord>(black_box(&value)).unwrap()
        });
    }

    /// A reservation of two tickets as the store keeps it.
    fn reservation() -> Vec<u8> {
        let mut rows = on_sale();
        rows.run(&reserving(RESERVATION, [10, 11]), NOW).unwrap();
        rows.0[&keys::reservation(RESERVATION)].clone()
    }
}

mod fold {
    use parterre_domain::{States, TicketChanges, TicketState};

    use super::{Bencher, NOW, ReservationId, TicketId, black_box, loaded, on_sale, reserving};

    /// What a cinema and a stadium have.
    const EVENTS: [u32; 2] = [2_000, 60_000];
    const COMMITS: u32 = 32;
    const TICKETS_EACH: u32 = 8;

    /// The decisions of a batch become its writes and its record of the log.
    #[divan::bench]
    fn batch(bencher: Bencher) {
        let rows = on_sale();
        let id = |number| ReservationId::from_number(u128::from(number) + 1_000);
        let commands: Vec<_> = (0..128)
            .map(|number| reserving(id(number), [2 * number, 2 * number + 1]))
            .collect();
        let decided = || {
            let mut overlay = loaded(&rows, &commands, NOW);
            for command in &commands {
                command.decide(NOW, &mut overlay).unwrap();
            }
            overlay
        };
        bencher
            .with_inputs(decided)
            .bench_local_values(|overlay| overlay.into_writes(NOW));
    }

    /// What several commits did becomes one change.
    #[divan::bench]
    fn commits(bencher: Bencher) {
        let ticket = |commit, at| TicketId(commit * 37 % 100 + at);
        let commit = |commit| -> Vec<_> {
            (0..TICKETS_EACH)
                .map(|at| (ticket(commit, at), TicketState::Pending))
                .collect()
        };
        let commits: Vec<_> = (0..COMMITS).map(commit).collect();
        bencher.bench_local(|| {
            let mut changes = TicketChanges::default();
            for commit in black_box(&commits) {
                changes.fold(commit.iter().copied());
            }
            changes
        });
    }

    #[divan::bench(args = EVENTS)]
    fn set_all(bencher: Bencher, tickets: u32) {
        let mut states = States::all_free(tickets);
        bencher.bench_local(|| {
            for ticket in 0..tickets {
                states.set(TicketId(ticket), black_box(TicketState::Sold));
            }
        });
    }

    #[divan::bench(args = EVENTS)]
    fn count(bencher: Bencher, tickets: u32) {
        let states = States::all_free(tickets);
        bencher.bench_local(|| black_box(&states).count());
    }
}
