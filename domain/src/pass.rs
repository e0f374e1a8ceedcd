//! Passes: the signed proof that a ticket was sold, checked at the door without asking
//! anybody.
//!
//! A pass is a JSON Web Token in compact form (RFC 7519, RFC 7515) signed with Ed25519
//! (`EdDSA`, RFC 8037). Its claims are those of [`PassClaims`] and nothing else: a pass
//! doesn't expire, and it can't know of a refund that came after it, so a door that must
//! refuse refunded tickets asks for the event's availability as well. Public keys travel
//! as a JWK set (RFC 7517); a key's `kid` is its thumbprint (RFC 7638).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EventId, ReservationId, TicketId, limits};

/// What a pass says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct PassClaims {
    pub event: EventId,
    pub ticket: TicketId,
    pub reservation: ReservationId,
}

/// The key that signs passes.
pub struct PassKey {
    pair: Ed25519KeyPair,
    /// The encoded header of every pass that it signs.
    header: String,
}

/// A key that verifies passes: 32 bytes, a point of Ed25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassPublicKey(pub [u8; 32]);

/// Public keys as `GET /v1/keys` gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct JwkSet {
    /// Any of them may have signed.
    pub keys: Vec<Jwk>,
}

/// A public key as RFC 8037 writes it. Members that aren't named here are passed over.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The key's 32 bytes in base64url.
    pub x: String,
    /// The key's thumbprint.
    #[serde(default)]
    pub kid: String,
    /// `EdDSA`.
    #[serde(default)]
    pub alg: String,
    /// `sig`.
    #[serde(default, rename = "use")]
    pub purpose: String,
}

/// Why a pass is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPass {
    /// Not three parts of base64url with JSON inside, or too long.
    #[error("it isn't a pass")]
    Malformed,
    /// Its header names another algorithm.
    #[error("it isn't signed with EdDSA")]
    Algorithm,
    /// None of the keys made its signature.
    #[error("none of the keys has signed it")]
    Signature,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    typ: String,
}

impl PassKey {
    /// The key that 32 secret bytes stand for (RFC 8032, 5.1.5).
    ///
    /// # Panics
    ///
    /// Never: any 32 bytes are a key.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "see Panics")]
        let pair = Ed25519KeyPair::from_seed_unchecked(secret).expect("32 bytes are a seed");
        let header = Header {
            alg: "EdDSA".to_owned(),
            kid: public(&pair).kid(),
            typ: "JWT".to_owned(),
        };
        let header = part(&header);
        Self { pair, header }
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PassPublicKey {
        public(&self.pair)
    }

    /// A pass with these claims.
    pub fn sign(&self, claims: &PassClaims) -> String {
        let signed = format!("{}.{}", self.header, part(claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassKey({})", self.public().kid())
    }
}

/// What a pass says, if one of the keys has signed it.
///
/// # Errors
///
/// See [`BadPass`].
pub fn verify(pass: &str, keys: &[PassPublicKey]) -> Result<PassClaims, BadPass> {
    if pass.len() > limits::PASS_BYTES {
        return Err(BadPass::Malformed);
    }
    let (signed, signature) = pass.rsplit_once('.').ok_or(BadPass::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(BadPass::Malformed)?;
    let header: Header = read(header)?;
    if header.alg != "EdDSA" {
        return Err(BadPass::Algorithm);
    }
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| BadPass::Malformed)?;
    let by = |key: &PassPublicKey| {
        let key = UnparsedPublicKey::new(&ED25519, key.0);
        key.verify(signed.as_bytes(), &signature).is_ok()
    };
    if keys.iter().any(by) {
        read(claims)
    } else {
        Err(BadPass::Signature)
    }
}

impl PassPublicKey {
    /// Its name: the base64url of its thumbprint (RFC 7638, members in the order of their
    /// names, no spaces).
    pub fn kid(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.0);
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
    }
}

impl JwkSet {
    /// The keys as the API shows them.
    pub fn of(keys: &[PassPublicKey]) -> Self {
        let jwk = |key: &PassPublicKey| Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(key.0),
            kid: key.kid(),
            alg: "EdDSA".to_owned(),
            purpose: "sig".to_owned(),
        };
        Self {
            keys: keys.iter().map(jwk).collect(),
        }
    }

    /// Those of its keys that can verify passes.
    pub fn public_keys(&self) -> Vec<PassPublicKey> {
        let of_ed25519 = self
            .keys
            .iter()
            .filter(|jwk| jwk.kty == "OKP" && jwk.crv == "Ed25519");
        of_ed25519
            .filter_map(|jwk| URL_SAFE_NO_PAD.decode(&jwk.x).ok()?.try_into().ok())
            .map(PassPublicKey)
            .collect()
    }
}

fn public(pair: &Ed25519KeyPair) -> PassPublicKey {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(pair.public_key().as_ref());
    PassPublicKey(bytes)
}

fn part(value: &impl Serialize) -> String {
    // Our own structures have text for keys, which is all that JSON can refuse.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default())
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, BadPass> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| BadPass::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| BadPass::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> PassClaims {
        PassClaims {
            event: EventId::from_bytes([1; 16]),
            ticket: TicketId(7),
            reservation: ReservationId::from_bytes([2; 16]),
        }
    }

    #[test]
    fn a_key_and_its_thumbprint_are_those_of_the_standard() {
        // RFC 8037, A.1 to A.3.
        let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(secret).unwrap().try_into().unwrap();
        let key = PassKey::from_secret(&secret);
        let set = JwkSet::of(&[key.public()]);
        assert_eq!(set.keys[0].x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(
            set.keys[0].kid,
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        assert_eq!(set.public_keys(), [key.public()]);
    }

    #[test]
    fn a_pass_is_read_back_with_any_of_the_keys_and_without_its_own_not() {
        let (old, new) = (
            PassKey::from_secret(&[1; 32]),
            PassKey::from_secret(&[2; 32]),
        );
        let pass = old.sign(&claims());
        assert_eq!(verify(&pass, &[new.public(), old.public()]), Ok(claims()));
        assert_eq!(verify(&pass, &[new.public()]), Err(BadPass::Signature));
        assert_eq!(verify(&pass, &[]), Err(BadPass::Signature));
    }

    #[test]
    fn no_byte_of_a_pass_can_be_changed() {
        let key = PassKey::from_secret(&[3; 32]);
        let pass = key.sign(&claims());
        for at in 0..pass.len() {
            let mut changed = pass.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(
                verify(&changed, &[key.public()]).is_err(),
                "byte {at}: {changed}"
            );
        }
    }

    #[test]
    fn what_is_no_pass_is_told_apart() {
        let keys = [PassKey::from_secret(&[3; 32]).public()];
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let check = |pass: &str, expected| assert_eq!(verify(pass, &keys), Err(expected), "{pass}");
        check("", BadPass::Malformed);
        check("a.b", BadPass::Malformed);
        check("!.e30.e30", BadPass::Malformed);
        check(&format!("{none}.e30."), BadPass::Algorithm);
        check(&"a".repeat(limits::PASS_BYTES + 1), BadPass::Malformed);
    }
}
