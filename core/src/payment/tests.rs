//! Money in every order in which it can come, over a store in memory, with the clock
//! moved by hand.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use parterre_domain::command::{
    AddTickets, Answer, Command, CreateEvent, Publish, Reserve, StageChunk,
};
use parterre_domain::sandbox::{Behaviour, SandboxState};
use parterre_domain::wire::api::CheckoutRequest;
use parterre_domain::{
    Buyer, EventId, Money, Refusal, ReservationId, ReservationRecord, ReservationState,
    ReservedTicket, TicketId, Tier, Timestamp, Token, UploadId, invariants, limits,
};

use super::{AnyProvider, BadSignature, Payments, WebhookError, signature};
use crate::clock::Clock;
use crate::config::StoreConfig;
use crate::lane::{Lanes, Rejected, Running};
use crate::layouts::Layouts;
use crate::metrics::Metrics;
use crate::store::any::AnyStore;
use crate::testing::about;

const EVENT: EventId = EventId::from_number(1);
const SECRET: &str = "the secret of a cluster";

struct World {
    payments: Payments,
    lanes: Lanes,
    store: AnyStore,
    clock: Clock,
    /// The lanes stop when this is dropped.
    _running: Running,
}

impl World {
    /// An event with three tickets on sale.
    async fn on_sale() -> Self {
        let store = AnyStore::open(&StoreConfig::Memory).await.unwrap();
        let clock = Clock::manual(Timestamp::from_millis(1_900_000_000_000));
        let metrics = Metrics::new().unwrap();
        let layouts = Layouts::new(store.clone());
        let (lanes, running) = Lanes::start(1, &store, &layouts, &clock, &metrics).unwrap();
        let payments = Payments::sandbox(
            &lanes,
            &store,
            &clock,
            &metrics,
            "http://127.0.0.1:1",
            SECRET,
            &parterre_gate::dial::Dialer::default(),
        );
        let world = Self {
            payments,
            lanes,
            store,
            clock,
            _running: running,
        };
        world
            .run(Command::CreateEvent(CreateEvent {
                event: EVENT,
                about: about(),
            }))
            .await;
        let upload = UploadId([1; 16]);
        let stage = StageChunk {
            event: EVENT,
            upload,
            number: 0,
            bytes: Vec::new(),
        };
        world.run(Command::StageChunk(stage)).await;
        let add = AddTickets {
            event: EVENT,
            upload,
            chunks: 1,
            tickets: 3,
            sections: 1,
            with_places: false,
            tiers: vec![Tier {
                id: "a".into(),
                name: "A".into(),
                price: Money(1_000),
            }],
        };
        world.run(Command::AddTickets(add)).await;
        world
            .run(Command::Publish(Publish {
                event: EVENT,
                at: None,
                due_at: None,
            }))
            .await;
        world
    }

    async fn run(&self, command: Command) -> Answer {
        self.lanes.submit(command).await.unwrap().answer
    }

    async fn reserve(&self, number: u128, ticket: u32) -> ReservationRecord {
        let reservation = ReservationId::from_number(number);
        let tickets = vec![ReservedTicket {
            id: TicketId(ticket),
            tier: 0,
        }];
        let reserve = Reserve {
            event: EVENT,
            reservation,
            token: Token::new([1; 32]),
            tickets,
            idempotency: None,
        };
        match self.run(Command::Reserve(reserve)).await {
            Answer::Reservation(record) => *record,
            other => panic!("{other:?}"),
        }
    }

    async fn checkout(&self, record: &ReservationRecord) -> Result<String, Rejected> {
        let request = CheckoutRequest {
            buyer: Buyer {
                name: "Ada".into(),
                email: "ada@example.org".into(),
            },
            success_url: "https://shop.example/yes".into(),
            cancel_url: "https://shop.example/no".into(),
        };
        self.payments
            .checkout(record, request)
            .await
            .map(|answer| answer.redirect_url)
    }

    async fn pay(&self, record: &ReservationRecord) {
        let session = self
            .payments
            .sandbox
            .find(record.id)
            .await
            .unwrap()
            .unwrap();
        let paid = self
            .payments
            .sandbox
            .pay(&session, Behaviour::Silent)
            .await
            .unwrap();
        assert_eq!(paid.state, SandboxState::Paid);
    }

    async fn find(&self, record: &ReservationRecord) -> ReservationRecord {
        self.payments.find(record.id).await.unwrap().unwrap()
    }

    /// Lets the reservation's time run out and does what is due then.
    async fn expire(&self, record: &ReservationRecord) {
        let due_at = self.find(record).await.expires_at;
        self.clock.advance(due_at.since(self.clock.now()));
        self.payments.expire(record.id, due_at).await.unwrap();
    }

    async fn assert_sound(&self) {
        let rows = crate::check::rows(&self.store).await.unwrap();
        let breaches = invariants::breaches(&rows, Timestamp::from_millis(0));
        assert!(breaches.is_empty(), "{breaches:#?}");
    }
}

