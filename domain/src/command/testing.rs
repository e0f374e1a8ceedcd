//! A small language for tests of rules: one event in an in-memory store, buyers by
//! number, time by hand, and the work that the due index asks for.

use std::time::Duration;

use super::{
    AddTickets, Answer, BeginCheckout, CancelEvent, CancelStep, Command, CreateEvent, DropUpload,
    Expire, Forget, Idempotency, OpenCheckout, OutboxAnswered, ProviderWord, Publish, Release,
    Reserve, SettlePayment, StageChunk, TurnSale,
};
use crate::keys::{self, Due};
use crate::state::Rows;
use crate::{
    About, Buyer, EventId, EventRecord, Money, PaymentId, PaymentRecord, Refusal, ReservationId,
    ReservationRecord, ReservedTicket, Session, TicketId, Tier, Timestamp, Token, UploadId,
    invariants,
};

pub(crate) fn tier(id: &str, price: i64) -> Tier {
    Tier {
        id: id.into(),
        name: id.to_uppercase(),
        price: Money(price),
    }
}

pub(crate) fn about() -> About {
    About {
        title: "A Night of Song".into(),
        category: "concert".into(),
        venue: "Old Hall".into(),
        city: "Lisbon".into(),
        starts_at: Timestamp::from_millis(2_000_000_000_000),
        sale_opens_at: None,
        sale_closes_at: None,
        currency: "EUR".parse().unwrap(),
        description: String::new(),
        image_url: None,
        max_tickets: 3,
        hold_seconds: 600,
    }
}

