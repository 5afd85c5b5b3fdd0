//! A price list file, and what an import of it changes. Owns which file it is, the bounds of what is taken from it, and
//! which prices it may change; the two formats are [`litellm`]'s and [`openrouter`]'s. Pure; unknown members are ignored.

mod litellm;
mod openrouter;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};

use super::bounds::{MAX_MODEL_CHARS, MAX_PRICE, MAX_UNIT_PRICE};
use super::model::Document;
use super::model_map;
use super::price::{Price, PriceSource, Prices};
use super::validate::is_text;
use litellm::ListedCosts;
use openrouter::ListedModels;

/// What a price list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// Which one it is.
    pub source: PriceSource,
    /// Its prices by model.
    pub prices: Prices,
    /// Its models whose prices cannot be taken: none, or in units that the gateway does not count.
    pub skipped: usize,
}

/// A price that an import adds, changes, removes or keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PriceChange {
    /// The model.
    pub model: String,
    /// The price that there is; null: none.
    pub before: Option<Price>,
    /// The price of the list; null: none.
    pub listed: Option<Price>,
}

/// What an import changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PriceChanges {
    /// Prices of models that had none.
    pub added: Vec<PriceChange>,
    /// Imported prices that are others now.
    pub changed: Vec<PriceChange>,
    /// Imported prices that the same list does not have any more.
    pub removed: Vec<PriceChange>,
    /// Prices that were set by hand and that the list has as well: they stay.
    pub kept: Vec<PriceChange>,
    /// How many imported prices are as they were.
    pub unchanged: usize,
    /// Models that the configuration names and that have no price, neither before nor in the list.
    pub unpriced: Vec<String>,
}

impl PriceList {
    /// Reads a file; `None` when it is JSON and no price list.
    pub fn parse(file: &[u8]) -> serde_json::Result<Option<Self>> {
        let mut json = serde_json::Deserializer::from_slice(file);
        let found = match json.deserialize_any(File) {
            Err(error) if error.is_data() => return Ok(None),
            found => found?,
        };
        json.end()?;
        let (source, listed) = match found.openrouter {
            Some(models) => (PriceSource::OpenRouter, models),
            None => (PriceSource::LiteLlm, found.litellm),
        };
        let count = listed.len();
        let prices: Prices = listed
            .into_iter()
            .filter(|(model, _)| is_text(model, MAX_MODEL_CHARS))
            .filter_map(|(model, price)| Some((model, price?)))
            .filter(|(_, price)| is_within_bounds(price))
            .map(|(model, price)| {
                let source = Some(source);
                (model, Price { source, ..price })
            })
            .collect();
        Ok(Some(Self {
            source,
            skipped: count.saturating_sub(prices.len()),
            prices,
        })
        .filter(|list| !list.prices.is_empty()))
    }

    /// Leaves out the models that the configuration neither names nor has a price of. A list has thousands of them, and
    /// every instance reads the whole configuration.
    pub fn keep_named(&mut self, document: &Document) {
        let named = named_models(document);
        let known = &document.settings.prices;
        self.prices
            .retain(|model, _| named.contains(model.as_str()) || known.contains_key(model));
    }

    /// Changes the prices of the settings. A price without a source stays, and so does one of another list that this
    /// list does not have.
    pub fn apply(self, document: &mut Document) -> PriceChanges {
        let mut changes = PriceChanges::default();
        let source = Some(self.source);
        let prices = &mut document.settings.prices;
        let gone = prices
            .iter()
            .filter(|(model, price)| price.source == source && !self.prices.contains_key(*model));
        changes.removed = gone
            .map(|(model, price)| change(model, Some(price.clone()), None))
            .collect();
        prices.retain(|model, price| price.source != source || self.prices.contains_key(model));
        for (model, listed) in self.prices {
            let before = prices.get(&model);
            match before {
                Some(price) if price.source.is_none() => {
                    let before = Some(price.clone());
                    changes.kept.push(change(&model, before, Some(listed)));
                    continue;
                }
                Some(price) if *price == listed => {
                    changes.unchanged += 1;
                    continue;
                }
                Some(price) => {
                    let before = Some(price.clone());
                    let change = change(&model, before, Some(listed.clone()));
                    changes.changed.push(change);
                }
                None => changes
                    .added
                    .push(change(&model, None, Some(listed.clone()))),
            }
            prices.insert(model, listed);
        }
        changes.unpriced = unpriced(document);
        changes
    }
}

fn change(model: &str, before: Option<Price>, listed: Option<Price>) -> PriceChange {
    PriceChange {
        model: model.to_owned(),
        before,
        listed,
    }
}

