//! A channel's names of models: what the upstream calls a model that a client names. Owns patterns, which are keys with
//! one `*`: which of them applies to a name, and what it makes of it.

use crate::sorting;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The wildcard: it matches any text, also none.
pub const ANY: char = '*';

/// What a pattern says before and after its [`ANY`]; `None`: the name is no pattern.
pub fn pattern(name: &str) -> Option<(&str, &str)> {
    name.split_once(ANY)
        .filter(|(_, suffix)| !suffix.contains(ANY))
}

/// The map of one channel, prepared: an exact name is found at once, a pattern by its prefix.
#[derive(Clone, Debug, Default)]
pub struct ModelMap {
    exact: HashMap<String, String>,
    /// Names that the channel serves by themselves; patterns do not apply to them. Empty without patterns.
    own: HashSet<String>,
    /// The lengths of the patterns' prefixes in bytes, the longest first.
    prefix_bytes: Vec<usize>,
    /// Patterns by their prefix; those with the longest suffix first.
    patterns: HashMap<String, Vec<Mapped>>,
}

/// A pattern without its prefix, and the upstream's name.
#[derive(Clone, Debug)]
struct Mapped {
    suffix: String,
    before: String,
    /// What follows the matched text in the upstream's name; `None`: the text is no part of it.
    after: Option<String>,
}

impl ModelMap {
    /// Prepares the map of a channel that serves the models `own` by themselves.
    pub fn new<'n>(names: &BTreeMap<String, String>, own: impl Iterator<Item = &'n str>) -> Self {
        let mut map = Self::default();
        for (name, upstream) in names {
            let Some((prefix, suffix)) = pattern(name) else {
                map.exact.insert(name.clone(), upstream.clone());
                continue;
            };
            let (before, after) = match pattern(upstream) {
                Some((before, after)) => (before, Some(after.to_owned())),
                None => (upstream.as_str(), None),
            };
            map.prefix_bytes.push(prefix.len());
            let mapped = Mapped {
                suffix: suffix.to_owned(),
                before: before.to_owned(),
                after,
            };
            map.patterns
                .entry(prefix.to_owned())
                .or_default()
                .push(mapped);
        }
        sorting::sort_by(&mut map.prefix_bytes, |one, other| other.cmp(one));
        map.prefix_bytes.dedup();
        for list in map.patterns.values_mut() {
            sorting::sort_by_key(list, |mapped| std::cmp::Reverse(mapped.suffix.len()));
        }
        if !map.patterns.is_empty() {
            map.own = own.map(str::to_owned).collect();
        }
        map
    }

    /// The upstream's name of `model`. An exact name comes before patterns, of patterns the one with the longest
    /// prefix, then with the longest suffix; without either the name stays.
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> Cow<'a, str> {
        if let Some(upstream) = self.exact.get(model) {
            return Cow::Borrowed(upstream);
        }
        let Some((mapped, matched)) = self.find(model) else {
            return Cow::Borrowed(model);
        };
        match &mapped.after {
            None => Cow::Borrowed(&mapped.before),
            Some(after) => Cow::Owned([&mapped.before, matched, after].concat()),
        }
    }

    /// Whether there are any patterns.
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Whether a pattern applies to `model`.
    pub fn matches(&self, model: &str) -> bool {
        self.find(model).is_some()
    }

    /// The pattern that applies to `model`, and the text in place of its [`ANY`]. No pattern applies to a request
    /// without a model.
    fn find<'m>(&self, model: &'m str) -> Option<(&Mapped, &'m str)> {
        if model.is_empty() || self.own.contains(model) {
            return None;
        }
        self.prefix_bytes.iter().find_map(|bytes| {
            let (prefix, rest) = model.split_at_checked(*bytes)?;
            let mut list = self.patterns.get(prefix)?.iter();
            list.find_map(|mapped| Some((mapped, rest.strip_suffix(mapped.suffix.as_str())?)))
        })
    }
}

