//! Signed webhooks, as Stripe signs them: HMAC-SHA-256 over `<seconds>.<body>`, in a
//! header `t=<seconds>,v1=<hex>`; any `v1` may match, so that secrets can be rotated.
//! <https://docs.stripe.com/webhooks#verify-manually>

use hmac::{Hmac, KeyInit, Mac};
use parterre_domain::{Timestamp, limits};
use sha2::Sha256;

/// A key that signs webhooks.
pub(crate) type Key = [u8; 32];

/// Why a webhook isn't believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is no signature header, or it can't be read.
    #[error("the signature header is missing or can't be read")]
    Missing,
    /// Its time is too far from ours.
    #[error("the signature is older or newer than {} s", limits::WEBHOOK_AGE.as_secs())]
    Old,
    /// It doesn't fit the body.
    #[error("the signature doesn't fit the body")]
    Wrong,
    /// It fits, but the body says nothing that can be read.
    #[error("the body can't be read")]
    Unreadable,
}

/// A key for webhooks out of the cluster's secret.
pub(crate) fn derive(secret: &str) -> Key {
    mac(secret.as_bytes(), &[b"parterre sandbox webhooks"])
        .finalize()
        .into_bytes()
        .into()
}

/// The header's value for a body sent at a time.
pub(crate) fn sign(key: &Key, body: &[u8], at: Timestamp) -> String {
    let seconds = at.as_millis() / 1_000;
    let digest = mac(key, &[format!("{seconds}.").as_bytes(), body])
        .finalize()
        .into_bytes();
    format!("t={seconds},v1={}", parterre_domain::hex(&digest))
}

/// Whether a header's value signs a body, by the clock `now`.
pub(crate) fn check(
    key: &Key,
    header: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), BadSignature> {
    let parts = || {
        header
            .unwrap_or_default()
            .split(',')
            .filter_map(|part| part.split_once('='))
    };
    let seconds = parts()
        .find(|(name, _)| *name == "t")
        .and_then(|(_, text)| text.parse::<i64>().ok());
    let seconds = seconds.ok_or(BadSignature::Missing)?;
    let at = Timestamp::from_millis(seconds.saturating_mul(1_000));
    if now.since(at).max(at.since(now)) > limits::WEBHOOK_AGE {
        return Err(BadSignature::Old);
    }
    let signed = mac(key, &[format!("{seconds}.").as_bytes(), body]);
    let mut given = parts()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, hex)| crate::snapshot::from_hex(hex));
    // `verify_slice` compares in constant time.
    if given.any(|digest| signed.clone().verify_slice(&digest).is_ok()) {
        Ok(())
    } else {
        Err(BadSignature::Wrong)
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_fresh_signature_of_this_body_is_believed() {
        let (key, body) = (derive("a secret of the cluster"), b"{\"id\":1}");
        let at = Timestamp::from_millis(1_700_000_000_000);
        let signed = sign(&key, body, at);
        let rotated = format!("{signed},v1={}", "00".repeat(32));
        let seconds = Duration::from_secs;
        type Row<'a> = (
            Option<&'a str>,
            &'a [u8],
            Timestamp,
            Result<(), BadSignature>,
        );
        let rows: &[Row<'_>] = &[
            (Some(&signed), body, at, Ok(())),
            (Some(&rotated), body, at, Ok(())),
            (Some(&signed), body, at + seconds(300), Ok(())),
            (
                Some(&signed),
                body,
                at + seconds(301),
                Err(BadSignature::Old),
            ),
            (
                Some(&signed),
                body,
                at - seconds(301),
                Err(BadSignature::Old),
            ),
            (Some(&signed), b"{\"id\":2}", at, Err(BadSignature::Wrong)),
            (
                Some("t=1700000000,v1=zz"),
                body,
                at,
                Err(BadSignature::Wrong),
            ),
            (Some("v1=00"), body, at, Err(BadSignature::Missing)),
            (None, body, at, Err(BadSignature::Missing)),
        ];
        for (header, body, now, expected) in rows {
            assert_eq!(check(&key, *header, body, *now), *expected, "{header:?}");
        }
        let other = derive("another secret of a cluster");
        assert_eq!(
            check(&other, Some(&signed), body, at),
            Err(BadSignature::Wrong)
        );
    }
}
