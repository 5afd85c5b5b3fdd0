//! The list of models in Gemini's shape. Owns its pages and what their parameters mean.

use http::Uri;
use serde::Serialize;
use url::form_urlencoded;

use crate::config::snapshot::ListedModel;
use crate::error::{ErrorCode, GatewayError};

/// Gemini's bounds; more than the maximum counts as the maximum.
const DEFAULT_PAGE_SIZE: usize = 50;
const MAX_PAGE_SIZE: usize = 1_000;
/// What clients look for in a model before they call it. Limits of tokens are unknown here and left out.
const METHODS: [&str; 2] = ["generateContent", "countTokens"];

/// A model.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeminiModel<'a> {
    name: String,
    version: &'static str,
    display_name: &'a str,
    supported_generation_methods: [&'static str; 2],
}

/// A page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeminiPage<'a> {
    models: Vec<GeminiModel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<&'a str>,
}

impl<'a> From<ListedModel<'a>> for GeminiModel<'a> {
    fn from(model: ListedModel<'a>) -> Self {
        Self {
            name: format!("models/{}", model.id),
            version: "",
            display_name: model.id,
            supported_generation_methods: METHODS,
        }
    }
}

/// The page of `models`, sorted by id, that the query string asks for. A page's token is the last id of the page before,
/// which has its place even if the model no longer exists.
pub fn page<'a>(models: Vec<ListedModel<'a>>, uri: &Uri) -> Result<GeminiPage<'a>, GatewayError> {
    let (mut size, mut after) = (DEFAULT_PAGE_SIZE, None);
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            // Their transcoding from JSON takes both spellings.
            "pageSize" | "page_size" => {
                size = match value.parse::<usize>() {
                    Ok(0) => DEFAULT_PAGE_SIZE,
                    Ok(size) => size.min(MAX_PAGE_SIZE),
                    Err(_) => {
                        return Err(ErrorCode::InvalidValue
                            .error("`pageSize` must be a whole number that is not negative.")
                            .with_param("pageSize"));
                    }
                };
            }
            "pageToken" | "page_token" => after = Some(value).filter(|value| !value.is_empty()),
            _ => {}
        }
    }
    let mut rest: Vec<ListedModel<'a>> = models
        .into_iter()
        .filter(|model| after.as_ref().is_none_or(|after| model.id > after.as_ref()))
        .collect();
    let has_more = rest.len() > size;
    rest.truncate(size);
    Ok(GeminiPage {
        next_page_token: rest.last().filter(|_| has_more).map(|model| model.id),
        models: rest.into_iter().map(GeminiModel::from).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_by_their_tokens() {
        let ids: Vec<String> = (100..160).map(|number| format!("m{number}")).collect();
        let models = || {
            ids.iter().map(|id| ListedModel {
                id,
                created: 0,
                owner: "a",
            })
        };
        for (query, first, count, next) in [
            ("", "models/m100", 50, Some("m149")),
            ("?pageToken=m149", "models/m150", 10, None),
            ("?pageSize=0&key=sk-x", "models/m100", 50, Some("m149")),
            ("?pageSize=5000", "models/m100", 60, None),
            (
                "?page_size=2&page_token=m100",
                "models/m101",
                2,
                Some("m102"),
            ),
            ("?pageSize=60&pageToken=", "models/m100", 60, None),
        ] {
            let uri = Uri::try_from(format!("/v1beta/models{query}")).unwrap();
            let page = page(models().collect(), &uri).unwrap();
            assert_eq!(
                (
                    &*page.models[0].name,
                    page.models.len(),
                    page.next_page_token
                ),
                (first, count, next),
                "{query}"
            );
        }
        let end = Uri::from_static("/v1beta/models?pageToken=z");
        assert_eq!(page(models().collect(), &end).unwrap().models.len(), 0);
        for query in ["pageSize=-1", "pageSize=x", "pageSize="] {
            let uri = Uri::try_from(format!("/v1beta/models?{query}")).unwrap();
            assert!(page(models().collect(), &uri).is_err(), "{query}");
        }
    }
}
