//! What can happen in a small world.

use std::time::Duration;

use parterre_domain::command::{
    BeginCheckout, CancelEvent, CancelStep, Command, Expire, Forget, OpenCheckout, OutboxAnswered,
    ProviderWord, Refund, Release, Reserve, SettlePayment, TurnSale, Withdraw,
};
use parterre_domain::keys::Due;
use parterre_domain::{
    LogRecord, Money, OutboxRecord, PaymentId, ProviderCall, ReservationState, ReservedTicket,
    TicketId, Timestamp, Token,
};

use crate::rules::Rules;
use crate::world::{
    BUYERS, Buyer, EVENT, HOLD, PAYMENTS, PROVIDER, Payment, Session, World, buyer_of, id, payment,
    payment_of,
};

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A buyer reserves the tickets whose bits are set.
    Reserve(Buyer, u8),
    Release(Buyer, Asking),
    BeginCheckout(Buyer),
    /// The provider opens the session, and the commit that says so may be lost.
    OpenSession(Buyer, Commit),
    /// The buyer pays at the provider, once or once too often; we don't know yet.
    Pay(Buyer, usize),
    /// The provider's notice of a payment arrives, for the first time or again.
    Notice(Buyer, usize),
    Refund(Buyer, ReturnToSale),
    Withdraw(u32),
    Restore(u32),
    Cancel,
    /// A core does what is due.
    Sweep(Timestamp, Due, Asking),
    Wait(Wait),
}

/// What comes of asking the provider before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// The caller saw no checkout, rightly or out of date.
    NotAsked,
    Answered,
    Silent,
}

pub(crate) type ReturnToSale = bool;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    Done,
    Lost,
}

/// Steps of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until the next thing within a hold is due.
    Next,
    /// Half a hold, so that a checkout can extend it.
    Half,
    Hold,
    Day,
}

/// What came of an action: what its commits told the world.
pub(crate) type Told = Vec<LogRecord>;

impl Action {
    /// Everything that could happen now, and perhaps change something.
    pub(crate) fn all(world: &World) -> Vec<Self> {
        use Asking::{Answered, NotAsked, Silent};
        let mut actions = vec![Self::Cancel];
        for buyer in 0..BUYERS {
            Self::of_buyer(world, buyer, &mut actions);
        }
        for ticket in 0..world.tickets {
            actions.extend([Self::Withdraw(ticket), Self::Restore(ticket)]);
        }
        for (at, due) in world.due().into_iter().filter(|&(at, _)| at <= world.now) {
            let sweep = |asking| Self::Sweep(at, due, asking);
            match due {
                Due::Expire(_) => actions.extend([NotAsked, Answered, Silent].map(sweep)),
                Due::Outbox(_) => actions.extend([Answered, Silent].map(sweep)),
                _ => actions.push(sweep(NotAsked)),
            }
        }
        actions.extend([Wait::Next, Wait::Half, Wait::Hold, Wait::Day].map(Self::Wait));
        actions
    }

    fn of_buyer(world: &World, buyer: Buyer, actions: &mut Vec<Self>) {
        use Asking::{Answered, NotAsked, Silent};
        if world.reservation(buyer).is_none() {
            let subsets = 1..1_u8 << world.tickets;
            actions.extend(subsets.map(|subset| Self::Reserve(buyer, subset)));
            return;
        }
        actions.extend([NotAsked, Answered, Silent].map(|asking| Self::Release(buyer, asking)));
        actions.push(Self::BeginCheckout(buyer));
        actions.extend([Commit::Done, Commit::Lost].map(|commit| Self::OpenSession(buyer, commit)));
        for nth in 0..PAYMENTS {
            actions.extend([Self::Pay(buyer, nth), Self::Notice(buyer, nth)]);
        }
        actions.extend([true, false].map(|free| Self::Refund(buyer, free)));
    }

    /// Whether it takes part in stories about money.
    pub(crate) fn is_of_money(&self) -> bool {
        match self {
            Self::Reserve(..)
            | Self::BeginCheckout(_)
            | Self::OpenSession(..)
            | Self::Pay(..)
            | Self::Notice(..)
            | Self::Refund(..)
            | Self::Sweep(..)
            | Self::Wait(Wait::Next | Wait::Half | Wait::Hold) => true,
            Self::Release(..)
            | Self::Withdraw(_)
            | Self::Restore(_)
            | Self::Cancel
            | Self::Wait(Wait::Day) => false,
        }
    }

