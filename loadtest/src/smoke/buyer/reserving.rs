//! Reserving: with and without a key, repeated, and held to what was wished for.

use std::collections::BTreeSet;

use parterre_domain::wire::api::ReserveRequest;
use parterre_domain::{Money, ReservationState, TicketId};

use super::{Buyer, Said, Verdict, Wish, ids};
use crate::wire::{Broken, Failure, Refused, Reply, Reserved};

impl Buyer {
    /// Reserves, as often as it takes to know the outcome where a key allows it.
    pub(super) async fn reserve(&mut self, wish: &Wish) -> Option<Reserved> {
        let key = self.random.bool().then(|| self.key());
        let reserved = self.try_to_reserve(wish, key.as_deref()).await.ok()?;
        self.has(wish, &reserved);
        if let Some(key) = key {
            self.try_the_key(wish, &key, &reserved).await;
        }
        Some(reserved)
    }

    /// Reserves without a key, which lets an edge refuse by itself; or the refusal, if
    /// there is one.
    pub(crate) async fn claim(&mut self, wish: &Wish) -> Result<Reserved, Option<Box<Refused>>> {
        let reserved = self.try_to_reserve(wish, None).await?;
        self.has(wish, &reserved);
        Ok(reserved)
    }

    /// Counts a reservation and holds it to what was wished for.
    fn has(&self, wish: &Wish, reserved: &Reserved) {
        self.stage.numbers.count("reservations");
        self.acknowledged("reservations told");
        if let Err(odd) = fits(wish, reserved) {
            self.disagrees(format!("a 201 that doesn't fit: {odd}"));
        }
    }

    async fn try_to_reserve(
        &mut self,
        wish: &Wish,
        key: Option<&str>,
    ) -> Result<Reserved, Option<Box<Refused>>> {
        let mut patience = self.stage.patience();
        let mut maybe_done = false;
        loop {
            let reply = self.shop.reserve(wish.event, &wish.request, key).await;
            if let Ok(Ok(reserved)) = &reply {
                self.told(wish, reserved);
            }
            let lost = is_unknown(&reply);
            maybe_done |= lost;
            if lost && key.is_none() {
                if let Err(Failure::Broken(broken)) = &reply {
                    self.stage.broke(broken);
                }
                self.unknown(wish);
                return Err(None);
            }
            match self.stage.judge("reserving", reply, &mut patience).await {
                Verdict::Done(reserved) => return Ok(reserved),
                Verdict::Again => {}
                Verdict::Refused(refused) => {
                    self.refused(wish, &refused);
                    return Err(Some(refused));
                }
                Verdict::GaveUp => {
                    if maybe_done {
                        self.unknown(wish);
                    }
                    return Err(None);
                }
            }
        }
    }

    fn told(&self, wish: &Wish, reserved: &Reserved) {
        let reservation = &reserved.reservation;
        self.stage
            .numbers
            .took("reserve, 201", reserved.answered - reserved.sent);
        self.stage.began(wish.event, reserved.rev, reserved.sent);
        self.note(Said::Reserved {
            reservation: reservation.id,
            event: reservation.event,
            tickets: ids(reserved),
            token: reserved.token.clone(),
            rev: reserved.rev,
            created_at: reservation.created_at,
            expires_at: reservation.expires_at,
            sent: self.stage.ledger.time_of(reserved.sent),
        });
    }

    fn unknown(&self, wish: &Wish) {
        self.stage.numbers.count("outcomes unknown");
        self.note(Said::Unknown {
            event: wish.event,
            tickets: wish.request.tickets.clone().unwrap_or_default(),
            count: wish.count,
        });
    }

    fn refused(&self, wish: &Wish, refused: &Refused) {
        if let Err(odd) = refusal_fits(wish, refused) {
            self.disagrees(format!("a refusal that doesn't fit: {odd}"));
        }
        self.note(Said::Refused {
            event: wish.event,
            slug: refused.slug.clone(),
        });
    }

    /// Sometimes repeats a request with its key, and sometimes uses the key for another.
    async fn try_the_key(&mut self, wish: &Wish, key: &str, first: &Reserved) {
        match self.random.u8(..16) {
            0..4 => {
                let reply = self
                    .shop
                    .reserve(wish.event, &wish.request, Some(key))
                    .await;
                self.stage.numbers.count("replays asked for");
                if let Ok(Ok(again)) = &reply
                    && (again.reservation.id != first.reservation.id
                        || again.token != first.token
                        || ids(again) != ids(first))
                {
                    let (was, is) = (first.reservation.id, again.reservation.id);
                    self.disagrees(format!("a replay of {was} answered {is}"));
                }
                self.only_passing("a replay", reply, None);
            }
            4 => {
                let other = ReserveRequest {
                    tickets: Some(vec![TicketId(0)]),
                    best: None,
                };
                if other != wish.request {
                    let reply = self.shop.reserve(wish.event, &other, Some(key)).await;
                    self.only_passing("a key's other use", reply, Some("idempotency-mismatch"));
                }
            }
            _ => {}
        }
    }

