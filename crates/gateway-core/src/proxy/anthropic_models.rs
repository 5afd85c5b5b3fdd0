//! The list of models in Anthropic's shape. Owns its pages and what their parameters mean.

use http::Uri;
use serde::Serialize;
use url::form_urlencoded;

use crate::config::snapshot::ListedModel;
use crate::error::{ErrorCode, GatewayError};
use crate::time_text;
use crate::units::Timestamp;

/// Anthropic's bounds.
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 1_000;

/// A model.
#[derive(Serialize)]
pub struct AnthropicModel<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
}

/// A page.
#[derive(Serialize)]
pub struct AnthropicPage<'a> {
    data: Vec<AnthropicModel<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

impl<'a> From<ListedModel<'a>> for AnthropicModel<'a> {
    fn from(model: ListedModel<'a>) -> Self {
        Self {
            kind: "model",
            id: model.id,
            display_name: model.id,
            created_at: time_text::format_second(Timestamp(model.created.saturating_mul(1_000))),
        }
    }
}

/// The page of `models`, sorted by id, that the query string asks for. An id that no longer exists still has its place.
pub fn page<'a>(
    models: Vec<ListedModel<'a>>,
    uri: &Uri,
) -> Result<AnthropicPage<'a>, GatewayError> {
    let mut limit = DEFAULT_LIMIT;
    let (mut after, mut before) = (None, None);
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "limit" => {
                limit = value
                    .parse()
                    .ok()
                    .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                    .ok_or_else(|| {
                        ErrorCode::InvalidValue
                            .error(format!(
                                "`limit` must be a whole number from 1 to {MAX_LIMIT}."
                            ))
                            .with_param("limit")
                    })?;
            }
            "after_id" => after = Some(value),
            "before_id" => before = Some(value),
            _ => {}
        }
    }
    let mut rest: Vec<ListedModel<'a>> = models
        .into_iter()
        .filter(|model| after.as_ref().is_none_or(|after| model.id > after.as_ref()))
        .filter(|model| {
            before
                .as_ref()
                .is_none_or(|before| model.id < before.as_ref())
        })
        .collect();
    let has_more = rest.len() > limit;
    if before.is_some() && after.is_none() {
        // The page ends just before the id.
        rest.drain(..rest.len().saturating_sub(limit));
    } else {
        rest.truncate(limit);
    }
    Ok(AnthropicPage {
        has_more,
        first_id: rest.first().map(|model| model.id),
        last_id: rest.last().map(|model| model.id),
        data: rest.into_iter().map(AnthropicModel::from).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_as_anthropic_cuts_them() {
        let ids: Vec<String> = (10..40).map(|number| format!("m{number}")).collect();
        let models = || {
            let listed = |id: &'static str| ListedModel {
                id,
                created: 1_700_000_000,
                owner: "a",
            };
            ids.iter()
                .map(|id| listed(String::leak(id.clone())))
                .collect::<Vec<_>>()
        };
        for (query, first, last, count, has_more) in [
            ("", Some("m10"), Some("m29"), 20, true),
            ("?limit=1000", Some("m10"), Some("m39"), 30, false),
            ("?limit=2&after_id=m10", Some("m11"), Some("m12"), 2, true),
            ("?after_id=m29", Some("m30"), Some("m39"), 10, false),
            ("?limit=3&before_id=m15", Some("m12"), Some("m14"), 3, true),
            ("?before_id=m12", Some("m10"), Some("m11"), 2, false),
            ("?after_id=m2x", Some("m30"), Some("m39"), 10, false),
            ("?after_id=z&beta=true", None, None, 0, false),
        ] {
            let uri = Uri::try_from(format!("/v1/models{query}")).unwrap();
            let page = page(models(), &uri).unwrap();
            assert_eq!(
                (page.first_id, page.last_id, page.data.len(), page.has_more),
                (first, last, count, has_more),
                "{query}"
            );
        }
        for query in ["limit=0", "limit=1001", "limit=x", "limit="] {
            let uri = Uri::try_from(format!("/v1/models?{query}")).unwrap();
            assert!(page(models(), &uri).is_err(), "{query}");
        }
    }
}
