//! `POST prices/import`: prices of the settings from a price list. Owns the call's parameters and view; what a list says
//! and what it may change is [`crate::config::price_list`]'s.

use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;

use super::query::{self, invalid};
use super::{body, document, precondition};
use crate::config::bounds::MAX_PRICES;
use crate::config::key_shards::edit::KeyScope;
use crate::config::model::Document;
use crate::config::price::PriceSource;
use crate::config::price_list::{PriceChanges, PriceList};
use crate::config::validate::Problems;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::AdminPorts;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Reply};

/// What an import of prices changes.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "PriceImport")
)]
pub struct PriceImportView {
    /// Whether nothing was stored.
    dry_run: bool,
    /// The list that it is.
    source: PriceSource,
    /// Models of the list whose prices cannot be taken: it has none, or only in units that the gateway does not count.
    skipped: usize,
    #[serde(flatten)]
    changes: PriceChanges,
}

/// Answers the call.
pub async fn run<P: AdminPorts>(
    ports: &P,
    headers: &HeaderMap,
    uri: &Uri,
    file: &[u8],
) -> Result<Reply, GatewayError> {
    let [dry_run, models] = query::read(uri, ["dry_run", "models"])?;
    let dry_run = query::boolean("dry_run", dry_run.as_deref())?;
    let is_all = match models.as_deref() {
        None | Some("named") => false,
        Some("all") => true,
        Some(_) => return Err(invalid("models", "must be named or all")),
    };
    let list = PriceList::parse(file).map_err(|error| body::not_json(&error))?;
    let list = list.ok_or_else(unknown)?;
    let (source, skipped) = (list.source, list.skipped);
    let edit = |document: &mut Document, revision: &str| {
        precondition::check(headers, revision, "configuration")?;
        let mut list = list.clone();
        if !is_all {
            list.keep_named(document);
        }
        let changes = list.apply(document);
        within_bounds(document)?;
        Ok(changes)
    };
    let (changes, revision) = if dry_run {
        let (mut document, revision) = document::load_with_revision(ports).await?;
        (edit(&mut document, &revision)?, revision)
    } else {
        document::change_at_revision(ports, KeyScope::None, edit).await?
    };
    if !dry_run {
        ports.line(format_args!(
            "admin: prices of {} were imported: {} added, {} changed, {} removed",
            source.word(),
            changes.added.len(),
            changes.changed.len(),
            changes.removed.len()
        ));
    }
    let view = PriceImportView {
        dry_run,
        source,
        skipped,
        changes,
    };
    Ok(precondition::tag(
        reply::json(StatusCode::OK, &view),
        &revision,
    ))
}

fn unknown() -> GatewayError {
    let known = vec!["LiteLLM", "OpenRouter"];
    let kind = ProblemKind::UnknownPriceList { known };
    let message = format!("The body {kind}.");
    let details = vec![Problem::new("", kind)];
    ErrorCode::InvalidValue.error(message).with_details(details)
}

fn within_bounds(document: &Document) -> Result<(), GatewayError> {
    let mut problems = Problems::default();
    if document.settings.prices.len() > MAX_PRICES {
        problems.add("settings.prices", ProblemKind::TooMany { max: MAX_PRICES });
    }
    problems.check("configuration with these prices")
}