    /// Does it. None when nothing can come of it.
    pub(crate) fn run(self, world: &mut World, rules: &Rules) -> Option<Told> {
        match self {
            Self::Reserve(buyer, subset) => submit(world, rules, reserve(buyer, subset)),
            Self::Release(buyer, asking) => world.release(rules, buyer, asking),
            Self::BeginCheckout(buyer) => submit(world, rules, begin_checkout(buyer)),
            Self::OpenSession(buyer, commit) => world.open_session(rules, buyer, commit),
            Self::Pay(buyer, nth) => world.pay(buyer, nth),
            Self::Notice(buyer, nth) => world.notice(rules, buyer, nth),
            Self::Refund(buyer, return_to_sale) => submit(
                world,
                rules,
                Command::Refund(Refund {
                    event: EVENT,
                    reservation: id(buyer),
                    return_to_sale,
                }),
            ),
            Self::Withdraw(ticket) => submit(world, rules, withdraw(ticket, false)),
            Self::Restore(ticket) => submit(world, rules, withdraw(ticket, true)),
            Self::Cancel => {
                let cancel = CancelEvent { event: EVENT };
                submit(world, rules, Command::CancelEvent(cancel))
            }
            Self::Sweep(at, due, asking) => world.sweep(rules, at, due, asking),
            Self::Wait(wait) => world.wait(wait),
        }
    }
}

impl World {
    fn release(&mut self, rules: &Rules, buyer: Buyer, asking: Asking) -> Option<Told> {
        let word = match self.ask(buyer, asking) {
            Ok(word) => word,
            Err(paid) => return self.notice(rules, buyer, paid),
        };
        let release = Release {
            event: EVENT,
            reservation: id(buyer),
            word,
        };
        submit(self, rules, Command::Release(release))
    }

    /// Asks the provider to close a session. Gives its word, or which payment it has.
    fn ask(&mut self, buyer: Buyer, asking: Asking) -> Result<ProviderWord, usize> {
        match asking {
            Asking::NotAsked => Ok(ProviderWord::NotAsked),
            Asking::Silent => Ok(ProviderWord::Unreachable),
            Asking::Answered => {
                let purchase = &mut self.purchases[buyer];
                match purchase.session {
                    Session::Paid => Err(0),
                    Session::Absent | Session::Open | Session::Closed => {
                        purchase.session = Session::Closed;
                        Ok(ProviderWord::Closed)
                    }
                }
            }
        }
    }

    fn open_session(&mut self, rules: &Rules, buyer: Buyer, commit: Commit) -> Option<Told> {
        self.reservation(buyer)?.checkout?;
        let session = &mut self.purchases[buyer].session;
        match session {
            Session::Absent => *session = Session::Open,
            Session::Open => {}
            Session::Paid | Session::Closed => return None,
        }
        match commit {
            Commit::Lost => Some(Vec::new()),
            Commit::Done => submit(self, rules, open_checkout(buyer)),
        }
    }

    fn pay(&mut self, buyer: Buyer, nth: usize) -> Option<Told> {
        let purchase = &mut self.purchases[buyer];
        match (nth, purchase.session) {
            (0, Session::Open) => purchase.session = Session::Paid,
            (1, Session::Paid) if purchase.payments[1] == Payment::None => {}
            _ => return None,
        }
        purchase.payments[nth] = Payment::Made;
        Some(Vec::new())
    }

    pub(crate) fn notice(&mut self, rules: &Rules, buyer: Buyer, nth: usize) -> Option<Told> {
        if self.purchases[buyer].payments[nth] == Payment::None {
            return None;
        }
        let tickets = self.reservation(buyer).map_or(1, |r| r.tickets.len());
        let settle = SettlePayment {
            event: EVENT,
            reservation: id(buyer),
            provider: PROVIDER.into(),
            payment: payment(buyer, nth),
            amount: Money(1_000 * i64::try_from(tickets).unwrap()),
            currency: "EUR".parse().unwrap(),
        };
        submit(self, rules, Command::SettlePayment(settle))
    }