#[tokio::test]
async fn a_silent_provider_is_asked_before_tickets_are_freed() {
    let world = World::on_sale().await;
    let (paid, unpaid) = (world.reserve(1, 0).await, world.reserve(2, 1).await);
    for record in [&paid, &unpaid] {
        world.checkout(record).await.unwrap();
    }
    world.pay(&paid).await;
    world.expire(&paid).await;
    world.expire(&unpaid).await;
    assert_eq!(world.find(&paid).await.state, ReservationState::Paid);
    assert_eq!(world.find(&unpaid).await.state, ReservationState::Expired);
    let session = world
        .payments
        .sandbox
        .find(unpaid.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.state, SandboxState::Closed);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_checkout_repeated_while_it_is_open_answers_the_same() {
    let world = World::on_sale().await;
    let record = world.reserve(1, 0).await;
    let first = world.checkout(&record).await.unwrap();
    assert_eq!(world.checkout(&record).await.unwrap(), first);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_crash_between_intent_and_session_heals() {
    let mut world = World::on_sale().await;
    let (again, never) = (world.reserve(1, 0).await, world.reserve(2, 1).await);
    let provider = std::mem::replace(&mut world.payments.provider, AnyProvider::Unreachable);
    for record in [&again, &never] {
        assert_eq!(
            world.checkout(record).await,
            Err(Refusal::ProviderUnreachable.into())
        );
        assert!(
            world
                .find(record)
                .await
                .checkout
                .is_some_and(|checkout| checkout.session.is_none())
        );
    }
    world.payments.provider = provider;
    world.checkout(&again).await.unwrap();
    world.pay(&again).await;
    world.expire(&again).await;
    world.expire(&never).await;
    assert_eq!(world.find(&again).await.state, ReservationState::Paid);
    assert_eq!(world.find(&never).await.state, ReservationState::Expired);
    world.assert_sound().await;
}

#[tokio::test]
async fn while_the_provider_is_away_tickets_stay_pending_but_not_for_ever() {
    let mut world = World::on_sale().await;
    let record = world.reserve(1, 0).await;
    world.checkout(&record).await.unwrap();
    world.payments.provider = AnyProvider::Unreachable;
    assert_eq!(
        world.payments.release(&record).await,
        Err(Refusal::ProviderUnreachable.into())
    );
    world.expire(&record).await;
    assert_eq!(world.find(&record).await.state, ReservationState::Pending);
    world.assert_sound().await;
    let due_at = world.clock.now() + limits::SETTLE_RETRY;
    world.clock.advance(limits::SETTLE_GRACE);
    world.payments.expire(record.id, due_at).await.unwrap();
    assert_eq!(world.find(&record).await.state, ReservationState::Expired);
    world.assert_sound().await;
}

#[tokio::test]
async fn releasing_what_was_paid_settles_it_and_says_so() {
    let world = World::on_sale().await;
    let record = world.reserve(1, 0).await;
    world.checkout(&record).await.unwrap();
    world.pay(&record).await;
    let record = world.find(&record).await;
    let refused = world.payments.release(&record).await;
    assert!(
        matches!(
            refused,
            Err(Rejected::Refused(Refusal::Conflict { state: "paid", .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(world.find(&record).await.state, ReservationState::Paid);
    world.assert_sound().await;
}

#[tokio::test]
async fn only_the_providers_own_webhook_is_believed_and_twice_is_once() {
    let world = World::on_sale().await;
    let record = world.reserve(1, 0).await;
    world.checkout(&record).await.unwrap();
    let body = format!(
        r#"{{"id":"n","type":"session.paid","event":"{EVENT}","reservation":"{}","payment":"p","amount":1000,"currency":"EUR"}}"#,
        record.id
    );
    let key = signature::derive(SECRET);
    let at = world.clock.now();
    let deliver = async |signed: Option<String>| {
        let header = signed.map(|signed| {
            (
                "sandbox-signature".parse().unwrap(),
                HeaderValue::try_from(signed).unwrap(),
            )
        });
        let headers: HeaderMap = header.into_iter().collect();
        world
            .payments
            .webhook("sandbox", &headers, body.as_bytes())
            .await
    };
    let bad = |why| Err(WebhookError::Signature(why));
    assert_eq!(deliver(None).await, bad(BadSignature::Missing));
    let old = signature::sign(&key, body.as_bytes(), at - Duration::from_secs(600));
    assert_eq!(deliver(Some(old)).await, bad(BadSignature::Old));
    let forged = signature::sign(&signature::derive("another secret"), body.as_bytes(), at);
    assert_eq!(deliver(Some(forged)).await, bad(BadSignature::Wrong));
    assert_eq!(world.find(&record).await.state, ReservationState::Pending);
    for _ in 0..2 {
        assert_eq!(
            deliver(Some(signature::sign(&key, body.as_bytes(), at))).await,
            Ok(())
        );
        assert_eq!(world.find(&record).await.state, ReservationState::Paid);
    }
    world.assert_sound().await;
}
