//! Headers that are lists with weights (RFC 9110, section 12.4.2), read without allocating.

use http::{HeaderMap, HeaderName};

/// A weight in thousandths; 0 is a refusal.
pub type Weight = u16;

const MOST: Weight = 1_000;

/// The elements of a header that is a list, each with its weight; one whose weight can't
/// be read is passed over.
pub fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (&[u8], Weight)> {
    let lists = headers.get_all(name).into_iter();
    lists
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|element| {
            let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let what = parts.next()?;
            let weight = parts.find_map(|part| {
                part.strip_prefix(b"q=")
                    .or_else(|| part.strip_prefix(b"Q="))
            });
            Some((what, weight.map_or(Some(MOST), thousandths)?))
        })
}

/// A weight of section 12.4.2: at most 1, with at most three digits behind the point.
fn thousandths(text: &[u8]) -> Option<Weight> {
    let (&first, rest) = text.split_first()?;
    let digits = match rest.split_first() {
        None => &[][..],
        Some((b'.', digits)) if digits.len() <= 3 => digits,
        Some(_) => return None,
    };
    let mut weight = match first {
        b'0' => 0,
        b'1' => MOST,
        _ => return None,
    };
    let mut place = 100;
    for digit in digits {
        weight += Weight::from(
            char::from(*digit)
                .to_digit(10)
                .and_then(|digit| u8::try_from(digit).ok())?,
        ) * place;
        place /= 10;
    }
    (weight <= MOST).then_some(weight)
}
