//! Lists of the admin API: which rows a call selects, in which order, and where a page begins. Owns the parameters that all
//! lists share and the cursor; what a row's words and sort keys are is the lists' own.
//!
//! A cursor names the sort key and the id of the last row that was given. The next page begins behind them, whatever was
//! added or removed meanwhile, so that no row is given twice or left out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use serde::Serialize;

use super::query::{invalid, read};
use crate::error::GatewayError;
use crate::secret;
use crate::units::Timestamp;

/// The most rows of a page.
pub const MAX_PAGE_ROWS: u64 = 500;
/// Characters of a search.
pub const MAX_SEARCH_CHARS: usize = 200;
/// The order of creation, which every list of configured objects has.
pub const CREATED: &str = "created";

const PARAMETERS: [&str; 6] = ["q", "tag", "sort", "order", "limit", "cursor"];
/// From this length on a word may be a whole key, whose hint shows its ends.
const MIN_KEY_CHARS: usize = 16;

/// The parameters of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Whether the call has no parameter at all.
    is_bare: bool,
    words: SearchWords,
    tag: Option<String>,
    /// `None`: as they are stored.
    sort: Option<&'static str>,
    is_descending: bool,
    /// `None`: all.
    limit: Option<usize>,
    /// The sort key and the id behind which the page begins.
    after: Option<(String, String)>,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage<R> {
    /// Its rows.
    pub rows: Vec<R>,
    /// Where it is in the whole; `None` for a call without any parameter, which gets everything.
    pub position: Option<PagePosition>,
}

/// Where a page is in the whole; in every answer to a call with a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PagePosition {
    /// The `cursor` of the next page; null on the last one.
    pub next: Option<String>,
    /// How many rows there are on all pages.
    pub total: usize,
}

/// Words that must all occur in a row, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

impl SearchWords {
    /// Reads the parameter `q`.
    pub fn read(q: Option<&str>) -> Result<Self, GatewayError> {
        let q = q.unwrap_or_default();
        if q.chars().nth(MAX_SEARCH_CHARS).is_some() {
            let rule = format!("must have at most {MAX_SEARCH_CHARS} characters");
            return Err(invalid("q", &rule));
        }
        let words = q.split_whitespace().map(str::to_lowercase);
        Ok(Self(words.collect()))
    }

    /// Whether every row is meant.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each word occurs in one of the texts, whatever its case. A whole key is found by its hint.
    pub fn occur_in<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        if self.is_empty() {
            return true;
        }
        let mut all = String::new();
        for text in texts {
            all.push_str(text);
            all.push('\n');
        }
        let all = all.to_lowercase();
        self.0.iter().all(|word| {
            let is_long = word.chars().nth(MIN_KEY_CHARS - 1).is_some();
            all.contains(word) || is_long && all.contains(&secret::hint(word))
        })
    }
}