pub(crate) struct World {
    pub(crate) rows: Rows,
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) const EVENT: EventId = EventId::from_number(1);

    pub(crate) fn empty() -> Self {
        Self {
            rows: Rows::default(),
            now: Timestamp::from_millis(1_900_000_000_000),
        }
    }

    pub(crate) fn draft() -> Self {
        Self::of(about())
    }

    fn of(about: About) -> Self {
        let mut world = Self::empty();
        world
            .run(Command::CreateEvent(CreateEvent {
                event: Self::EVENT,
                about,
            }))
            .unwrap();
        world
    }

    pub(crate) fn with_tickets(tickets: u32) -> Self {
        Self::draft().tickets(tickets)
    }

    pub(crate) fn on_sale(tickets: u32) -> Self {
        Self::with_tickets(tickets).published()
    }

    /// An event on sale whose reservations may hold many tickets.
    pub(crate) fn on_sale_for(tickets: u32, max_tickets: u16) -> Self {
        let about = About {
            max_tickets,
            ..about()
        };
        Self::of(about).tickets(tickets).published()
    }

    pub(crate) fn upcoming(tickets: u32, opens: Duration, closes: Duration) -> Self {
        let now = Self::empty().now;
        let times = About {
            sale_opens_at: Some(now + opens),
            sale_closes_at: Some(now + closes),
            ..about()
        };
        Self::of(times).tickets(tickets).published()
    }

    /// An event on sale whose tickets are in these states: f, p, s, w.
    pub(crate) fn in_states(letters: &str) -> Self {
        let mut world = Self::on_sale(u32::try_from(letters.len()).unwrap());
        for (ticket, letter) in (0..).zip(letters.chars()) {
            let buyer = 100 + ticket;
            match letter {
                'f' => {}
                'w' => {
                    let tickets = vec![TicketId(ticket)];
                    let withdraw = super::Withdraw {
                        event: Self::EVENT,
                        tickets,
                        restore: false,
                    };
                    world.run(Command::Withdraw(withdraw)).unwrap();
                }
                _ => drop(world.reserve(buyer, &[ticket]).unwrap()),
            }
            if letter == 's' {
                world.begin_checkout(buyer).unwrap();
                world.pay(buyer, &format!("before {ticket}")).unwrap();
            }
        }
        assert_eq!(world.letters(), letters);
        world
    }

    fn tickets(mut self, tickets: u32) -> Self {
        let upload = UploadId([1; 16]);
        self.stage(upload);
        let add = AddTickets {
            event: Self::EVENT,
            upload,
            chunks: 1,
            tickets,
            sections: 1,
            with_places: false,
            tiers: vec![tier("a", 1_000)],
        };
        self.run(Command::AddTickets(add)).unwrap();
        self
    }

    pub(crate) fn stage(&mut self, upload: UploadId) {
        let stage = StageChunk {
            event: Self::EVENT,
            upload,
            number: 0,
            bytes: vec![1],
        };
        self.run(Command::StageChunk(stage)).unwrap();
    }

    fn published(mut self) -> Self {
        self.publish(None).unwrap();
        self
    }

    pub(crate) fn publish(&mut self, at: Option<Timestamp>) -> Result<Answer, Refusal> {
        self.run(Command::Publish(Publish {
            event: Self::EVENT,
            at,
            due_at: None,
        }))
    }

    pub(crate) fn run(&mut self, command: Command) -> Result<Answer, Refusal> {
        self.rows.run(&command, self.now).map(|(answer, _)| answer)
    }

    pub(crate) fn id(number: u32) -> ReservationId {
        ReservationId::from_number(u128::from(number) + 1_000)
    }

    fn reserving(number: u32, tickets: &[u32], idempotency: Option<Idempotency>) -> Command {
        let tickets = tickets.iter().map(|&ticket| ReservedTicket {
            id: TicketId(ticket),
            tier: 0,
        });
        Command::Reserve(Reserve {
            event: Self::EVENT,
            reservation: Self::id(number),
            token: Token::new([7; 32]),
            tickets: tickets.collect(),
            idempotency,
        })
    }

    pub(crate) fn reserve(&mut self, number: u32, tickets: &[u32]) -> Result<Answer, Refusal> {
        self.run(Self::reserving(number, tickets, None))
    }

    pub(crate) fn reserve_with_key(
        &mut self,
        number: u32,
        tickets: &[u32],
        body: u8,
    ) -> Result<Answer, Refusal> {
        let idempotency = Idempotency {
            key: "the same key, again".into(),
            fingerprint: [body; 32],
        };
        self.run(Self::reserving(number, tickets, Some(idempotency)))
    }

    pub(crate) fn release(&mut self, number: u32, word: ProviderWord) -> Result<Answer, Refusal> {
        let release = Release {
            event: Self::EVENT,
            reservation: Self::id(number),
            word,
        };
        self.run(Command::Release(release))
    }

    pub(crate) fn expire(
        &mut self,
        number: u32,
        word: ProviderWord,
        due_at: Timestamp,
    ) -> Result<Answer, Refusal> {
        let expire = Expire {
            event: Self::EVENT,
            reservation: Self::id(number),
            word,
            due_at,
        };
        self.run(Command::Expire(expire))
    }

    pub(crate) fn begin_checkout(&mut self, number: u32) -> Result<Answer, Refusal> {
        self.run(Command::BeginCheckout(BeginCheckout {
            event: Self::EVENT,
            reservation: Self::id(number),
            provider: "sandbox".into(),
            buyer: Buyer {
                name: "Ada".into(),
                email: "ada@example.org".into(),
            },
            success_url: "https://shop.example/yes".into(),
            cancel_url: "https://shop.example/no".into(),
        }))
    }

    pub(crate) fn open_checkout(&mut self, number: u32, id: &str) -> Result<Answer, Refusal> {
        let session = Session {
            id: id.into(),
            url: "https://pay.example".into(),
        };
        self.run(Command::OpenCheckout(OpenCheckout {
            event: Self::EVENT,
            reservation: Self::id(number),
            session,
        }))
    }

    pub(crate) fn settle(&self, number: u32, payment: &str) -> Command {
        Command::SettlePayment(SettlePayment {
            event: Self::EVENT,
            reservation: Self::id(number),
            provider: "sandbox".into(),
            payment: PaymentId(payment.into()),
            amount: self
                .find(number)
                .map_or(Money(1_000), |record| record.total),
            currency: "EUR".parse().unwrap(),
        })
    }

    pub(crate) fn pay(&mut self, number: u32, payment: &str) -> Result<Answer, Refusal> {
        self.run(self.settle(number, payment))
    }

    pub(crate) fn cancel(&mut self) -> Result<Answer, Refusal> {
        self.run(Command::CancelEvent(CancelEvent { event: Self::EVENT }))
    }

    /// Does what is due, with a provider that closes every session and does every call.
    pub(crate) fn sweep(&mut self) {
        for _ in 0..100 {
            let now = self.now;
            let Some((due_at, due)) = self.due().into_iter().find(|&(at, _)| at <= now) else {
                return;
            };
            self.run(Self::swept(due, due_at)).unwrap();
        }
        panic!("sweeping never ends");
    }

    fn swept(due: Due, due_at: Timestamp) -> Command {
        let event = Self::EVENT;
        match due {
            Due::Expire(reservation) => Command::Expire(Expire {
                event,
                reservation,
                word: ProviderWord::Closed,
                due_at,
            }),
            Due::TurnSale(event) => Command::TurnSale(TurnSale { event, due_at }),
            Due::Publish(event) => Command::Publish(Publish {
                event,
                at: None,
                due_at: Some(due_at),
            }),
            Due::CancelStep(event) => Command::CancelStep(CancelStep { event, due_at }),
            Due::Outbox(outbox) => Command::OutboxAnswered(OutboxAnswered {
                event,
                outbox,
                done: true,
                due_at,
            }),
            Due::Forget(reservation) => Command::Forget(Forget {
                event,
                reservation,
                due_at,
            }),
            Due::DropUpload(upload) => Command::DropUpload(DropUpload {
                event,
                upload,
                due_at,
            }),
            Due::Sandbox(_) => panic!("rules file nothing for the sandbox"),
        }
    }

    pub(crate) fn due(&self) -> Vec<(Timestamp, Due)> {
        let mut due: Vec<_> = self
            .rows
            .range(&keys::all_due())
            .filter_map(|(key, _)| keys::due_of(key))
            .collect();
        due.sort();
        due
    }

    /// When something is due.
    pub(crate) fn due_of(&self, wanted: Due) -> Vec<Timestamp> {
        let of = |(at, due)| (due == wanted).then_some(at);
        self.due().into_iter().filter_map(of).collect()
    }

    pub(crate) fn event(&self) -> EventRecord {
        crate::decode(&self.rows.0[&keys::event(Self::EVENT)]).unwrap()
    }

    pub(crate) fn find(&self, number: u32) -> Option<ReservationRecord> {
        self.rows
            .0
            .get(&keys::reservation(Self::id(number)))
            .map(|value| crate::decode(value).unwrap())
    }

    pub(crate) fn reservation(&self, number: u32) -> ReservationRecord {
        self.find(number).unwrap()
    }

    pub(crate) fn payment(&self, payment: &str) -> PaymentRecord {
        let key = keys::payment("sandbox", &PaymentId(payment.into()));
        crate::decode(&self.rows.0[&key]).unwrap()
    }

    /// One letter a ticket.
    pub(crate) fn letters(&self) -> String {
        invariants::states(&self.rows, Self::EVENT, self.event().total).to_letters()
    }

    pub(crate) fn assert_sound(&self) {
        let breaches = invariants::breaches(&self.rows, self.now);
        assert!(breaches.is_empty(), "{breaches:#?}");
    }
}
