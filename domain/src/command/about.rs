//! What every rule about events checks: the fields an administrator fills in, and that
//! the event is there.

use std::sync::Arc;

use crate::state::{Decision, Overlay};
use crate::{About, EventId, EventRecord, FieldError, Refusal, Timestamp, limits};

/// The event's record, or the refusal that there is none.
pub(super) fn event(overlay: &mut Overlay, event: EventId) -> Decision<Arc<EventRecord>> {
    Ok(overlay.event(event)?.ok_or(Refusal::NotFound("event"))?)
}

/// The same as a copy, for a rule that changes it.
pub(super) fn event_to_change(overlay: &mut Overlay, event: EventId) -> Decision<EventRecord> {
    let record = overlay.event_to_change(event)?;
    Ok(record.ok_or(Refusal::NotFound("event"))?)
}

/// Every field that breaks a rule, all at once.
pub(super) fn check(about: &About) -> Result<(), Refusal> {
    let mut errors = Vec::new();
    for (field, text) in [
        ("title", &about.title),
        ("category", &about.category),
        ("venue", &about.venue),
        ("city", &about.city),
    ] {
        if text.trim().is_empty() {
            errors.push(FieldError::new(field, "must not be empty"));
        }
        too_long(&mut errors, field, text, limits::NAME_CHARS);
    }
    too_long(
        &mut errors,
        "description",
        &about.description,
        limits::DESCRIPTION_CHARS,
    );
    if let Some(url) = &about.image_url {
        too_long(&mut errors, "image_url", url, limits::URL_CHARS);
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            errors.push(FieldError::new(
                "image_url",
                "must begin with https:// or http://",
            ));
        }
    }
    if !(1..=limits::MAX_TICKETS).contains(&about.max_tickets) {
        errors.push(FieldError::new(
            "max_tickets",
            format!("must be 1 to {}", limits::MAX_TICKETS),
        ));
    }
    if !limits::HOLD_SECONDS.contains(&about.hold_seconds) {
        let (low, high) = (limits::HOLD_SECONDS.start(), limits::HOLD_SECONDS.end());
        errors.push(FieldError::new(
            "hold_seconds",
            format!("must be {low} to {high}"),
        ));
    }
    check_times(about, &mut errors);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Invalid(errors))
    }
}

/// That an event's record fits into one value of the store, and into one record of the
/// log. Each of its texts may be as long as its own bound says, but not all of them.
pub(super) fn check_size(record: &EventRecord, field: &str) -> Result<(), Refusal> {
    let bytes = crate::encode(record).len();
    if bytes <= limits::EVENT_BYTES {
        return Ok(());
    }
    let limit = limits::EVENT_BYTES;
    let reason = format!(
        "what is said of the event and of its tiers takes {bytes} bytes; it may take {limit}"
    );
    Err(Refusal::invalid(field, reason))
}

fn check_times(about: &About, errors: &mut Vec<FieldError>) {
    let times = [
        ("starts_at", Some(about.starts_at)),
        ("sale_opens_at", about.sale_opens_at),
        ("sale_closes_at", about.sale_closes_at),
    ];
    for (field, time) in times {
        if time.is_some_and(|time| time < Timestamp::from_millis(0)) {
            errors.push(FieldError::new(field, "must be 1970 or later"));
        }
    }
    let closes = about.sale_closes_at.unwrap_or(about.starts_at);
    if about.sale_opens_at.is_some_and(|opens| opens >= closes) {
        errors.push(FieldError::new(
            "sale_opens_at",
            "must be before the sale closes",
        ));
    }
}

fn too_long(errors: &mut Vec<FieldError>, field: &str, text: &str, limit: usize) {
    if text.chars().count() > limit {
        errors.push(FieldError::new(
            field,
            format!("must have at most {limit} characters"),
        ));
    }
}
