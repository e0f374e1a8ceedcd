//! Adds tickets to a draft: chunks are staged unseen, then one small transaction takes
//! them up.

use std::collections::HashSet;

use super::{Answer, about};
use crate::keys::{self, Due};
use crate::state::{Decision, Overlay};
use crate::{
    EventId, EventRecord, FieldError, Life, Refusal, Tier, Timestamp, Upload, UploadId, limits,
};

/// Writes one chunk of an upload, which nobody sees until [`AddTickets`]. The first one
/// files the upload for dropping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageChunk {
    /// Which event.
    pub event: EventId,
    /// Which upload.
    pub upload: UploadId,
    /// Which chunk of it, from 0.
    pub number: u32,
    /// The encoded [`crate::LayoutChunk`].
    pub bytes: Vec<u8>,
}

impl StageChunk {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        if self.number == 0 {
            overlay.put_due(now + limits::UPLOAD_KEPT, Due::DropUpload(self.upload));
            overlay.set(
                keys::upload_event(self.upload),
                self.event.to_bytes().to_vec(),
            );
        }
        overlay.set(keys::chunk(self.upload, self.number), self.bytes.clone());
        Ok(Answer::Done)
    }
}

/// Takes a staged upload up into its draft. A repeat answers the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddTickets {
    /// Which event.
    pub event: EventId,
    /// Which upload.
    pub upload: UploadId,
    /// How many chunks were staged.
    pub chunks: u32,
    /// How many tickets are in them.
    pub tickets: u32,
    /// How many sections the tickets name.
    pub sections: u32,
    /// Whether every ticket has x and y.
    pub with_places: bool,
    /// All tiers of the event after this upload: the draft's own first, then the new
    /// ones.
    pub tiers: Vec<Tier>,
}

impl AddTickets {
    pub(super) fn decide(&self, _now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = about::event_to_change(overlay, self.event)?;
        if record.uploads.iter().any(|upload| upload.id == self.upload) {
            return Ok(Answer::Event(Box::new(record)));
        }
        drafts_only(record.life)?;
        if overlay.get(&keys::upload_event(self.upload))?.is_none() {
            // Its chunks have been dropped: nobody took it up in time.
            return Err(Refusal::NotFound("upload").into());
        }
        self.check(&record)?;
        record.uploads.push(Upload {
            id: self.upload,
            chunks: self.chunks,
            tickets: self.tickets,
            sections: self.sections,
        });
        record.total += self.tickets;
        record.tiers.clone_from(&self.tiers);
        about::check_size(&record, "tiers")?;
        overlay.put_event(&record);
        Ok(Answer::Event(Box::new(record)))
    }

    fn check(&self, record: &EventRecord) -> Result<(), Refusal> {
        let mut errors = Vec::new();
        if self.tickets == 0 {
            errors.push(FieldError::new("tickets", "must not be empty"));
        }
        if self.tickets > limits::TICKETS_PER_EVENT.saturating_sub(record.total) {
            let (limit, has) = (limits::TICKETS_PER_EVENT, record.total);
            errors.push(FieldError::new(
                "tickets",
                format!("an event has at most {limit}; this one has {has}"),
            ));
        }
        if record.uploads.len() >= limits::UPLOADS_PER_EVENT {
            let limit = limits::UPLOADS_PER_EVENT;
            errors.push(FieldError::new(
                "tickets",
                format!("a draft takes at most {limit} uploads"),
            ));
        }
        let has: u32 = record.uploads.iter().map(|upload| upload.sections).sum();
        let limit = u32::try_from(limits::SECTIONS_PER_EVENT).unwrap_or(u32::MAX);
        if self.sections > limit.saturating_sub(has) {
            errors.push(FieldError::new(
                "tickets",
                format!("an event's uploads name at most {limit} sections; this one's have {has}"),
            ));
        }
        if !self.tiers.starts_with(&record.tiers) {
            errors.push(FieldError::new(
                "tiers",
                "another upload changed the event's tiers meanwhile; try again",
            ));
        }
        check_tiers(&self.tiers, &mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(errors))
        }
    }
}

fn drafts_only(life: Life) -> Result<(), Refusal> {
    let state = match life {
        Life::Draft => return Ok(()),
        Life::Scheduled { .. } => "scheduled",
        Life::Published => "published",
        Life::Cancelled | Life::Dropped => "cancelled",
    };
    Err(Refusal::Conflict {
        state,
        reason: "tickets are added to drafts only",
    })
}

fn check_tiers(tiers: &[Tier], errors: &mut Vec<FieldError>) {
    if tiers.is_empty() || tiers.len() > limits::TIERS_PER_EVENT {
        errors.push(FieldError::new(
            "tiers",
            format!("must be 1 to {}", limits::TIERS_PER_EVENT),
        ));
    }
    let mut ids = HashSet::new();
    for (at, tier) in tiers.iter().enumerate() {
        if tier.id.is_empty() || tier.id.chars().count() > limits::ID_CHARS {
            let reason = format!("must have 1 to {} characters", limits::ID_CHARS);
            errors.push(FieldError::new(format!("tiers[{at}].id"), reason));
        }
        if !ids.insert(&tier.id) {
            errors.push(FieldError::new(format!("tiers[{at}].id"), "is there twice"));
        }
        if tier.name.chars().count() > limits::NAME_CHARS {
            let reason = format!("must have at most {} characters", limits::NAME_CHARS);
            errors.push(FieldError::new(format!("tiers[{at}].name"), reason));
        }
        if !(0..=limits::PRICE_MAX).contains(&tier.price.0) {
            let reason = format!("must be 0 to {} minor units", limits::PRICE_MAX);
            errors.push(FieldError::new(format!("tiers[{at}].price"), reason));
        }
    }
}