/// Every name by which a price is looked up: those of clients and those of upstreams.
fn named_models(document: &Document) -> BTreeSet<&str> {
    let channels = document.channels.iter().flat_map(|channel| {
        let upstream = model_map::upstream_names(&channel.model_map);
        channel.served_models().chain(upstream)
    });
    let aliases = document.settings.aliases.values().flatten();
    let others = document.settings.default_models.values().chain(aliases);
    channels.chain(others.map(String::as_str)).collect()
}

/// The clients' names of models that have no price in the settings or in their channel.
fn unpriced(document: &Document) -> Vec<String> {
    let settings = &document.settings.prices;
    let models = document.channels.iter().flat_map(|channel| {
        channel.served_models().filter(|model| {
            let upstream = channel.model_map.get(*model).map_or(*model, String::as_str);
            super::prices::find(&channel.prices, settings, model, upstream).is_none()
        })
    });
    let models: BTreeSet<&str> = models.collect();
    models.into_iter().map(str::to_owned).collect()
}

fn is_within_bounds(price: &Price) -> bool {
    let service = [
        &price.service_tiers.flex,
        &price.service_tiers.priority,
        &price.service_tiers.batch,
    ];
    let service = service.into_iter().flatten();
    let tiers = price.tiers.iter();
    let tiers = tiers.chain(service.clone().flat_map(|tier| &tier.tiers));
    let tokens = tiers
        .map(|tier| tier.prices)
        .chain(service.map(|tier| tier.prices))
        .chain([price.tokens()]);
    let tokens = tokens.flat_map(|prices| {
        [
            prices.prompt,
            prices.cached,
            prices.completion,
            prices.cache_write,
            prices.cache_write_1h,
            prices.reasoning,
        ]
    });
    let units = [price.image, price.second, price.request];
    tokens.flatten().all(|each| each <= MAX_PRICE)
        && units
            .into_iter()
            .flatten()
            .all(|each| each <= MAX_UNIT_PRICE)
}

/// Dollars per unit as millionths of a dollar per million units; `None` for what is no price, such as the -1 of models
/// whose price varies.
fn micro_usd(dollars: f64) -> Option<u64> {
    const SCALE: f64 = 1e12;
    /// Up to here every whole number is exact.
    const MOST: f64 = 9_007_199_254_740_991.0;
    let scaled = (dollars * SCALE).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a whole number within the range"
    )]
    (0.0..=MOST).contains(&scaled).then_some(scaled as u64)
}

/// An optional price; zero beside a prompt that has a price means that there is no separate one.
fn unless_zero(price: Option<u64>, prompt: u64) -> Option<u64> {
    price.filter(|price| *price > 0 || prompt == 0)
}

/// A file under way: prices by model, `None` where there is none to take.
#[derive(Default)]
struct Found {
    litellm: BTreeMap<String, Option<Price>>,
    openrouter: Option<BTreeMap<String, Option<Price>>>,
}

/// Reads a file member by member.
struct File;

impl<'de> Visitor<'de> for File {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a price list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some(name) = members.next_key::<String>()? {
            match members.next_value_seed(FileMember { name: &name })? {
                FileValue::Costs(price) if name != litellm::SPECIMEN => {
                    found.litellm.insert(name, price.map(|price| *price));
                }
                FileValue::Models(models) => found.openrouter = Some(models),
                FileValue::Costs(_) | FileValue::Other => {}
            }
        }
        Ok(found)
    }
}

/// The value of a member of the file.
struct FileMember<'n> {
    name: &'n str,
}

enum FileValue {
    /// A model of `LiteLLM`'s file.
    Costs(Option<Box<Price>>),
    /// The models of `OpenRouter`'s list.
    Models(BTreeMap<String, Option<Price>>),
    /// Something else.
    Other,
}

impl<'de> DeserializeSeed<'de> for FileMember<'_> {
    type Value = FileValue;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<FileValue, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FileMember<'_> {
    type Value = FileValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<FileValue, A::Error> {
        Ok(FileValue::Costs(
            ListedCosts::read(members)?.price().map(Box::new),
        ))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<FileValue, A::Error> {
        if self.name == openrouter::MODELS {
            return Ok(FileValue::Models(ListedModels::read(items)?));
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(FileValue::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<FileValue, E> {
        Ok(FileValue::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<FileValue, E> {
        Ok(FileValue::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<FileValue, E> {
        Ok(FileValue::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<FileValue, E> {
        Ok(FileValue::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<FileValue, E> {
        Ok(FileValue::Other)
    }

    fn visit_unit<E>(self) -> Result<FileValue, E> {
        Ok(FileValue::Other)
    }
}
