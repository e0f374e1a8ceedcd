//! A world: a store with one event, a payment provider, and the time.

use std::time::Duration;

use parterre_domain::command::{
    AddTickets, Answer, Command, CreateEvent, DropUpload, Publish, StageChunk, TurnSale,
};
use parterre_domain::keys::{self, Due, Key};
use parterre_domain::state::{Rows, TicketRecord};
use parterre_domain::{
    About, EventId, EventRecord, LogRecord, Money, PaymentId, PaymentRecord, Refusal,
    ReservationId, ReservationRecord, TicketId, Tier, Timestamp, UploadId, limits,
};
use serde::de::DeserializeOwned;

use crate::rules::Rules;

pub(crate) const EVENT: EventId = EventId::from_number(1);
pub(crate) const PROVIDER: &str = "sandbox";
/// How long a reservation holds its tickets; as long as a provider may be silent, so that
/// two steps of the clock pass both.
pub(crate) const HOLD: Duration = Duration::from_secs(600);

/// A buyer: the first or the second.
pub(crate) type Buyer = usize;
pub(crate) const BUYERS: usize = 2;
/// Payments that a buyer may make for one session: the right one, and one too many.
pub(crate) const PAYMENTS: usize = 2;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub(crate) rows: Rows,
    pub(crate) purchases: [Purchase; BUYERS],
    pub(crate) now: Timestamp,
    pub(crate) tickets: u32,
}

/// A purchase in the provider's books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Purchase {
    pub(crate) session: Session,
    pub(crate) payments: [Payment; PAYMENTS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Session {
    #[default]
    Absent,
    Open,
    Paid,
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Payment {
    #[default]
    None,
    Made,
    Refunded,
}

impl World {
    /// An event on sale, with all its tickets free, and nothing due.
    pub(crate) fn on_sale(tickets: u32) -> Self {
        let mut world = Self {
            rows: Rows::default(),
            purchases: [Purchase::default(); BUYERS],
            now: Timestamp::from_millis(1_900_000_000_000),
            tickets,
        };
        for command in setup(tickets, world.now) {
            world.run(&Rules::TRUE, command).unwrap();
        }
        world
    }

    pub(crate) fn run(
        &mut self,
        rules: &Rules,
        command: Command,
    ) -> Result<(Answer, LogRecord), Refusal> {
        rules.run(&mut self.rows, command, self.now)
    }

    fn read<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let value = self.rows.0.get(key)?;
        Some(parterre_domain::decode(value).unwrap())
    }

    pub(crate) fn event(&self) -> EventRecord {
        self.read(&keys::event(EVENT)).unwrap()
    }

    pub(crate) fn ticket(&self, ticket: u32) -> Option<TicketRecord> {
        self.read(&keys::ticket(EVENT, TicketId(ticket)))
    }

    pub(crate) fn reservation(&self, buyer: Buyer) -> Option<ReservationRecord> {
        self.read(&keys::reservation(id(buyer)))
    }

    pub(crate) fn payment(&self, buyer: Buyer, nth: usize) -> Option<PaymentRecord> {
        self.read(&keys::payment(PROVIDER, &payment(buyer, nth)))
    }

    /// The due index, soonest first.
    pub(crate) fn due(&self) -> Vec<(Timestamp, Due)> {
        let mut due: Vec<_> = (self.rows.range(&keys::all_due()))
            .filter_map(|(key, _)| keys::due_of(key))
            .collect();
        due.sort_unstable();
        due
    }
}

pub(crate) fn id(buyer: Buyer) -> ReservationId {
    ReservationId::from_number(100 + buyer as u128)
}

pub(crate) fn buyer_of(id: ReservationId) -> Buyer {
    (0..BUYERS).find(|&buyer| self::id(buyer) == id).unwrap()
}

pub(crate) fn payment(buyer: Buyer, nth: usize) -> PaymentId {
    PaymentId(format!("{buyer}-{nth}"))
}

pub(crate) fn payment_of(id: &PaymentId) -> (Buyer, usize) {
    let all = (0..BUYERS).flat_map(|buyer| (0..PAYMENTS).map(move |nth| (buyer, nth)));
    let mut all = all.filter(|&(buyer, nth)| payment(buyer, nth) == *id);
    all.next().unwrap()
}

fn upload() -> UploadId {
    UploadId([1; 16])
}

fn setup(tickets: u32, now: Timestamp) -> [Command; 6] {
    let event = EVENT;
    let tier = Tier {
        id: "a".into(),
        name: "A".into(),
        price: Money(1_000),
    };
    [
        Command::CreateEvent(CreateEvent {
            event,
            about: about(),
        }),
        Command::StageChunk(StageChunk {
            event,
            upload: upload(),
            number: 0,
            bytes: vec![1],
        }),
        Command::AddTickets(AddTickets {
            event,
            upload: upload(),
            chunks: 1,
            tickets,
            sections: 1,
            with_places: false,
            tiers: vec![tier],
        }),
        Command::Publish(Publish {
            event,
            at: None,
            due_at: None,
        }),
        // What is due at once and what says nothing more are swept.
        Command::TurnSale(TurnSale { event, due_at: now }),
        Command::DropUpload(DropUpload {
            event,
            upload: upload(),
            due_at: now + limits::UPLOAD_KEPT,
        }),
    ]
}

fn about() -> About {
    About {
        title: "A Night of Song".into(),
        category: "concert".into(),
        venue: "Old Hall".into(),
        city: "Lisbon".into(),
        starts_at: Timestamp::from_millis(4_000_000_000_000),
        sale_opens_at: None,
        sale_closes_at: None,
        currency: "EUR".parse().unwrap(),
        description: String::new(),
        image_url: None,
        max_tickets: 3,
        hold_seconds: u32::try_from(HOLD.as_secs()).unwrap(),
    }
}
