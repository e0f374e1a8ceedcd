//! Makes a draft.

use super::{Answer, about};
use crate::state::{Decision, Overlay};
use crate::{About, EventId, EventRecord, Life, SalePhase, Timestamp};

/// An administrator makes a draft. A repeat with the same id answers the event as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateEvent {
    /// The new event's id.
    pub event: EventId,
    /// What is said of it.
    pub about: About,
}

impl CreateEvent {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        if let Some(record) = overlay.event_to_change(self.event)? {
            return Ok(Answer::Event(Box::new(record)));
        }
        about::check(&self.about)?;
        let mut record = EventRecord {
            id: self.event,
            about: self.about.clone(),
            life: Life::Draft,
            phase: SalePhase::Upcoming,
            tiers: Vec::new(),
            uploads: Vec::new(),
            total: 0,
            created_at: now,
            cancelling: false,
        };
        record.phase = record.phase_at(now);
        overlay.put_event(&record);
        Ok(Answer::Event(Box::new(record)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, about};
    use super::*;
    use crate::{Refusal, command::Command, limits};

    type Spoil = fn(&mut About);

    #[test]
    fn every_field_that_breaks_a_rule_is_named() {
        let rows: &[(Spoil, &str)] = &[
            (|a| a.title = " ".into(), "title"),
            (|a| a.city = String::new(), "city"),
            (|a| a.venue = "v".repeat(limits::NAME_CHARS + 1), "venue"),
            (|a| a.max_tickets = 0, "max_tickets"),
            (|a| a.max_tickets = 101, "max_tickets"),
            (|a| a.hold_seconds = 9, "hold_seconds"),
            (|a| a.hold_seconds = 86_401, "hold_seconds"),
            (|a| a.image_url = Some("javascript:1".into()), "image_url"),
            (|a| a.sale_opens_at = Some(a.starts_at), "sale_opens_at"),
        ];
        for (spoil, field) in rows {
            let mut spoilt = about();
            spoil(&mut spoilt);
            let command = Command::CreateEvent(CreateEvent {
                event: World::EVENT,
                about: spoilt,
            });
            match World::empty().run(command) {
                Err(Refusal::Invalid(errors)) => assert_eq!(errors[0].field, *field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_bound_is_allowed_itself() {
        for (max_tickets, hold_seconds) in [(1, 10), (100, 86_400)] {
            let command = Command::CreateEvent(CreateEvent {
                event: World::EVENT,
                about: About {
                    max_tickets,
                    hold_seconds,
                    ..about()
                },
            });
            let mut world = World::empty();
            world.run(command).unwrap();
            let made = world.event().about;
            assert_eq!(
                (made.max_tickets, made.hold_seconds),
                (max_tickets, hold_seconds)
            );
        }
    }

    #[test]
    fn a_repeat_answers_the_event_as_it_is() {
        let mut world = World::on_sale(3);
        let command = Command::CreateEvent(CreateEvent {
            event: World::EVENT,
            about: about(),
        });
        assert_eq!(
            world.run(command),
            Ok(Answer::Event(Box::new(world.event())))
        );
        assert_eq!(world.event().life, Life::Published);
    }
}
