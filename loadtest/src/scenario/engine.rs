//! Runs a plan: events, crowd, changes, samples, the audit, and what came of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parterre_domain::wire::api::Availability;
use parterre_domain::{EventId, Timestamp};

use super::ceiling::ceiling;
use super::changer::Changer;
use super::crowd::{Change, Crowd, Known, Part, Watching};
use super::drawn::{Drawn, Ended};
use super::outcome::Outcome;
use super::people::{BACK, CUT, event_of, stage};
use super::plan::{Ending, Events, Plan};
use super::programme;
use super::progress::Progress;
use super::recorder::{Recorded, Recorder};
use super::report::Report;
use super::sampler::{Sampler, Samples};
use super::zipf::Zipf;
use crate::clock;
use crate::numbers::locked;
use crate::smoke::{Stage, settle};
use crate::wire::{Failure, Shop};

/// Until everybody has heard when to begin.
pub(super) const HEAD_START: Duration = Duration::from_millis(500);

/// A plan under way.
struct Run {
    plan: Plan,
    token: String,
    events: Vec<EventId>,
    changes: Vec<Change>,
    /// When they end before the run does.
    ended: Option<Ended>,
    processes: usize,
    progress: Progress,
}

/// Runs a plan to its report.
///
/// # Errors
///
/// When it can't even begin: its changes don't fit, the core can't be reached or refuses
/// the token, an edge doesn't show the events, or the crowd can't come together.
pub(super) async fn run(plan: Plan, token: String) -> Result<Report, Failure> {
    let drawn = Drawn::of(&plan).map_err(Failure::Odd)?;
    let progress = Progress::new(plan.lasts());
    progress.says("publishing events");
    let events = programme::prepare(&plan, &token).await?;
    let crowd = plan.crowd(&events);
    let run = Run {
        processes: plan.run.processes.unwrap_or(crowd.processes()).max(1),
        changes: drawn.changes(&events),
        ended: drawn.ended,
        plan,
        token,
        events,
        progress,
    };
    let outcome = run.play(crowd).await;
    run.progress.clear();
    let outcome = outcome?;
    let findings = (run.plan.findings)(&outcome);
    Ok(Report::new(
        run.plan.subject(run.processes),
        findings,
        &outcome,
    ))
}

impl Run {
    async fn play(&self, mut part: Part) -> Result<Outcome, Failure> {
        let ceiling = match self.plan.finds_ceiling {
            true => Some(ceiling(&part, self.processes, &self.progress).await?),
            false => None,
        };
        if let Some(watching) = &mut part.watching {
            watching.changes.clone_from(&self.changes);
        }
        let sampler = Sampler::new(&self.plan.run.pids, &self.plan.run.ops)?;
        self.progress.says("everybody is coming");
        let mut crowd = Crowd::gather(part.split(self.processes)).await?;
        let begins = Instant::now() + HEAD_START;
        self.opens(begins).await?;
        let recorder = Arc::<Recorder>::default();
        recorder.begin(begins);
        let stage = Arc::new(stage(&part, &self.token, begins));
        let changer = self.changer(&stage, &recorder);
        let load = self.under_load(begins, &mut crowd, &stage, changer.as_ref(), sampler);
        let (recorded, samples) = load.await;
        let mut outcome = Outcome {
            recorded,
            samples,
            ceiling,
            deliveries_due: 0,
            sold_out_at: self.ended.map(|ended| ended.at),
            cut_at: part.watching.as_ref().and_then(|of| of.cut_at),
            lasts: self.plan.lasts(),
        };
        let known = Known {
            core: self.close(&stage, changer.as_ref()).await,
            may_go_on: matches!(self.plan.events, Events::Existing(_)),
            answered: changer.map_or_else(BTreeMap::new, |changer| changer.answered()),
        };
        outcome.deliveries_due = self.deliveries_due(&known);
        outcome.recorded.merge(crowd.compare(&known).await);
        outcome.recorded.merge(recorder.take());
        outcome.recorded.absorb(&stage.numbers);
        missing(&mut outcome.recorded);
        Ok(outcome)
    }

    /// The load itself: the crowd plays and changes are made, while somebody looks at the
    /// server.
    async fn under_load(
        &self,
        begins: Instant,
        crowd: &mut Crowd,
        stage: &Stage,
        changer: Option<&Arc<Changer>>,
        sampler: Sampler,
    ) -> (Recorded, Samples) {
        let samples = Mutex::new(Samples::default());
        let changed = async {
            if let Some(changer) = changer {
                changer.run(self.plan.lasts()).await;
            }
        };
        let played = async { tokio::join!(crowd.play(begins, stage, &self.progress), changed).0 };
        let recorded = tokio::select! {
            recorded = played => recorded,
            never = sampler.run(begins, &samples) => match never {},
            never = self.progress.follow(begins) => match never {},
        };
        let samples = std::mem::take(&mut *locked(&samples));
        (recorded, samples)
    }

