//! Secrets: made once, kept in files that only their owner reads.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use parterre_domain::hex;
use sha2::{Digest, Sha256};

use crate::run::Ended;

/// A new secret: 32 random bytes as 64 hexadecimal digits.
pub(crate) fn fresh() -> Result<String, Ended> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Ended::cannot(format!("no random bytes: {error}")))?;
    Ok(hex(&bytes))
}

/// A name for one request: 16 random bytes as hexadecimal digits.
pub(crate) fn request_id() -> String {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => hex(&bytes),
        Err(_) => "none".to_owned(),
    }
}

/// The secret in a file. One that isn't there is made, if `make` says so.
pub(crate) fn read(path: &Path, make: bool) -> Result<String, Ended> {
    let shown = path.display();
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 16 => Ok(text.trim().to_owned()),
        Ok(_) => Err(Ended::cannot(format!(
            "{shown} holds less than 16 characters; put a longer secret there"
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && make => {
            let secret = fresh()?;
            write(path, &secret)
                .map_err(|error| Ended::cannot(format!("can't write {shown}: {error}")))?;
            tracing::info!(file = %shown, "made a secret");
            Ok(secret)
        }
        Err(error) => Err(Ended::cannot(format!(
            "can't read {shown}: {error}; name a file that holds the secret"
        ))),
    }
}

/// The keys that sign passes: one a line, 64 hexadecimal digits. The first signs, the
/// others go on verifying what they have signed.
pub(crate) fn signing_keys(path: &Path, make: bool) -> Result<Vec<[u8; 32]>, Ended> {
    let text = read(path, make)?;
    let keys = text.lines().map(|line| from_hex(line.trim()));
    keys.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let shown = path.display();
        Ended::cannot(format!(
            "{shown} must hold 64 hexadecimal digits a line; make a key with: openssl rand -hex 32"
        ))
    })
}

/// The digest of a token that a core is told.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// 32 bytes from 64 hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn write(path: &Path, secret: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}