    fn sweep(
        &mut self,
        rules: &Rules,
        due_at: Timestamp,
        due: Due,
        asking: Asking,
    ) -> Option<Told> {
        let event = EVENT;
        let command = match due {
            Due::Expire(reservation) => {
                return self.expire(rules, buyer_of(reservation), due_at, asking);
            }
            Due::Outbox(outbox) => {
                let called = match asking {
                    Asking::Silent | Asking::NotAsked => None,
                    Asking::Answered => Some(self.call(rules, outbox)),
                };
                let answered = OutboxAnswered {
                    event,
                    outbox,
                    done: called.is_some(),
                    due_at,
                };
                let mut told = called.unwrap_or_default();
                told.extend(submit(self, rules, Command::OutboxAnswered(answered))?);
                return Some(told);
            }
            Due::CancelStep(event) => Command::CancelStep(CancelStep { event, due_at }),
            Due::TurnSale(event) => Command::TurnSale(TurnSale { event, due_at }),
            Due::Forget(reservation) => Command::Forget(Forget {
                event,
                reservation,
                due_at,
            }),
            Due::Publish(_) | Due::DropUpload(_) | Due::Sandbox(_) => {
                panic!("nothing files {due:?}")
            }
        };
        submit(self, rules, command)
    }

    /// Only about a pending reservation with a checkout is the provider asked.
    fn expire(
        &mut self,
        rules: &Rules,
        buyer: Buyer,
        due_at: Timestamp,
        asking: Asking,
    ) -> Option<Told> {
        let record = self.reservation(buyer);
        let open = record.is_some_and(|record| {
            record.state == ReservationState::Pending && record.checkout.is_some()
        });
        let asking = if open { asking } else { Asking::NotAsked };
        let word = match self.ask(buyer, asking) {
            Ok(word) => word,
            Err(paid) => return self.notice(rules, buyer, paid),
        };
        let expire = Expire {
            event: EVENT,
            reservation: id(buyer),
            word,
            due_at,
        };
        submit(self, rules, Command::Expire(expire))
    }

    /// Has the provider do what an outbox record asks.
    fn call(&mut self, rules: &Rules, outbox: parterre_domain::OutboxId) -> Told {
        let key = parterre_domain::keys::outbox(outbox);
        let Some(value) = self.rows.0.get(&key) else {
            return Vec::new();
        };
        let record: OutboxRecord = parterre_domain::decode(value).unwrap();
        match record.call {
            ProviderCall::Refund(PaymentId(id)) => {
                let (buyer, nth) = payment_of(&PaymentId(id));
                self.purchases[buyer].payments[nth] = Payment::Refunded;
                Vec::new()
            }
            ProviderCall::CloseSession(_) => {
                let buyer = buyer_of(record.reservation);
                match self.ask(buyer, Asking::Answered) {
                    Ok(_) => Vec::new(),
                    Err(paid) => self.notice(rules, buyer, paid).unwrap_or_default(),
                }
            }
        }
    }

    fn wait(&mut self, wait: Wait) -> Option<Told> {
        self.now = match wait {
            Wait::Next => {
                let within = self.now..=self.now + HOLD;
                let mut later = (self.due().into_iter().map(|(at, _)| at))
                    .filter(|at| *at > self.now && within.contains(at));
                later.next()?
            }
            Wait::Half => self.now + HOLD / 2,
            Wait::Hold => self.now + HOLD,
            Wait::Day => self.now + Duration::from_secs(24 * 3600),
        };
        Some(Vec::new())
    }
}

fn submit(world: &mut World, rules: &Rules, command: Command) -> Option<Told> {
    match world.run(rules, command) {
        Ok((_, record)) => Some(vec![record]),
        // The world may still have changed: the provider was asked.
        Err(_) => Some(Vec::new()),
    }
}

fn reserve(buyer: Buyer, subset: u8) -> Command {
    let tickets = (0..8).filter(|bit| subset >> bit & 1 == 1);
    let tickets = tickets.map(|bit| ReservedTicket {
        id: TicketId(bit),
        tier: 0,
    });
    Command::Reserve(Reserve {
        event: EVENT,
        reservation: id(buyer),
        token: Token::new([7; 32]),
        tickets: tickets.collect(),
        idempotency: None,
    })
}

fn begin_checkout(buyer: Buyer) -> Command {
    Command::BeginCheckout(BeginCheckout {
        event: EVENT,
        reservation: id(buyer),
        provider: PROVIDER.into(),
        buyer: parterre_domain::Buyer {
            name: "Ada".into(),
            email: "ada@example.org".into(),
        },
        success_url: "https://shop.example/yes".into(),
        cancel_url: "https://shop.example/no".into(),
    })
}

fn open_checkout(buyer: Buyer) -> Command {
    Command::OpenCheckout(OpenCheckout {
        event: EVENT,
        reservation: id(buyer),
        session: parterre_domain::Session {
            id: "session".into(),
            url: "https://pay.example".into(),
        },
    })
}

fn withdraw(ticket: u32, restore: bool) -> Command {
    Command::Withdraw(Withdraw {
        event: EVENT,
        tickets: vec![TicketId(ticket)],
        restore,
    })
}
