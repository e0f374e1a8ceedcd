//! Somebody who waits for a sale to open, watching, and then wants the front rows, as
//! everybody does. Whoever loses a race looks again and tries again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parterre_domain::wire::api::{BestWish, ReserveRequest};
use parterre_domain::{EventId, States, TicketId, TicketState};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Scene;
use super::picture::Screen;
use super::watcher::Watcher;
use crate::scenario::crowd::Rush;
use crate::smoke::{Buyer, Stage, Wish};
use crate::wire::{Refused, Reserved};

/// From the opening of the sale to one's own 201.
pub(crate) const BOUGHT: &str = "opening to own 201";
/// How often one person tries.
const TRIES: usize = 20;
/// The mean of how long somebody thinks after losing a race.
const THINKING: Duration = Duration::from_millis(300);
/// How many free tickets from the front somebody considers: where everybody meets.
const FRONT: usize = 60;
/// How long somebody waits at most when told that the sale isn't open yet.
const NOT_YET: Duration = Duration::from_secs(1);
/// How long after the opening an edge may not know of it.
const OPENING: Duration = Duration::from_secs(5);

/// One of the crowd.
struct Waiting {
    scene: Arc<Scene>,
    rush: Rush,
    random: fastrand::Rng,
    event: EventId,
    screen: Arc<Screen>,
    buyer: Buyer,
    count: u16,
    wants_best: bool,
}

/// What somebody sees on a screen.
enum Sight {
    /// Nothing so far, which isn't the same as nothing free.
    Blank,
    SoldOut,
    Wanted(Wish),
}

/// Starts somebody's screen; the buying begins with [`buy`].
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    scene: &Arc<Scene>,
    number: usize,
    door: &Arc<Semaphore>,
) {
    let event = scene.part.events[0];
    let mut watcher = Watcher::new(scene, number, event, true);
    let door = door.clone();
    tasks.spawn(async move {
        if let Some(live) = watcher.come(&door).await {
            watcher.watch(live).await;
        }
    });
}

/// Lets everybody buy, from the opening on.
pub(super) fn buy(tasks: &mut JoinSet<()>, scene: &Arc<Scene>, stage: &Arc<Stage>) {
    let Some(rush) = &scene.part.rush else {
        return;
    };
    let event = scene.part.events[0];
    let screens: Vec<_> = scene.screens_of(event).collect();
    for (number, screen) in screens {
        let mut random = fastrand::Rng::with_seed(scene.part.seed ^ (number as u64 + 1) << 16);
        let waiting = Waiting {
            scene: scene.clone(),
            rush: rush.clone(),
            event,
            buyer: Buyer::new(stage.clone(), number),
            count: random.u16(1..=4),
            wants_best: random.u8(..100) < rush.best_percent,
            random,
            screen,
        };
        tasks.spawn(waiting.run());
    }
}

impl Waiting {
    async fn run(mut self) {
        let opens = self.opens();
        let reaction = self.rush.reaction.mul_f64(self.random.f64());
        tokio::time::sleep_until((opens + reaction).into()).await;
        match self.reserve(opens, opens + reaction).await {
            Some(reserved) if self.random.u8(..100) < self.rush.pay_percent => {
                self.buyer.buy(reserved).await;
                self.scene.recorder.count("people who went to pay");
            }
            Some(reserved) => {
                self.buyer.let_go(reserved).await;
                self.scene.recorder.count("people who let go again");
            }
            None => self.scene.recorder.count("people who left without tickets"),
        }
    }

