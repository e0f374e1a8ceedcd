//! Tickets as JSON, tiers included.

use super::{BadUpload, Places, Prices, Read, TICKETS, check_length};
use crate::wire::api::TicketsUpload;
use crate::{FieldError, Object, limits};

pub(super) fn read(body: &[u8], prices: &Prices) -> Result<Read, BadUpload> {
    if !prices.is_empty() {
        let reason = "tiers in JSON have their own prices";
        return Err(BadUpload::Invalid(vec![FieldError::new("price", reason)]));
    }
    let TicketsUpload { tiers, tickets } = json(body)?;
    Ok(Read {
        tiers,
        tickets,
        places: Places::Index,
    })
}

/// Parses `{tiers, tickets}` without checking more than its shape and its length.
///
/// # Errors
///
/// [`BadUpload`].
pub fn json(body: &[u8]) -> Result<TicketsUpload, BadUpload> {
    let Object(upload): Object<TicketsUpload> =
        serde_json::from_slice(body).map_err(|error| BadUpload::Malformed(error.to_string()))?;
    check_length(upload.tiers.len(), limits::TIERS_PER_EVENT, "tiers")?;
    check_length(upload.tickets.len(), TICKETS, "tickets")?;
    Ok(upload)
}