/// The upstream's names in a map, those made from patterns left out.
pub fn upstream_names(map: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    let fixed = map
        .iter()
        .filter(|(name, upstream)| pattern(name).is_none() || pattern(upstream).is_none());
    fixed.map(|(_, upstream)| upstream.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(pairs: &[(&str, &str)], models: &[&str]) -> ModelMap {
        let owned = |(name, upstream): &(&str, &str)| ((*name).to_owned(), (*upstream).to_owned());
        ModelMap::new(&pairs.iter().map(owned).collect(), models.iter().copied())
    }

    #[test]
    fn exact_names_win_then_the_longest_prefix_then_the_longest_suffix() {
        let map = map(
            &[
                ("claude-*", "large"),
                ("claude-haiku-*", "small"),
                ("claude-haiku-4", "exact"),
                ("*-mini", "mini"),
                ("*-4-mini", "mini-4"),
            ],
            &["claude-haiku-own"],
        );
        for (model, upstream) in [
            ("claude-opus", "large"),
            ("claude-", "large"),
            ("claude", "claude"),
            ("claude-haiku-4", "exact"),
            ("claude-haiku-4-5", "small"),
            ("claude-haiku-own", "claude-haiku-own"),
            ("claude-mini", "large"),
            ("gpt-mini", "mini"),
            ("gpt-4-mini", "mini-4"),
            ("-mini", "mini"),
            ("mini", "mini"),
            ("", ""),
        ] {
            assert_eq!(map.upstream_model(model), upstream, "{model}");
        }
        assert!(map.matches("claude-x") && !map.matches("claude-haiku-own") && !map.matches(""));
    }

    #[test]
    fn the_upstreams_name_takes_the_matched_text() {
        let map = map(
            &[
                ("openai/*", "*"),
                ("claude-*-latest", "anthropic/claude-*:beta"),
                ("é*", "e*"),
                ("fixed", "a*b"),
            ],
            &[],
        );
        for (model, upstream) in [
            ("openai/gpt-4o", "gpt-4o"),
            ("claude-opus-4-latest", "anthropic/claude-opus-4:beta"),
            ("claude--latest", "anthropic/claude-:beta"),
            ("claude-latest", "claude-latest"),
            ("éa", "ea"),
            ("è", "è"),
            ("fixed", "a*b"),
        ] {
            assert_eq!(map.upstream_model(model), upstream, "{model}");
        }
    }

    #[test]
    fn an_exact_name_and_a_fixed_upstreams_name_allocate_nothing() {
        let map = map(&[("a", "b"), ("c*", "d")], &["e"]);
        for model in ["a", "cx", "e", "f"] {
            assert!(
                matches!(map.upstream_model(model), Cow::Borrowed(_)),
                "{model}"
            );
        }
    }

    #[test]
    fn names_made_from_a_pattern_are_no_names() {
        let owned = |(name, upstream): (&str, &str)| (name.to_owned(), upstream.to_owned());
        let map = [("a*", "b*"), ("c*", "d"), ("e", "f")].map(owned).into();
        assert_eq!(upstream_names(&map).collect::<Vec<_>>(), ["d", "f"]);
    }

    proptest! {
        /// The same as a search through all patterns.
        #[test]
        fn the_best_pattern_is_found(
            patterns in prop::collection::btree_map("[ab]{0,3}\\*[ab]{0,2}", "[xy]{1,2}\\*?", 0..6),
            exact in prop::collection::btree_map("[ab]{1,5}", "[xy]{1,2}", 0..4),
            model in "[ab]{1,6}",
        ) {
            let best = patterns
                .iter()
                .filter_map(|(key, value)| {
                    let (prefix, suffix) = key.split_once('*')?;
                    let matched = model.strip_prefix(prefix)?.strip_suffix(suffix)?;
                    Some(((prefix.len(), suffix.len()), value.replace('*', matched)))
                })
                .max_by_key(|(rank, _)| *rank);
            let expected = exact
                .get(&model)
                .cloned()
                .or_else(|| best.map(|(_, upstream)| upstream))
                .unwrap_or_else(|| model.clone());
            let map = ModelMap::new(&patterns.into_iter().chain(exact).collect(), std::iter::empty());
            prop_assert_eq!(map.upstream_model(&model), expected);
        }
    }
}