    /// The reply must be this refusal, or success where none is expected, or trouble that
    /// passes.
    fn only_passing(&self, what: &str, reply: Reply<Reserved>, expected: Option<&str>) {
        match reply {
            Ok(Ok(_)) if expected.is_none() => {}
            Ok(Ok(told)) => {
                let id = told.reservation.id;
                self.disagrees(format!("{what} was answered 201 {id}"));
            }
            Ok(Err(refused)) if expected == Some(refused.slug.as_str()) => {}
            Ok(Err(refused)) if refused.is_passing() || refused.leaves_unknown() => {}
            Ok(Err(refused)) => {
                let slug = refused.slug;
                self.disagrees(format!("{what} was refused: {slug}"));
            }
            Err(Failure::Broken(broken)) => self.stage.broke(&broken),
            Err(Failure::Odd(odd)) => self.disagrees(format!("{what}: {odd}")),
        }
    }

    /// A key as API.md wants it: random, 32 visible characters.
    fn key(&mut self) -> String {
        format!("{:032x}", self.random.u128(..))
    }
}

/// Whether a request to reserve may have been carried out without an answer.
fn is_unknown(reply: &Reply<Reserved>) -> bool {
    match reply {
        Ok(Err(refused)) => refused.leaves_unknown(),
        Err(Failure::Broken(Broken::Lost(_))) => true,
        // An odd answer to a write tells nothing of its outcome either.
        Err(Failure::Odd(_)) => true,
        Ok(Ok(_)) | Err(Failure::Broken(Broken::NotSent(_))) => false,
    }
}

/// Whether a 201 is what was wished for.
fn fits(wish: &Wish, reserved: &Reserved) -> Result<(), String> {
    let reservation = &reserved.reservation;
    let got = ids(reserved);
    let distinct: BTreeSet<_> = got.iter().collect();
    let total: Money = reservation.tickets.iter().map(|ticket| ticket.price).sum();
    if reservation.event != wish.event {
        return Err(format!("of event {}", reservation.event));
    }
    if got.len() != wish.count || distinct.len() != wish.count {
        return Err(format!("{} wished for, got {got:?}", wish.count));
    }
    if let Some(tickets) = &wish.request.tickets
        && !tickets.iter().collect::<BTreeSet<_>>().eq(&distinct)
    {
        return Err(format!("{tickets:?} wished for, got {got:?}"));
    }
    if reservation.total != total {
        return Err(format!("total {:?} of {total:?}", reservation.total));
    }
    if reservation.state != ReservationState::Pending {
        return Err(format!("it is {}", reservation.state.as_str()));
    }
    if reservation.expires_at <= reservation.created_at {
        return Err("it expires before it begins".to_owned());
    }
    let Some(best) = &wish.request.best else {
        return Ok(());
    };
    let tickets = &reservation.tickets;
    let in_section = |section: &String| tickets.iter().all(|ticket| ticket.section == *section);
    let in_tier = |tier: &String| tickets.iter().all(|ticket| ticket.tier == *tier);
    if !best.section.as_ref().is_none_or(in_section) || !best.tier.as_ref().is_none_or(in_tier) {
        return Err(format!("{best:?} got {tickets:?}"));
    }
    if best.together && !side_by_side(&got) {
        return Err(format!("together was wished for, got {got:?}"));
    }
    Ok(())
}

/// Whether tickets stand next to each other, in events laid out as this run's are.
fn side_by_side(tickets: &[TicketId]) -> bool {
    let mut ids: Vec<u32> = tickets.iter().map(|ticket| ticket.0).collect();
    ids.sort_unstable();
    ids.windows(2)
        .all(|pair| pair[1] == pair[0] + 1 && pair[0] / 20 == pair[1] / 20)
}

/// Whether a refusal says what API.md says that it says.
fn refusal_fits(wish: &Wish, refused: &Refused) -> Result<(), String> {
    if wish.at_opening && refused.slug == "not-on-sale" {
        return Ok(());
    }
    if refused.slug != "tickets-taken" {
        return Err(format!("{} {}", refused.slug, refused.problem.detail));
    }
    let taken = refused.problem.taken.as_deref().unwrap_or_default();
    match &wish.request.tickets {
        None if taken.is_empty() => Ok(()),
        Some(tickets)
            if !taken.is_empty() && taken.iter().all(|taken| tickets.contains(&taken.id)) =>
        {
            Ok(())
        }
        _ => Err(format!("{:?} wished for, taken {taken:?}", wish.request)),
    }
}
