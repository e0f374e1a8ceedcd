//! Objects as clients send them. What serde derives for a struct takes a list as well, its
//! items for the fields in their order: right for the store and the feed, where records
//! travel so, wrong for a request, where it would give a typing error a meaning.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value that is read from an object and from nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Reads a field that is an object.
pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Object::deserialize(deserializer).map(|object| object.0)
}

/// Reads a field that is an object, `null` or left out.
pub(crate) fn maybe<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let read = Option::<Object<T>>::deserialize(deserializer)?;
    Ok(read.map(|object| object.0))
}

/// Reads a list of objects, but keeps no more than one beyond `MOST`, so that a list may be
/// far too long and take no memory for it: whoever uses the list refuses it by its length.
pub(crate) fn list<'de, const MOST: usize, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(Items::<T>(MOST, PhantomData))
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

struct Items<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() <= self.0
            && let Some(Object(item)) = list.next_element()?
        {
            items.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Object;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        number: u8,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Body {
        #[serde(deserialize_with = "super::deserialize")]
        one: Inner,
        #[serde(default, deserialize_with = "super::maybe")]
        other: Option<Inner>,
        #[serde(default, deserialize_with = "super::list::<2, _, _>")]
        more: Vec<Inner>,
    }

    #[test]
    fn an_object_is_read_from_an_object_only() {
        let check = |text: &str, read: bool| {
            let body = serde_json::from_str::<Object<Body>>(text);
            assert_eq!(body.is_ok(), read, "{text}: {body:?}");
        };
        check(r#"{"one": {"number": 1}}"#, true);
        check(r#"{"one": {"number": 1}, "other": null, "more": []}"#, true);
        check(
            r#"{"one": {"number": 1}, "other": {"number": 2}, "more": [{"number": 3}]}"#,
            true,
        );
        check(r#"[{"number": 1}]"#, false);
        check(r#"{"one": [1]}"#, false);
        check(r#"{"one": null}"#, false);
        check(r#"{"one": {"number": 1}, "other": [2]}"#, false);
        check(r#"{"one": {"number": 1}, "more": [[3]]}"#, false);
        check(r#"{"one": {"number": 1}, "more": {"number": 3}}"#, false);
    }

    #[test]
    fn a_list_that_is_too_long_is_kept_to_one_beyond() {
        let of = |length: usize| {
            let items = vec![r#"{"number": 3}"#; length].join(",");
            let text = format!(r#"{{"one": {{"number": 1}}, "more": [{items}]}}"#);
            serde_json::from_str::<Body>(&text).unwrap().more.len()
        };
        assert_eq!([of(0), of(2), of(3), of(9)], [0, 2, 3, 3]);
    }
}
