//! What the sandbox provider says of a payment, said by a story: at the wrong time, twice
//! or with a signature of its own making. A provider is known by its signature alone.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, Method};
use parterre_domain::Timestamp;
use parterre_domain::wire::api::Reservation;
use parterre_loadtest::wire::Call;
use serde_json::json;
use sha2::Sha256;

const SIGNATURE: HeaderName = HeaderName::from_static("sandbox-signature");

/// The body of a webhook.
pub(crate) struct Notice {
    body: String,
}

impl Notice {
    /// That a reservation is paid, in full.
    pub(crate) fn paid(reservation: &Reservation) -> Self {
        let body = json!({
            "id": format!("notice-{}", reservation.id),
            "type": "session.paid",
            "event": reservation.event,
            "reservation": reservation.id,
            "payment": format!("sandbox-{}", reservation.id),
            "amount": reservation.total,
            "currency": reservation.currency,
        });
        let body = body.to_string();
        Self { body }
    }

    /// Without a signature.
    pub(crate) fn unsigned(&self, provider: &str) -> Call {
        let path = format!("/v1/payments/{provider}/webhook");
        Call::new(Method::POST, path).with_body("application/json", self.body.clone())
    }

    /// As a provider says it which knows the cluster's secret, at a time.
    pub(crate) fn signed(&self, provider: &str, secret: &str, at: Timestamp) -> Call {
        let seconds = at.as_millis() / 1_000;
        let key = mac(secret.as_bytes(), &[b"parterre sandbox webhooks"]);
        let parts = [format!("{seconds}."), self.body.clone()];
        let digest = mac(&key, &[parts[0].as_bytes(), parts[1].as_bytes()]);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let signature = format!("t={seconds},v1={hex}");
        self.unsigned(provider).with(SIGNATURE, &signature)
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}
