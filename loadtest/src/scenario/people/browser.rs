//! Somebody who looks around as people do: at a list, at an event in it, at its
//! neighbours, and at what was seen before. Each look is taken from the schedule.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parterre_domain::EventId;
use tokio::task::JoinSet;

use super::Scene;
use super::reader::{Read, Reader};
use crate::scenario::pace::Pace;
use crate::scenario::zipf::Zipf;

/// From the instant at which a look was due until its answer was there.
pub(crate) const LOOK: &str = "any look";
/// Looks that were answered before the run was over: what a rate is made of.
pub(crate) const LOOKS: &str = "looks within the run";
/// From sending to the answer: what the server and the network took.
pub(crate) const SERVED: &str = "any look, from sending";

/// Of a hundred visits so many are by somebody who is there for the first time, on a
/// connection that others had before, as behind a proxy.
const NEWCOMERS: u8 = 70;

struct Browser {
    scene: Arc<Scene>,
    random: fastrand::Rng,
    fame: Arc<Zipf>,
    reader: Reader,
    /// What this person is going to look at next.
    next: VecDeque<Look>,
}

/// One read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    kind: &'static str,
    path: String,
}

/// Starts somebody who looks around until the schedule is over.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    scene: &Arc<Scene>,
    number: usize,
    fame: &Arc<Zipf>,
    pace: &Arc<Pace>,
) {
    let seed = scene.part.seed ^ (number as u64 + 1) << 24;
    let mut browser = Browser {
        random: fastrand::Rng::with_seed(seed),
        fame: fame.clone(),
        reader: Reader::new(scene.edge(number).clone()),
        next: VecDeque::new(),
        scene: scene.clone(),
    };
    let pace = pace.clone();
    tasks.spawn(async move {
        while let Some(due) = pace.next().await {
            browser.look(due.at).await;
        }
    });
}

impl Browser {
    async fn look(&mut self, due: Instant) {
        if self.next.is_empty() {
            if self.random.u8(..100) < NEWCOMERS {
                self.reader.forget();
            }
            self.next = visit(&self.scene.part.events, &self.fame, &mut self.random);
        }
        let Some(look) = self.next.pop_front() else {
            return;
        };
        let recorder = &self.scene.recorder;
        match self.reader.read(&look.path).await {
            Ok(read) => self.note(due, &look, &read),
            Err(broken) => {
                recorder.count("looks without an answer");
                recorder.disagrees(format!("{}: {broken}", look.path));
            }
        }
    }

    fn note(&self, due: Instant, look: &Look, read: &Read) {
        let recorder = &self.scene.recorder;
        // A refusal is soon said: as a look it would make a server that fails look fast.
        if matches!(read.status, 200 | 304) {
            recorder.done(read.answered);
            if self.scene.is_playing(read.answered) {
                recorder.count(LOOKS);
            }
            recorder.took(LOOK, due, read.answered);
            recorder.took(SERVED, read.sent, read.answered);
        }
        match read.status {
            304 => recorder.took("look, not modified", due, read.answered),
            200 => recorder.took(look.kind, due, read.answered),
            429 => recorder.refused("slow-down"),
            503 => recorder.refused("core-unavailable"),
            _ => {}
        }
        if let Some(seconds) = read.stale_seconds {
            recorder.count("looks marked stale");
            recorder.stale(read.answered, seconds);
        }
        if let Some(odd) = &read.odd {
            recorder.disagrees(format!("{}: {odd}", look.path));
        }
    }
}

/// One visit: from a list to an event and to some of its neighbours.
fn visit(events: &[EventId], fame: &Zipf, random: &mut fastrand::Rng) -> VecDeque<Look> {
    let list = ["", "?category=concert", "?category=comedy", "?city=Linz"];
    let list = list[random.usize(..list.len())];
    let mut looks = vec![look("look, list", format!("/v1/events{list}"))];
    let wanted = fame.draw(random);
    for neighbour in 0..random.usize(1..=3) {
        let event = events[(wanted + neighbour) % events.len()];
        let of = |part: &str| format!("/v1/events/{event}{part}");
        looks.push(look("look, event", of("")));
        looks.push(look("look, availability", of("/availability")));
        match random.u8(..4) {
            0 => looks.push(look("look, tickets", of("/tickets?state=free&limit=50"))),
            1 => looks.push(look("look, similar", of("/similar"))),
            // Has anything become free?
            2 => looks.push(look("look, availability", of("/availability"))),
            _ => {}
        }
    }
    looks.into()
}

fn look(kind: &'static str, path: String) -> Look {
    Look { kind, path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_goes_from_a_list_to_events_beside_each_other() {
        let events: Vec<_> = (1..=20).map(EventId::from_number).collect();
        let (fame, mut random) = (Zipf::new(20, 1.0), fastrand::Rng::with_seed(2));
        for _ in 0..200 {
            let looks = visit(&events, &fame, &mut random);
            assert!(looks[0].path.starts_with("/v1/events"), "{looks:?}");
            let seen: Vec<usize> = looks
                .iter()
                .filter(|look| look.kind == "look, event")
                .map(|look| {
                    let mut at = events.iter().enumerate();
                    let at = at.find(|(_, id)| look.path.ends_with(&id.to_string()));
                    at.map(|(at, _)| at).unwrap()
                })
                .collect();
            let beside = |pair: &[usize]| pair[1] == (pair[0] + 1) % 20;
            assert!(seen.windows(2).all(beside), "{looks:?}");
        }
    }
}
