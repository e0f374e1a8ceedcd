//! Whole numbers as clients send them: JSON doesn't tell `5` from `5.0`, and languages
//! whose numbers are all floating-point send either.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Doubles hold every whole number up to here (IEEE 754, 53 bits).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a whole number that fits the type, in whichever way it is written.
pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    deserializer.deserialize_any(Whole(PhantomData))
}

struct Whole<T>(PhantomData<T>);

impl<T: TryFrom<i64>> Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = 8 * size_of::<T>();
        write!(f, "a whole number that fits {bits} bits")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let fits = i64::try_from(number).ok().and_then(|n| T::try_from(n).ok());
        fits.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a whole number of at most 53 bits is cast without loss"
        )]
        let whole = (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64);
        let fits = whole.and_then(|whole| T::try_from(whole).ok());
        fits.ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Body {
        #[serde(deserialize_with = "super::deserialize")]
        number: u16,
        #[serde(default, deserialize_with = "super::deserialize")]
        other: i64,
    }

    #[test]
    fn a_whole_number_is_read_however_it_is_written() {
        let check = |text: &str, expected: Option<(u16, i64)>| {
            let read: Option<Body> = serde_json::from_str(text).ok();
            let read = read.map(|body| (body.number, body.other));
            assert_eq!(read, expected, "{text}");
        };
        check(r#"{"number": 5}"#, Some((5, 0)));
        check(r#"{"number": 5.0}"#, Some((5, 0)));
        check(r#"{"number": 5e2}"#, Some((500, 0)));
        check(r#"{"number": 0, "other": -7.0}"#, Some((0, -7)));
        check(r#"{"number": 5, "other": null}"#, None);
        check(r#"{"number": 5.5}"#, None);
        check(r#"{"number": -1}"#, None);
        check(r#"{"number": 65536}"#, None);
        check(r#"{"number": 1e300}"#, None);
        check(r#"{"number": 0, "other": 9223372036854775808}"#, None);
        check(r#"{"number": "5"}"#, None);
    }
}