/// Clears an upload that no event took up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropUpload {
    /// Which event, for the lane; what the upload is for is read again.
    pub event: EventId,
    /// Which upload.
    pub upload: UploadId,
    /// When it was due: where its entry in the due index lies.
    pub due_at: Timestamp,
}

impl DropUpload {
    pub(super) fn decide(&self, _now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        overlay.clear_due(self.due_at, Due::DropUpload(self.upload));
        let staged = overlay.get(&keys::upload_event(self.upload))?;
        let event = staged.and_then(|event| event.as_slice().try_into().ok());
        let Some(event) = event.map(EventId::from_bytes) else {
            // An earlier sweep has been here: what is left of it is the event's.
            return Ok(Answer::Done);
        };
        let record = overlay.event(event)?;
        overlay.clear(keys::upload_event(self.upload));
        let taken = record
            .is_some_and(|record| record.uploads.iter().any(|upload| upload.id == self.upload));
        if !taken {
            overlay.clear_range(keys::chunks(self.upload));
        }
        Ok(Answer::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, tier};
    use super::*;
    use crate::command::Command;

    const UPLOAD: UploadId = UploadId([7; 16]);

    fn add(tickets: u32, tiers: Vec<Tier>) -> AddTickets {
        let upload = UPLOAD;
        AddTickets {
            event: World::EVENT,
            upload,
            chunks: 1,
            tickets,
            sections: 1,
            with_places: false,
            tiers,
        }
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let rows = [
            (0, vec![tier("a", 1)], "tickets"),
            (limits::TICKETS_PER_EVENT + 1, vec![tier("a", 1)], "tickets"),
            (1, vec![], "tiers"),
            (1, vec![tier("a", 1), tier("a", 2)], "tiers[1].id"),
            (1, vec![tier("a", -1)], "tiers[0].price"),
        ];
        for (tickets, tiers, field) in rows {
            let mut world = World::draft();
            world.stage(UPLOAD);
            match world.run(Command::AddTickets(add(tickets, tiers))) {
                Err(Refusal::Invalid(errors)) => assert_eq!(errors[0].field, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_event_that_no_value_of_the_store_holds_is_refused() {
        let widest = "\u{1f600}";
        for (id_chars, fits) in [(0, true), (limits::ID_CHARS - 2, false)] {
            let tiers = (0..limits::TIERS_PER_EVENT).map(|number| Tier {
                name: widest.repeat(limits::NAME_CHARS),
                ..tier(&format!("{}{number:02}", widest.repeat(id_chars)), 1)
            });
            let mut world = World::draft();
            world.stage(UPLOAD);
            match world.run(Command::AddTickets(add(1, tiers.collect()))) {
                Ok(_) => assert!(fits),
                Err(Refusal::Invalid(errors)) => {
                    assert_eq!((&*errors[0].field, fits), ("tiers", false));
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn sections_are_counted_over_all_uploads() {
        let limit = u32::try_from(limits::SECTIONS_PER_EVENT).unwrap();
        let second = UploadId([8; 16]);
        for (sections, fits) in [(1, true), (2, false)] {
            let mut world = World::draft();
            for (upload, sections) in [(UPLOAD, limit - 1), (second, sections)] {
                world.stage(upload);
                let add = AddTickets {
                    upload,
                    sections,
                    ..add(5, vec![tier("a", 1)])
                };
                let added = world.run(Command::AddTickets(add));
                assert_eq!(added.is_ok(), upload == UPLOAD || fits, "{added:?}");
            }
        }
    }

    #[test]
    fn a_repeat_adds_nothing() {
        let mut world = World::draft();
        world.stage(UPLOAD);
        for _ in 0..2 {
            world
                .run(Command::AddTickets(add(5, vec![tier("a", 1)])))
                .unwrap();
        }
        assert_eq!(world.event().total, 5);
    }

    #[test]
    fn an_upload_is_dropped_unless_an_event_took_it_up() {
        for taken in [false, true] {
            let mut world = World::draft();
            world.stage(UPLOAD);
            if taken {
                world
                    .run(Command::AddTickets(add(5, vec![tier("a", 1)])))
                    .unwrap();
            }
            world.now = world.now + limits::UPLOAD_KEPT;
            world.sweep();
            assert_eq!(world.rows.0.contains_key(&keys::chunk(UPLOAD, 0)), taken);
            assert_eq!(world.rows.range(&keys::all_due()).count(), 0);
            // Another core sweeps the same entry, and no longer finds what it was for.
            let again = DropUpload {
                event: EventId::from_number(0),
                upload: UPLOAD,
                due_at: world.now,
            };
            world.run(Command::DropUpload(again)).unwrap();
            assert_eq!(world.rows.0.contains_key(&keys::chunk(UPLOAD, 0)), taken);
            let late = world.run(Command::AddTickets(add(5, vec![tier("a", 1)])));
            assert_eq!(late.is_ok(), taken, "{late:?}");
        }
    }
}
