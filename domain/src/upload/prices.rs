//! Prices that come in the address, for formats whose tiers have none.

use std::collections::BTreeMap;

use super::BadUpload;
use crate::{FieldError, Money, Tier};

/// What tiers without a price of their own cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    every: Option<Money>,
    by_tier: BTreeMap<String, Money>,
}

impl Prices {
    /// From the query's `price` (minor units for every tier) and `prices`
    /// (`tier:amount,…`).
    ///
    /// # Errors
    ///
    /// [`BadUpload::Invalid`] when an amount is no number or both are there.
    pub fn parse(price: Option<&str>, prices: Option<&str>) -> Result<Self, BadUpload> {
        let invalid =
            |field: &str, reason: &str| BadUpload::Invalid(vec![FieldError::new(field, reason)]);
        if price.is_some() && prices.is_some() {
            return Err(invalid("price", "give either price or prices"));
        }
        let every = price.map(|price| amount("price", price)).transpose()?;
        let mut by_tier = BTreeMap::new();
        for pair in prices.into_iter().flat_map(|prices| prices.split(',')) {
            let (tier, price) = pair
                .rsplit_once(':')
                .ok_or_else(|| invalid("prices", "must be tier:amount,tier:amount"))?;
            by_tier.insert(tier.trim().to_owned(), amount("prices", price)?);
        }
        Ok(Self { every, by_tier })
    }

    /// Whether the address gave none.
    pub fn is_empty(&self) -> bool {
        self.every.is_none() && self.by_tier.is_empty()
    }

    /// Prices the tiers that tickets name; those that the event has keep theirs.
    pub(super) fn tiers<'a>(
        &self,
        named: impl IntoIterator<Item = &'a str>,
        own: &[Tier],
    ) -> Result<Vec<Tier>, BadUpload> {
        let mut tiers: Vec<Tier> = Vec::new();
        let mut errors = Vec::new();
        for id in named {
            let asked = self.by_tier.get(id).copied();
            let known = own.iter().find(|tier| tier.id == id);
            match (asked.or(self.every), known) {
                (_, Some(_)) if asked.is_none() => {}
                (Some(price), _) => tiers.push(Tier {
                    id: id.to_owned(),
                    name: known.map_or_else(|| id.to_owned(), |tier| tier.name.clone()),
                    price,
                }),
                (None, _) => errors.push(FieldError::new(
                    "prices",
                    format!("tier `{id}` has no price; add {id}:AMOUNT"),
                )),
            }
        }
        if errors.is_empty() {
            Ok(tiers)
        } else {
            errors.truncate(crate::limits::UPLOAD_ERRORS);
            Err(BadUpload::Invalid(errors))
        }
    }
}

fn amount(field: &str, text: &str) -> Result<Money, BadUpload> {
    text.trim().parse().map(Money).map_err(|_| {
        let reason = format!("`{text}` is no amount in minor units");
        BadUpload::Invalid(vec![FieldError::new(field, reason)])
    })
}
