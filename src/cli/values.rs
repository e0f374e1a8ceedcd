//! What the values of flags mean, where they are more than a number or a name.

use std::str::FromStr;
use std::time::Duration;

use parterre_core::config::{AdminToken, StoreConfig};
use parterre_domain::limits;

/// `embedded:DIR` or `fdb:CLUSTER_FILE`.
pub(super) fn store(text: &str) -> Result<StoreConfig, String> {
    match text.split_once(':') {
        Some(("embedded", directory)) if !directory.is_empty() => {
            Ok(StoreConfig::Embedded(directory.into()))
        }
        Some(("fdb", cluster_file)) if !cluster_file.is_empty() => foundationdb(cluster_file),
        _ => Err("a store is named embedded:DIR or fdb:CLUSTER_FILE".into()),
    }
}

#[cfg(feature = "fdb")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature it is refused"
)]
fn foundationdb(cluster_file: &str) -> Result<StoreConfig, String> {
    Ok(StoreConfig::Fdb(cluster_file.into()))
}

#[cfg(not(feature = "fdb"))]
fn foundationdb(_: &str) -> Result<StoreConfig, String> {
    Err("this parterre knows no FoundationDB; build one with cargo build --features fdb".into())
}

/// `NAME:HASH`, as `parterre admin token` prints it.
pub(super) fn admin_token(text: &str) -> Result<AdminToken, String> {
    let (name, hash) = text
        .split_once(':')
        .ok_or("a token is given as NAME:HASH")?;
    let hash = crate::secrets::from_hex(hash).ok_or("the hash has 64 hexadecimal digits")?;
    Ok(AdminToken {
        name: token_name(name)?,
        hash,
    })
}

/// What can stand before the colon of NAME:HASH, in a list that commas separate.
pub(super) fn token_name(text: &str) -> Result<String, String> {
    let right = |letter: char| {
        let printable = letter.is_alphanumeric() || letter.is_ascii_punctuation() || letter == ' ';
        printable && letter != ':' && letter != ','
    };
    let chars = limits::TOKEN_NAME_CHARS;
    if chars.contains(&text.chars().count()) && text.chars().all(right) {
        return Ok(text.to_owned());
    }
    let (least, most) = chars.into_inner();
    Err(format!(
        "a name has {least} to {most} printable characters, no colon and no comma"
    ))
}

/// `10s`, `250ms`, `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(format!("{text:?} needs a unit: ms, s or m")),
    };
    Ok(Duration::from_millis(number * millis))
}

/// `512MiB`, `2GiB`, `65536`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{text:?} needs a unit: B, KiB, MiB or GiB")),
    };
    Ok(number * factor)
}

fn split(text: &str) -> Result<(u64, &str), String> {
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number = u64::from_str(number)
        .ok()
        .filter(|number| *number < 1 << 32);
    Ok((
        number.ok_or_else(|| format!("{text:?} doesn't begin with a number"))?,
        unit,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "10", "10h", "-1s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