impl ListQuery {
    /// Reads the parameters of a list that can be sorted by `sorts`.
    pub fn read(uri: &Uri, sorts: &[&'static str]) -> Result<Self, GatewayError> {
        Self::of(uri, read(uri, PARAMETERS)?, sorts)
    }

    /// The same for a list with one more parameter, and the value of that.
    pub fn read_with(
        uri: &Uri,
        sorts: &[&'static str],
        more: &'static str,
    ) -> Result<(Self, Option<String>), GatewayError> {
        let [q, tag, sort, order, limit, cursor] = PARAMETERS;
        let [q, tag, sort, order, limit, cursor, more] =
            read(uri, [q, tag, sort, order, limit, cursor, more])?;
        let query = Self::of(uri, [q, tag, sort, order, limit, cursor], sorts)?;
        Ok((query, more))
    }

    fn of(
        uri: &Uri,
        [q, tag, sort, order, limit, cursor]: [Option<String>; 6],
        sorts: &[&'static str],
    ) -> Result<Self, GatewayError> {
        let known = |name: &str| sorts.iter().find(|sort| **sort == name).copied();
        let sort = match sort.as_deref().map(known) {
            None => None,
            Some(Some(sort)) => Some(sort),
            Some(None) => {
                let rule = format!("must be one of {}", sorts.join(", "));
                return Err(invalid("sort", &rule));
            }
        };
        let limit = page_rows(limit.as_deref())?;
        let mut query = Self {
            is_bare: uri.query().unwrap_or_default().is_empty(),
            words: SearchWords::read(q.as_deref())?,
            tag: tag.filter(|tag| !tag.is_empty()),
            sort,
            is_descending: is_descending(order.as_deref(), false)?,
            limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            after: None,
        };
        if query.sort.is_none() && (query.limit.is_some() || query.is_descending) {
            // Pages need an order that stays as it is when objects are removed.
            query.sort = Some(CREATED);
        }
        if let Some(cursor) = cursor {
            if query.limit.is_none() {
                return Err(invalid("cursor", "must come with `limit`"));
            }
            query.after = Some(query.decode(&cursor)?);
        }
        Ok(query)
    }

    /// Whether the row with these tags and words is meant.
    pub fn selects<'t, T: IntoIterator<Item = &'t str>>(
        &self,
        tags: &'t [String],
        texts: impl FnOnce() -> T,
    ) -> bool {
        let has_tag = |tag: &String| tags.contains(tag);
        if !self.tag.as_ref().is_none_or(has_tag) {
            return false;
        }
        self.words.is_empty()
            || self
                .words
                .occur_in(texts().into_iter().chain(tags.iter().map(String::as_str)))
    }

    /// The words of the search, in lower case.
    pub fn words(&self) -> &[String] {
        &self.words.0
    }

    /// What the rows are sorted by; `None`: they are as they are stored.
    pub const fn sort(&self) -> Option<&'static str> {
        self.sort
    }

    /// Sorts the rows that were selected and cuts the page out of them. `key` gives a row's sort key, which is compared as
    /// text, and its id.
    pub fn page<R>(
        &self,
        rows: Vec<R>,
        key: impl Fn(&R, &'static str) -> (String, String),
    ) -> ListPage<R> {
        let total = rows.len();
        let position = |next| (!self.is_bare).then_some(PagePosition { next, total });
        let Some(sort) = self.sort else {
            let position = position(None);
            return ListPage { rows, position };
        };
        let mut keyed: Vec<_> = rows.into_iter().map(|row| (key(&row, sort), row)).collect();
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        if self.is_descending {
            keyed.reverse();
        }
        if let Some(after) = &self.after {
            let is_behind = |key: &(String, String)| {
                if self.is_descending {
                    key < after
                } else {
                    key > after
                }
            };
            keyed.retain(|(key, _)| is_behind(key));
        }
        let limit = self.limit.unwrap_or(usize::MAX);
        let next = match keyed.get(limit.saturating_sub(1)) {
            Some((last, _)) if keyed.len() > limit => Some(self.encode(sort, last)),
            _ => None,
        };
        keyed.truncate(limit);
        ListPage {
            rows: keyed.into_iter().map(|(_, row)| row).collect(),
            position: position(next),
        }
    }

    fn encode(&self, sort: &str, (key, id): &(String, String)) -> String {
        let cursor = [sort, order_word(self.is_descending), key, id];
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
    }

    fn decode(&self, cursor: &str) -> Result<(String, String), GatewayError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
        let Ok([sort, order, key, id]) = serde_json::from_slice::<[String; 4]>(&bytes) else {
            return Err(invalid("cursor", "must be the `next` of a page before"));
        };
        if Some(sort.as_str()) != self.sort || order != order_word(self.is_descending) {
            let rule = "is of another `sort` or `order`; begin again without it";
            return Err(invalid("cursor", rule));
        }
        Ok((key, id))
    }
}

/// Reads the parameter `limit`; `None`: it is not there.
pub fn page_rows(limit: Option<&str>) -> Result<Option<u64>, GatewayError> {
    match limit.map(str::parse) {
        None => Ok(None),
        Some(Ok(limit)) if (1..=MAX_PAGE_ROWS).contains(&limit) => Ok(Some(limit)),
        Some(_) => {
            let range = format!("must be a whole number from 1 to {MAX_PAGE_ROWS}");
            Err(invalid("limit", &range))
        }
    }
}

/// Reads the parameter `order`.
pub fn is_descending(order: Option<&str>, default: bool) -> Result<bool, GatewayError> {
    match order {
        None => Ok(default),
        Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        Some(_) => Err(invalid("order", "must be asc or desc")),
    }
}

const fn order_word(is_descending: bool) -> &'static str {
    if is_descending { "desc" } else { "asc" }
}

/// A number as a sort key.
pub fn number_key(number: impl Into<u64>) -> String {
    format!("{:020}", number.into())
}

/// A time as a sort key; none comes first.
pub fn time_key(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |Timestamp(ms)| number_key(ms))
}

/// A name as a sort key.
pub fn text_key(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests;
