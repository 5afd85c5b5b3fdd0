//! When an upstream answers as if there were nothing at the path, the base URL is the likely cause. Owns when that is
//! said and how; what the URL should be is [`crate::config::base_url`]'s.

use crate::config::base_url;
use crate::config::model::ChannelConfig;

/// Part of the messages about answers that are no API's.
const DOUBT: &str = "base URL right?";

/// `error`, and what the channel's base URL should probably be if the error looks like it.
pub fn advise(channel: &ChannelConfig, status: Option<u16>, error: String) -> String {
    let is_path = matches!(status, Some(300..=399 | 404 | 405)) || error.contains(DOUBT);
    if !is_path {
        return error;
    }
    // An upstream that speaks of the model was found.
    let is_refusal = status.is_some_and(|status| status >= 400);
    let speaks_of_model = is_refusal && error.to_lowercase().contains("model");
    let suggested = if speaks_of_model {
        base_url::suggestion(channel.provider, &channel.base_url)
    } else {
        base_url::suggestion_after_failure(channel.provider, &channel.base_url)
    };
    match suggested {
        None => error,
        Some(url) => {
            let error = error.trim_end_matches(['.', ' ']);
            let point = if error.ends_with(['?', '!']) { "" } else { "." };
            format!("{error}{point} The base URL should probably be {url}")
        }
    }
}
