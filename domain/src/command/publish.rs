//! Makes a draft visible to everybody, complete at one instant.

use super::{Answer, turn_sale};
use crate::keys::{self, Due};
use crate::state::{Decision, Overlay};
use crate::{EventId, EventRecord, Life, Refusal, Timestamp};

/// Publishes a draft now, or files it for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Which event.
    pub event: EventId,
    /// Not before this time; none means now.
    pub at: Option<Timestamp>,
    /// When it comes from the due index: where the entry lies.
    pub due_at: Option<Timestamp>,
}

impl Publish {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        if let Some(due_at) = self.due_at {
            if now < due_at {
                // The clock went back since the sweep looked: its entry must stay.
                return Ok(Answer::Done);
            }
            overlay.clear_due(due_at, Due::Publish(self.event));
        }
        let mut record = match overlay.event_to_change(self.event)? {
            Some(record) => record,
            None if self.due_at.is_some() => return Ok(Answer::Done),
            None => return Err(Refusal::NotFound("event").into()),
        };
        let scheduled = match record.life {
            Life::Draft => None,
            Life::Scheduled { at } => Some(at),
            Life::Published => return Ok(Answer::Event(Box::new(record))),
            // The entry of the due index is spent either way; refusing would keep it.
            Life::Cancelled | Life::Dropped if self.due_at.is_some() => return Ok(Answer::Done),
            Life::Cancelled | Life::Dropped => {
                let reason = "a cancelled event can't be published";
                return Err(Refusal::Conflict {
                    state: "cancelled",
                    reason,
                }
                .into());
            }
        };
        if self.due_at.is_some() && scheduled.is_none_or(|at| at > now) {
            return Ok(Answer::Event(Box::new(record)));
        }
        if record.total == 0 {
            return Err(Refusal::invalid(
                "tickets",
                "an event needs at least one ticket to be published",
            )
            .into());
        }
        if let Some(at) = scheduled {
            overlay.clear_due(at, Due::Publish(self.event));
        }
        match self.at.filter(|&at| at > now) {
            Some(at) => {
                record.life = Life::Scheduled { at };
                overlay.put_due(at, Due::Publish(self.event));
            }
            None => publish(overlay, &mut record, now)?,
        }
        overlay.put_event(&record);
        Ok(Answer::Event(Box::new(record)))
    }
}

fn publish(overlay: &mut Overlay, record: &mut EventRecord, now: Timestamp) -> Decision<()> {
    overlay.tell_withdrawn(record.id)?;
    record.life = Life::Published;
    record.phase = record.phase_at(now);
    overlay.set(keys::by_date(record.about.starts_at, record.id), Vec::new());
    for at in turn_sale::turns(record).into_iter().filter(|&at| at > now) {
        overlay.put_due(at, Due::TurnSale(record.id));
    }
    Ok(())
}

/// Moves a published event in the order of dates.
pub(super) fn refile_date(overlay: &mut Overlay, before: &EventRecord, after: &EventRecord) {
    if before.about.starts_at != after.about.starts_at {
        overlay.clear(keys::by_date(before.about.starts_at, before.id));
        overlay.set(keys::by_date(after.about.starts_at, after.id), Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::World;
    use super::*;
    use crate::command::{Command, Withdraw};
    use crate::{CountsChange, TicketId};

    #[test]
    fn an_event_without_tickets_stays_a_draft() {
        let mut world = World::draft();
        assert!(matches!(world.publish(None), Err(Refusal::Invalid(_))));
        assert_eq!(world.event().life, Life::Draft);
    }

    #[test]
    fn a_put_off_publishing_happens_at_its_time_and_once() {
        let mut world = World::with_tickets(3);
        let at = world.now + Duration::from_secs(60);
        world.publish(Some(at)).unwrap();
        assert_eq!(world.event().life, Life::Scheduled { at });
        world.sweep();
        assert_eq!(world.event().life, Life::Scheduled { at });
        world.now = at;
        world.sweep();
        assert_eq!(world.event().life, Life::Published);
        assert_eq!(world.rows.range(&keys::all_by_date()).count(), 1);
        world.assert_sound();
    }

    #[test]
    fn a_clock_that_goes_back_loses_no_put_off_publishing() {
        let mut world = World::with_tickets(3);
        let before = world.now;
        let at = before + Duration::from_secs(60);
        world.publish(Some(at)).unwrap();
        let swept = Publish {
            event: World::EVENT,
            at: None,
            due_at: Some(at),
        };
        world.run(super::super::Command::Publish(swept)).unwrap();
        assert_eq!(world.event().life, Life::Scheduled { at });
        world.assert_sound();
        world.now = at;
        world.sweep();
        assert_eq!(world.event().life, Life::Published);
    }

    #[test]
    fn the_log_says_how_many_tickets_of_the_draft_are_withdrawn() {
        for withdrawn in [0, 2] {
            let mut world = World::with_tickets(5);
            if withdrawn > 0 {
                let withdraw = Withdraw {
                    event: World::EVENT,
                    tickets: (0..withdrawn).map(TicketId).collect(),
                    restore: false,
                };
                world.run(Command::Withdraw(withdraw)).unwrap();
            }
            let publish = Command::Publish(Publish {
                event: World::EVENT,
                at: None,
                due_at: None,
            });
            let (_, record) = world.rows.run(&publish, world.now).unwrap();
            assert_eq!(record.events.len(), 1);
            assert_eq!(record.events[0].withdrawn_before, withdrawn);
            assert_eq!(record.events[0].counts, CountsChange::default());
        }
    }

    #[test]
    fn publishing_again_answers_the_same() {
        let mut world = World::on_sale(3);
        let before = world.event();
        assert_eq!(world.publish(None), Ok(Answer::Event(Box::new(before))));
    }
}