    /// Tries until it has tickets, sees none any more, or has tried too often.
    async fn reserve(&mut self, opens: Instant, mut due: Instant) -> Option<Reserved> {
        let over = self.scene.recorder.began() + self.scene.part.lasts;
        for tried in 0..TRIES {
            if Instant::now() > over {
                break;
            }
            let wish = match self.wish() {
                Sight::Wanted(wish) => wish,
                Sight::SoldOut => return None,
                Sight::Blank => {
                    tokio::time::sleep(THINKING).await;
                    continue;
                }
            };
            let scene = self.scene.clone();
            let recorder = &scene.recorder;
            recorder.due(due);
            match self.buyer.claim(&wish).await {
                Ok(reserved) => {
                    recorder.took("try, 201", due, reserved.answered);
                    recorder.took(BOUGHT, opens, reserved.answered);
                    recorder.done(reserved.answered);
                    if tried == 0 {
                        recorder.count("people who got tickets at the first try");
                    }
                    return Some(reserved);
                }
                Err(Some(refused)) => {
                    recorder.took("try, refused", due, Instant::now());
                    recorder.done(Instant::now());
                    if self.wants_best && self.count > 1 && tried > 2 {
                        self.count -= 1;
                    }
                    due = Instant::now() + self.thinks(&refused);
                    tokio::time::sleep_until(due.into()).await;
                }
                Err(None) => return None,
            }
        }
        self.scene.recorder.count("people who gave up trying");
        None
    }

    /// What this person wants of what its screen shows.
    fn wish(&mut self) -> Sight {
        let at_opening = Instant::now() < self.opens() + OPENING;
        let (event, count, random) = (self.event, self.count, &mut self.random);
        let seen = self.screen.looked_at(|fold| {
            let (request, count) = match fold.counts().free {
                0 => return Sight::SoldOut,
                _ if self.wants_best => (best(count), count.into()),
                _ => picked(front(fold.states(), count.into(), random)),
            };
            Sight::Wanted(Wish {
                event,
                request,
                count,
                at_opening,
            })
        });
        seen.unwrap_or(Sight::Blank)
    }

    fn opens(&self) -> Instant {
        self.scene.recorder.began() + self.rush.opens_at
    }

    /// How long it thinks before the next try, some longer than others; or waits, where the
    /// sale isn't open yet.
    fn thinks(&mut self, refused: &Refused) -> Duration {
        match refused.slug.as_str() {
            "not-on-sale" => refused.retry_after.unwrap_or(NOT_YET).min(NOT_YET),
            _ => THINKING.mul_f64(-(1.0 - self.random.f64()).ln()),
        }
    }
}

fn picked(tickets: Vec<TicketId>) -> (ReserveRequest, usize) {
    let count = tickets.len();
    let request = ReserveRequest {
        tickets: Some(tickets),
        best: None,
    };
    (request, count)
}

fn best(count: u16) -> ReserveRequest {
    ReserveRequest {
        tickets: None,
        best: Some(BestWish {
            count,
            tier: None,
            section: None,
            together: count > 1,
        }),
    }
}

/// Some free tickets beside each other near the front; fewer when fewer are free.
fn front(states: &States, count: usize, random: &mut fastrand::Rng) -> Vec<TicketId> {
    let numbered = (0..).zip(states.iter());
    let free = numbered.filter(|(_, state)| *state == TicketState::Free);
    let free: Vec<_> = free.map(|(at, _)| TicketId(at)).take(FRONT).collect();
    let count = count.min(free.len());
    let first = random.usize(0..=free.len() - count);
    free[first..first + count].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_wants_free_tickets_at_the_front() {
        let mut random = fastrand::Rng::with_seed(4);
        let states = States::from_letters(&format!("ppsf{}", "f".repeat(200))).unwrap();
        for _ in 0..100 {
            let wanted = front(&states, 3, &mut random);
            let at_front = |ticket: &TicketId| (3..63).contains(&ticket.0);
            assert!(
                wanted.len() == 3 && wanted.iter().all(at_front),
                "{wanted:?}"
            );
        }
        let last = States::from_letters("pfp").unwrap();
        assert_eq!(front(&last, 4, &mut random), [TicketId(1)]);
        let none = States::from_letters("ppp").unwrap();
        assert_eq!(front(&none, 4, &mut random), []);
    }
}