    /// Sets when the sale opens, where that is a part of the plan.
    async fn opens(&self, begins: Instant) -> Result<(), Failure> {
        let (Some(rush), Some(event)) = (&self.plan.rush, self.events.first()) else {
            return Ok(());
        };
        let at = clock::shared(begins + rush.opens_at).as_millis();
        let at = Timestamp::from_millis(i64::try_from(at).unwrap_or(i64::MAX));
        programme::opens(&self.plan, &self.token, *event, at).await
    }

    fn changer(&self, stage: &Arc<Stage>, recorder: &Arc<Recorder>) -> Option<Arc<Changer>> {
        let how = self.plan.changes?;
        Some(Changer::new(stage, recorder, how, &self.changes))
    }

    /// Lets go of what is still held, and audits; gives what the core says at the end, or
    /// an edge where nothing was written.
    async fn close(&self, stage: &Stage, changer: Option<&Arc<Changer>>) -> Vec<Availability> {
        self.progress.says("auditing");
        if let Some(changer) = changer
            && self
                .plan
                .changes
                .is_some_and(|how| how.ending == Ending::LetGo)
        {
            changer.let_go().await;
        }
        if self.plan.writes() {
            stage.ledger.sort();
            return settle(stage).await;
        }
        let mut shop = Shop::new(self.plan.run.server.edges[0].clone());
        let mut shown = Vec::new();
        for event in &self.events {
            let numbers = &stage.numbers;
            match shop.availability(*event).await {
                Ok(Ok(availability)) => shown.push(availability),
                Ok(Err(refused)) => {
                    numbers.disagrees(format!("{event} at the end: {}", refused.slug));
                }
                Err(failure) => numbers.disagrees(format!("{event} at the end: {failure}")),
            }
        }
        shown
    }

    /// Screens that should show a change, added up over all that were answered 201.
    fn deliveries_due(&self, known: &Known) -> u64 {
        let watchers = self.watchers();
        let answered = known.answered.keys();
        let due = answered.filter_map(|number| {
            let change = self.changes.get(*number as usize)?;
            watchers.get(&change.event)
        });
        due.sum()
    }

    /// How many watch each event.
    fn watchers(&self) -> HashMap<EventId, u64> {
        let mut watchers = HashMap::new();
        if let Some(Watching { people, zipf, .. }) = self.plan.watching {
            let fame = Zipf::new(self.events.len(), zipf);
            for number in 0..people {
                let event = event_of(number, &self.events, &fame);
                *watchers.entry(event).or_default() += 1;
            }
        }
        watchers
    }
}

/// What should have been there and isn't: a run in which nothing happens agrees with
/// anything.
fn missing(recorded: &mut Recorded) {
    let pace = recorded.pace.values();
    let (due, done) = pace.fold((0, 0), |sum, of| (sum.0 + of.due, sum.1 + of.done));
    if due > 0 && done == 0 {
        recorded.disagrees(format!("{due} things were due and none was done"));
    }
    let back = recorded.took.get(BACK);
    let back = back.map_or(0, |series| series.whole.histogram().len());
    let cut = recorded.counted(CUT);
    if back < cut {
        recorded.disagrees(format!("{cut} watchers were cut and {back} came back"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_run_in_which_nothing_was_done_or_somebody_stayed_away_disagrees() {
        let check = |due: u64, done: u64, cut: u64, back: u64, expected: u64| {
            let recorder = Recorder::default();
            let began = recorder.began();
            recorder.begin(began);
            recorder.add(CUT, cut);
            (0..due).for_each(|_| recorder.due(began));
            (0..done).for_each(|_| recorder.done(began));
            (0..back).for_each(|_| recorder.took(BACK, began, began + Duration::from_secs(1)));
            let mut recorded = recorder.take();
            missing(&mut recorded);
            let said = (due, done, cut, back);
            assert_eq!(recorded.disagreements.count, expected, "{said:?}");
        };
        check(0, 0, 0, 0, 0);
        check(5, 0, 0, 0, 1);
        check(5, 1, 0, 0, 0);
        check(0, 0, 3, 3, 0);
        check(5, 0, 3, 2, 2);
    }
}
