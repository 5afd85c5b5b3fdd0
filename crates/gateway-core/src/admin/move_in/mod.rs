//! `POST import/preview` and `POST import`: moving in from another gateway. Owns the order of the work; what a file says is
//! [`crate::moving`]'s, what of it is stored is [`creation`]'s.
//!
//! An import is applied whole or not at all: everything that is created becomes part of the configuration in one write.

mod creation;
mod view;
mod wishes;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{AdminSettings, document, precondition};
use crate::config::key_shards::edit::KeyScope;
use crate::error::{ErrorCode, GatewayError};
use crate::moving;
use crate::ports::AdminPorts;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Reply};
use creation::Creation;
#[cfg(feature = "schema")]
pub use view::MoveView;
use wishes::MoveWishes;
#[cfg(feature = "schema")]
pub use wishes::{DuplicateWish, NameConflictWish};

/// Answers both calls; a preview stores nothing.
pub async fn run<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    headers: &HeaderMap,
    body: Value,
    is_preview: bool,
) -> Result<Reply, GatewayError> {
    let wishes = MoveWishes::read(body)?;
    let plan = moving::read(&wishes.file, wishes.source, &wishes.variables).map_err(|error| {
        let rule = error.to_string();
        let message = format!("The file {rule}.");
        let details = vec![Problem::new("file", ProblemKind::InvalidParameter { rule })];
        ErrorCode::InvalidValue
            .error(message)
            .with_param("file")
            .with_details(details)
    })?;
    let create = |document: &mut _| {
        let creation = Creation {
            ports,
            settings,
            wishes: &wishes,
            document,
        };
        creation.run(&plan)
    };
    let (mut view, revision) = if is_preview {
        let (mut document, revision) = document::load_with_revision(ports).await?;
        (create(&mut document)?, revision)
    } else {
        document::change_at_revision(ports, KeyScope::All, |document, revision| {
            precondition::check(headers, revision, "configuration")?;
            create(document)
        })
        .await?
    };
    view.applied = !is_preview;
    if !is_preview {
        ports.line(format_args!(
            "admin: imported from {}: {} channels, {} client keys, {} aliases",
            plan.source.title(),
            view.created.channels,
            view.created.keys,
            view.created.aliases
        ));
    }
    Ok(precondition::tag(
        reply::json(StatusCode::OK, &view),
        &revision,
    ))
}
