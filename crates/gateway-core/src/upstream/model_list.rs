//! An upstream's list of models, page by page. Owns how far it is read; the shapes of such lists are
//! [`wire::model_list`](crate::wire::model_list)'s.

use std::collections::BTreeSet;

use thiserror::Error;

use super::call::{CallError, UpstreamClient};
use crate::config::bounds::{MAX_MODEL_CHARS, MAX_MODELS};
use crate::config::validate::is_text;
use crate::ports::{Clock, Upstream};
use crate::wire::model_list::{self, MAX_PAGES, ModelPage};

/// What an upstream lists.
#[derive(Debug, Default)]
pub struct ModelList {
    /// The models' names, as many as a channel may have.
    pub names: BTreeSet<String>,
    /// Whether there are more.
    pub is_truncated: bool,
}

/// There is no list.
#[derive(Debug, Error)]
pub enum ModelListError {
    /// The kind of provider has none, for this reason.
    #[error("{0}")]
    NotListed(&'static str),
    /// A call got no answer.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The upstream answered with another status than success.
    #[error("it answered {status}. {message}")]
    Rejected {
        /// The status.
        status: u16,
        /// The upstream's message.
        message: String,
    },
    /// The answer is not a list of models.
    #[error(
        "its answer holds no list of models. Models can also be entered by hand. Is the base URL right?"
    )]
    NotAList,
}

/// Reads the list, for about as long as one call may take.
pub async fn read<P: Upstream + Clock>(
    caller: &UpstreamClient<'_, P>,
) -> Result<ModelList, ModelListError> {
    let first = caller.channel.endpoint.kind().model_list();
    let first = first.map_err(ModelListError::NotListed)?;
    let began = caller.ports.now();
    let mut names = BTreeSet::new();
    let mut next: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = page(caller, &model_list::operation(first, next.as_deref())).await?;
        names.extend(page.names);
        // An upstream that returns the same cursor again would do so forever.
        let is_last = page.next.is_none() || page.next == next;
        next = page.next;
        let elapsed_ms = u128::from(caller.ports.now().since_ms(began));
        let is_late = elapsed_ms >= caller.bounds.time.as_millis();
        if is_last || is_late || names.len() > MAX_MODELS {
            break;
        }
    }
    let is_truncated = names.len() > MAX_MODELS;
    while names.len() > MAX_MODELS {
        names.pop_last();
    }
    Ok(ModelList {
        names,
        is_truncated,
    })
}

async fn page<P: Upstream + Clock>(
    caller: &UpstreamClient<'_, P>,
    operation: &str,
) -> Result<ModelPage, ModelListError> {
    let mut response = caller.call(operation, "", None).await?;
    if !response.status.is_success() {
        return Err(ModelListError::Rejected {
            status: response.status.as_u16(),
            message: response.rejection().await,
        });
    }
    let body = response.whole().await?;
    let value = serde_json::from_slice(&body).map_err(|_| ModelListError::NotAList)?;
    model_list::read(&value, |name| is_text(name, MAX_MODEL_CHARS)).ok_or(ModelListError::NotAList)
}
