//! Changes: reservations of one ticket each, due at planned instants, and made by a few
//! buyers. Which ticket is taken when is drawn before the run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parterre_domain::wire::api::ReserveRequest;
use tokio::task::JoinSet;

use super::crowd::Change;
use super::pace::{Due, Pace};
use super::plan::{Changes, Ending};
use super::recorder::Recorder;
use crate::numbers::locked;
use crate::smoke::{Buyer, Stage, Wish};
use crate::wire::{Refused, Reserved};

/// Who makes the changes.
pub(super) struct Changer {
    stage: Arc<Stage>,
    recorder: Arc<Recorder>,
    how: Changes,
    plan: Arc<[Change]>,
    /// When each was answered 201, from when it was due.
    answered: Mutex<BTreeMap<u32, Duration>>,
    /// Reservations to let go of.
    held: Mutex<Vec<Reserved>>,
}

impl Changer {
    pub(super) fn new(
        stage: &Arc<Stage>,
        recorder: &Arc<Recorder>,
        how: Changes,
        plan: &[Change],
    ) -> Arc<Self> {
        recorder.plans(plan.iter().map(|change| change.at));
        Arc::new(Self {
            stage: stage.clone(),
            recorder: recorder.clone(),
            how,
            plan: plan.into(),
            answered: Mutex::default(),
            held: Mutex::default(),
        })
    }

    /// Makes every change when it is due, or as soon after as somebody is free.
    pub(super) async fn run(self: &Arc<Self>, lasts: Duration) {
        let instants: Vec<_> = self.plan.iter().map(|change| change.at).collect();
        let pace = Pace::keep(instants.into_iter(), lasts, self.recorder.began());
        let pace = Arc::new(pace);
        let mut people = JoinSet::new();
        for number in 0..self.how.people {
            let (changer, pace) = (self.clone(), pace.clone());
            let mut buyer = Buyer::new(self.stage.clone(), number);
            people.spawn(async move {
                while let Some(due) = pace.next().await {
                    changer.change(&mut buyer, due).await;
                }
            });
        }
        self.joined(people).await;
    }

    /// Lets go of what is still held.
    pub(super) async fn let_go(self: &Arc<Self>) {
        let mut people = JoinSet::new();
        for number in 0..self.how.people {
            let changer = self.clone();
            let mut buyer = Buyer::new(self.stage.clone(), number);
            people.spawn(async move {
                while let Some(reserved) = changer.next_held() {
                    buyer.let_go(reserved).await;
                }
            });
        }
        self.joined(people).await;
    }

    /// When each change was answered 201, from when it was due.
    pub(super) fn answered(&self) -> BTreeMap<u32, Duration> {
        locked(&self.answered).clone()
    }

    async fn change(&self, buyer: &mut Buyer, due: Due) {
        let change = &self.plan[due.number];
        let wish = Wish {
            event: change.event,
            request: ReserveRequest {
                tickets: Some(vec![change.ticket]),
                best: None,
            },
            count: 1,
            at_opening: false,
        };
        let reserved = match buyer.claim(&wish).await {
            Ok(reserved) => reserved,
            Err(refused) => return self.refused(*change, refused.as_deref()),
        };
        let what = format!("{}, 201", self.how.name);
        self.recorder.took(&what, due.at, reserved.answered);
        self.recorder.done(reserved.answered);
        let number = u32::try_from(due.number).unwrap_or(u32::MAX);
        let after = reserved.answered.saturating_duration_since(due.at);
        locked(&self.answered).insert(number, after);
        match self.how.ending {
            Ending::LetGo => locked(&self.held).push(reserved),
            Ending::Pay => {
                let began = Instant::now();
                buyer.buy(reserved).await;
                let what = format!("{}, checkout and payment", self.how.name);
                self.recorder.lasted(&what, began.elapsed());
            }
        }
    }

    /// Nobody else wants the tickets of the plan, so only a server that is busy may refuse.
    fn refused(&self, change: Change, refused: Option<&Refused>) {
        let Some(Refused { slug, .. }) = refused else {
            return;
        };
        if !matches!(slug.as_str(), "busy" | "core-unavailable" | "slow-down") {
            let Change { event, ticket, .. } = change;
            let said = format!("{ticket} of {event}, which nobody else wants, was refused: {slug}");
            self.recorder.disagrees(said);
        }
    }

    fn next_held(&self) -> Option<Reserved> {
        locked(&self.held).pop()
    }

    async fn joined(&self, mut people: JoinSet<()>) {
        while let Some(ended) = people.join_next().await {
            if let Err(error) = ended {
                let said = format!("the load tester itself: {error}");
                self.recorder.disagrees(said);
            }
        }
    }
}
