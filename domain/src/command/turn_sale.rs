//! Opens or closes a sale by the clock.

use super::Answer;
use crate::keys::Due;
use crate::state::{Decision, Overlay};
use crate::{EventId, EventRecord, Life, Timestamp};

/// Commits the phase that the sale has by now, so that it has a rev and reaches every
/// screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnSale {
    /// Which event.
    pub event: EventId,
    /// Where its entry in the due index lies.
    pub due_at: Timestamp,
}

impl TurnSale {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        if now < self.due_at {
            // The clock went back since the sweep looked: its entry must stay.
            return Ok(Answer::Done);
        }
        overlay.clear_due(self.due_at, Due::TurnSale(self.event));
        let Some(mut record) = overlay.event_to_change(self.event)? else {
            return Ok(Answer::Done);
        };
        let phase = record.phase_at(now);
        if record.life == Life::Published && record.phase != phase {
            record.phase = phase;
            overlay.put_event(&record);
            // Another core, whose clock is ahead, may have seen the turns that are still
            // to come by this one, and cleared their entries.
            for at in turns(&record).into_iter().filter(|&at| at > now) {
                overlay.put_due(at, Due::TurnSale(record.id));
            }
        }
        Ok(Answer::Done)
    }
}

/// The moments at which an event's sale may still turn.
pub(super) fn turns(record: &EventRecord) -> [Timestamp; 2] {
    [record.sale_opens_at(), record.sale_closes_at()]
}

/// Files the entries of a published event anew, moved or not: a core whose clock is a
/// little behind may have turned the phase back, so that it must turn once more.
pub(super) fn refile(overlay: &mut Overlay, before: &EventRecord, after: &EventRecord) {
    for at in turns(before) {
        overlay.clear_due(at, Due::TurnSale(before.id));
    }
    for at in turns(after) {
        overlay.put_due(at, Due::TurnSale(after.id));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Command;
    use super::super::testing::World;
    use super::*;
    use crate::SalePhase;

    fn turn(world: &mut World, due_at: Timestamp) {
        let event = World::EVENT;
        let turn = Command::TurnSale(TurnSale { event, due_at });
        world.run(turn).unwrap();
    }

    #[test]
    fn a_clock_that_goes_back_loses_no_turn() {
        let mut world = World::upcoming(2, Duration::from_secs(100), Duration::from_secs(200));
        let begin = world.now;
        let [opens, closes] = [100, 200].map(|seconds| begin + Duration::from_secs(seconds));
        for (at, phase) in [(opens, SalePhase::Open), (closes, SalePhase::Closed)] {
            world.now = at - Duration::from_millis(1);
            let before = world.event().phase;
            turn(&mut world, at);
            assert_eq!(world.event().phase, before);
            world.assert_sound();
            world.now = at;
            world.sweep();
            assert_eq!(world.event().phase, phase);
        }
        // A core whose clock is behind comes late to an entry that another has done.
        world.now = closes - Duration::from_millis(1);
        turn(&mut world, opens);
        assert_eq!(world.event().phase, SalePhase::Open);
        world.assert_sound();
        world.now = closes;
        world.sweep();
        assert_eq!(world.event().phase, SalePhase::Closed);
    }

    #[test]
    fn a_sale_opens_and_closes_at_its_times() {
        let mut world = World::upcoming(2, Duration::from_secs(100), Duration::from_secs(200));
        let begin = world.now;
        let steps = [
            (0, SalePhase::Upcoming),
            (99, SalePhase::Upcoming),
            (100, SalePhase::Open),
            (199, SalePhase::Open),
            (200, SalePhase::Closed),
        ];
        for (seconds, phase) in steps {
            world.now = begin + Duration::from_secs(seconds);
            world.sweep();
            assert_eq!(world.event().phase, phase, "after {seconds} s");
        }
        world.assert_sound();
    }
}
