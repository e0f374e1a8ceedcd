//! Signs the passes of tickets that are sold.

use std::sync::Arc;

use parterre_domain::wire::api::Reservation;
use parterre_domain::{PassClaims, PassKey, PassPublicKey, ReservationState};

use crate::StartError;

/// The keys of passes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passes {
    /// The first signs; the others signed before it.
    keys: Arc<[PassKey]>,
}

impl Passes {
    /// Signs with the first secret.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn new(secrets: &[[u8; 32]]) -> Result<Self, StartError> {
        if secrets.is_empty() {
            return Err(StartError(
                "there is no signing key; name a file with one by --signing-key-file".to_owned(),
            ));
        }
        Ok(Self {
            keys: secrets.iter().map(PassKey::from_secret).collect(),
        })
    }

    /// What passes are verified with.
    pub fn public(&self) -> Vec<PassPublicKey> {
        self.keys.iter().map(PassKey::public).collect()
    }

    /// Gives each ticket of a paid reservation its pass.
    pub fn add_to(&self, reservation: &mut Reservation) {
        let Some(key) = self.keys.first() else { return };
        if reservation.state != ReservationState::Paid {
            return;
        }
        for ticket in &mut reservation.tickets {
            ticket.pass = Some(key.sign(&PassClaims {
                event: reservation.event,
                ticket: ticket.id,
                reservation: reservation.id,
            }));
        }
    }
}
