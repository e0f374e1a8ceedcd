//! schema.org events in JSON-LD, as sites publish them: prices as numbers, texts or not
//! at all, times with offsets and without.

use parterre_domain::Currency;
use serde_json::{Value, json};

use super::Settings;
use super::item::{Item, settle, time};

/// What an event without a price costs when nothing says so.
const FREE: i64 = 0;
const NAME_CHARS: usize = parterre_domain::limits::NAME_CHARS;
const DESCRIPTION_CHARS: usize = parterre_domain::limits::DESCRIPTION_CHARS;

/// An item of an event, or why it can't be one.
pub(super) fn item(event: &Value, settings: &Settings) -> Result<Item, String> {
    let title = text(event, "name").ok_or("it has no name")?;
    let named = |why: String| format!("{title:?}: {why}");
    let starts_at = text(event, "startDate").ok_or_else(|| named("it has no startDate".into()))?;
    let starts_at = time(starts_at, settings).map_err(|why| named(format!("startDate {why}")))?;
    let location = event.get("location").cloned().unwrap_or_default();
    let location = location
        .as_array()
        .and_then(|places| places.first().cloned())
        .unwrap_or(location);
    let venue = text(&location, "name").ok_or_else(|| named("its location has no name".into()))?;
    let address = location.get("address").cloned().unwrap_or_default();
    let city = text(&address, "addressLocality").or_else(|| address.as_str());
    let city = city.ok_or_else(|| named("its address has no addressLocality".into()))?;
    let keyword = match event.get("keywords") {
        Some(Value::Array(words)) => words.iter().find_map(Value::as_str),
        Some(Value::String(words)) => words.split(',').next(),
        _ => None,
    };
    let category = keyword
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .ok_or_else(|| named("it has no keywords".into()))?;
    let (currency, price) = price(event, settings).map_err(named)?;
    let mut about = json!({
        "title": cut(title, NAME_CHARS), "category": cut(&category.to_lowercase(), NAME_CHARS),
        "venue": cut(venue, NAME_CHARS), "city": cut(city, NAME_CHARS),
        "starts_at": starts_at.to_string(), "currency": currency.to_string(),
        "description": cut(text(event, "description").unwrap_or_default(), DESCRIPTION_CHARS),
    });
    if let Some(image) = image(event) {
        about["image_url"] = image.into();
    }
    settle(&mut about, settings)?;
    let ticket = json!({ "section": "", "row": "", "seat": "", "tier": "general" });
    let tickets = vec![ticket; settings.tickets as usize];
    let tiers = [json!({ "id": "general", "name": "General admission", "price": price })];
    let tickets = json!({ "tiers": tiers, "tickets": tickets }).to_string();
    Ok(Item {
        about,
        tickets: tickets.into(),
        kind: "application/json",
        price: None,
    })
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value
        .get(field)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn cut(text: &str, chars: usize) -> String {
    text.trim()
        .chars()
        .take(chars)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

fn image(event: &Value) -> Option<String> {
    let image = event.get("image")?;
    let image = image
        .as_str()
        .or_else(|| image.as_array()?.first()?.as_str())?;
    let usable = image.starts_with("https://") || image.starts_with("http://");
    usable.then(|| image.to_owned())
}

/// The first price among the offers, in minor units.
fn price(event: &Value, settings: &Settings) -> Result<(Currency, i64), String> {
    let offers = match event.get("offers") {
        Some(Value::Array(offers)) => offers.clone(),
        Some(Value::Null) | None => Vec::new(),
        Some(offer) => vec![offer.clone()],
    };
    let priced = offers
        .iter()
        .find(|offer| offer.get("price").is_some_and(|price| !price.is_null()));
    let Some(offer) = priced else {
        return Ok((settings.currency, settings.price.unwrap_or(FREE)));
    };
    let currency = match text(offer, "priceCurrency") {
        Some(code) => code
            .parse()
            .map_err(|error| format!("priceCurrency {code:?}: {error}"))?,
        None => settings.currency,
    };
    let written = match &offer["price"] {
        Value::String(text) => text.trim().to_owned(),
        number => number.to_string(),
    };
    let amount = minor(&written, currency)
        .ok_or_else(|| format!("price {written:?} isn't an amount of {currency}"))?;
    Ok((currency, amount))
}

/// A decimal as minor units, without a detour over floating point; decimals beyond the
/// minor unit are rounded half up.
fn minor(decimal: &str, currency: Currency) -> Option<i64> {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let decimals = currency.decimals() as usize;
    let padded: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(decimals)
        .collect();
    let rounded_up = fraction
        .as_bytes()
        .get(decimals)
        .is_some_and(|digit| *digit >= b'5');
    let amount: i64 = format!("{whole}{padded}").parse().ok()?;
    Some(amount + i64::from(rounded_up))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::testing::settings;

    fn event(change: impl Fn(&mut Value)) -> Value {
        let mut event = json!({
            "name": " A Night ", "startDate": "2026-05-01T20:00:00-04:00", "keywords": ["Live Music", "Other"],
            "location": { "name": "Hall", "address": { "addressLocality": "Toronto" } },
            "offers": { "price": "15.00", "priceCurrency": "CAD" },
        });
        change(&mut event);
        event
    }

    #[test]
    fn prices_of_every_spelling_become_minor_units() {
        for (price, expected) in [
            (json!("15.00"), 1_500),
            (json!(15), 1_500),
            (json!(57.85), 5_785),
            (json!("0.01"), 1),
            (json!("9.999"), 1_000),
            (json!("7.5"), 750),
            (Value::Null, 0),
        ] {
            let event = event(|event| event["offers"]["price"] = price.clone());
            assert_eq!(
                super::price(&event, &settings()).unwrap().1,
                expected,
                "{price}"
            );
        }
        for bad in [json!("from 10"), json!("-1"), json!("")] {
            let event = event(|event| event["offers"]["price"] = bad.clone());
            assert!(super::price(&event, &settings()).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_without_an_offset_are_in_the_named_zone() {
        for (text, utc) in [
            ("2026-05-01T20:00:00-04:00", "2026-05-02T00:00:00Z"),
            ("2026-05-01T20:00:00", "2026-05-02T00:00:00Z"),
            ("2026-12-01T20:00", "2026-12-02T01:00:00Z"),
            ("2026-05-01T20:00:00.000Z", "2026-05-01T20:00:00Z"),
        ] {
            assert_eq!(time(text, &settings()).unwrap().to_string(), utc, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (field, said) in [
            ("name", "name"),
            ("startDate", "startDate"),
            ("location", "location"),
            ("keywords", "keywords"),
        ] {
            let event = event(|event| event[field] = Value::Null);
            let why = item(&event, &settings()).err().unwrap();
            assert!(why.contains(said), "{field}: {why}");
        }
        let item = item(&event(|_| ()), &settings()).ok().unwrap();
        assert_eq!(item.about["title"], "A Night");
        assert_eq!(item.about["category"], "live music");
    }
}
