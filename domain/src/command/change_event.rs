//! Changes what is said of an event, published or not.

use serde::{Deserialize, Deserializer};

use super::{Answer, about, publish, turn_sale};
use crate::state::{Decision, Overlay};
use crate::{About, Currency, EventId, Refusal, Timestamp, limits};

/// An administrator changes some of what is said of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEvent {
    /// Which event.
    pub event: EventId,
    /// What changes.
    pub patch: EventPatch,
}

/// The fields of [`About`] that change; the others stay. Those that an event can be
/// without are cleared by `null`; in any other field `null` is of the wrong type.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, schemars::JsonSchema, serde::Serialize, serde::Deserialize,
)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is that of `About`")]
pub struct EventPatch {
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = limits::NAME_CHARS))]
    pub title: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = limits::NAME_CHARS))]
    pub category: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = limits::NAME_CHARS))]
    pub venue: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = limits::NAME_CHARS))]
    pub city: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Timestamp")]
    pub starts_at: Option<Timestamp>,
    /// `null`: at once.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub sale_opens_at: Option<Option<Timestamp>>,
    /// `null`: when the event begins.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub sale_closes_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Currency")]
    pub currency: Option<Currency>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = limits::DESCRIPTION_CHARS))]
    pub description: Option<String>,
    /// `null`: no picture.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = limits::URL_CHARS), regex(pattern = "^https?://"))]
    pub image_url: Option<Option<String>>,
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u16", range(min = 1, max = limits::MAX_TICKETS))]
    pub max_tickets: Option<u16>,
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "u32",
        range(min = *limits::HOLD_SECONDS.start(), max = *limits::HOLD_SECONDS.end())
    )]
    pub hold_seconds: Option<u32>,
}

/// Reads a field that is there: serde itself would take `null` for one that isn't.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The same for a whole number.
fn whole<'de, D: Deserializer<'de>, T: TryFrom<i64>>(from: D) -> Result<Option<T>, D::Error> {
    crate::whole::deserialize(from).map(Some)
}

impl ChangeEvent {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let before = about::event(overlay, self.event)?;
        if before.life.is_cancelled() {
            return Err(Refusal::Conflict {
                state: "cancelled",
                reason: "a cancelled event doesn't change",
            }
            .into());
        }
        let mut record = (*before).clone();
        self.patch.apply(&mut record.about);
        about::check(&record.about)?;
        if record.about.currency != before.about.currency && before.is_public() {
            return Err(
                Refusal::invalid("currency", "can't change once the event is published").into(),
            );
        }
        about::check_size(&record, "description")?;
        record.phase = record.phase_at(now);
        if record.is_public() {
            turn_sale::refile(overlay, &before, &record);
            publish::refile_date(overlay, &before, &record);
        }
        overlay.put_event(&record);
        Ok(Answer::Event(Box::new(record)))
    }
}

impl EventPatch {
    fn apply(&self, about: &mut About) {
        fn replace<T: Clone>(field: &mut T, with: Option<&T>) {
            if let Some(with) = with {
                *field = with.clone();
            }
        }
        replace(&mut about.title, self.title.as_ref());
        replace(&mut about.category, self.category.as_ref());
        replace(&mut about.venue, self.venue.as_ref());
        replace(&mut about.city, self.city.as_ref());
        replace(&mut about.starts_at, self.starts_at.as_ref());
        replace(&mut about.currency, self.currency.as_ref());
        replace(&mut about.description, self.description.as_ref());
        replace(&mut about.max_tickets, self.max_tickets.as_ref());
        replace(&mut about.hold_seconds, self.hold_seconds.as_ref());
        replace(&mut about.sale_opens_at, self.sale_opens_at.as_ref());
        replace(&mut about.sale_closes_at, self.sale_closes_at.as_ref());
        replace(&mut about.image_url, self.image_url.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;
    use crate::{SalePhase, command::Command};

    fn change(patch: EventPatch) -> Command {
        Command::ChangeEvent(ChangeEvent {
            event: World::EVENT,
            patch,
        })
    }

    #[test]
    fn moving_the_sale_moves_its_phase_and_what_is_due() {
        let mut world = World::on_sale(3);
        let later = world.now + std::time::Duration::from_secs(60);
        let patch = EventPatch {
            sale_opens_at: Some(Some(later)),
            ..EventPatch::default()
        };
        world.run(change(patch)).unwrap();
        assert_eq!(world.event().phase, SalePhase::Upcoming);
        world.now = later;
        world.sweep();
        assert_eq!(world.event().phase, SalePhase::Open);
        world.assert_sound();
    }

    #[test]
    fn null_clears_what_can_be_absent_and_is_refused_elsewhere() {
        let read = |text: &str| serde_json::from_str::<EventPatch>(text);
        let times = r#"{"sale_opens_at": "2030-01-01T00:00:00Z", "sale_closes_at": "2030-02-01T00:00:00Z", "image_url": "https://a.example"}"#;
        let nulls = r#"{"sale_opens_at": null, "sale_closes_at": null, "image_url": null}"#;
        let mut about = super::super::testing::about();
        let before = about.clone();
        read(times).unwrap().apply(&mut about);
        assert!(about.sale_opens_at.is_some() && about.image_url.is_some());
        let changed = about.clone();
        read("{}").unwrap().apply(&mut about);
        assert_eq!(about, changed);
        let clearing = read(nulls).unwrap();
        clearing.apply(&mut about);
        assert_eq!(about, before);
        let written = serde_json::to_string(&clearing).unwrap();
        assert_eq!(read(&written).unwrap(), clearing);
        for field in [
            "title",
            "category",
            "venue",
            "city",
            "starts_at",
            "currency",
            "description",
            "max_tickets",
            "hold_seconds",
        ] {
            read(&format!(r#"{{"{field}": null}}"#)).unwrap_err();
        }
    }

    #[test]
    fn a_batch_sees_a_change_of_its_own_until_it_is_undone() {
        let world = World::on_sale(3);
        let mut overlay = Overlay::default();
        let titled = |overlay: &mut Overlay| {
            let record = overlay.event(World::EVENT).unwrap().unwrap();
            record.about.title.clone()
        };
        let command = change(EventPatch {
            title: Some("Put off".into()),
            ..EventPatch::default()
        });
        overlay.want(command.hints());
        for want in overlay.take_wanted() {
            world.rows.load(&mut overlay, want);
        }
        let (start, before) = (overlay.savepoint(), titled(&mut overlay));
        command.decide(world.now, &mut overlay).unwrap();
        assert_eq!(titled(&mut overlay), "Put off");
        overlay.rollback(start);
        assert_eq!(titled(&mut overlay), before);
    }

    #[test]
    fn a_published_event_keeps_its_currency() {
        let mut world = World::on_sale(3);
        let patch = EventPatch {
            currency: "USD".parse().ok(),
            ..EventPatch::default()
        };
        assert!(matches!(world.run(change(patch)), Err(Refusal::Invalid(_))));
    }
}
