//! Tickets as JSON, tiers included.

use super::{BadUpload, Places, Prices, Read};
use crate::FieldError;
use crate::wire::api::TicketsUpload;

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

/// Parses `{tiers, tickets}` without checking more than its shape.
///
/// # Errors
///
/// [`BadUpload::Malformed`].
pub fn json(body: &[u8]) -> Result<TicketsUpload, BadUpload> {
    serde_json::from_slice(body).map_err(|error| BadUpload::Malformed(error.to_string()))
}
