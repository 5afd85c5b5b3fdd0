//! `POST channels/bulk` and `POST keys/bulk`: one change of many objects in one write of the configuration, all or
//! nothing. Owns the order of its steps and the answer, from which the change can be undone; how the request is read is
//! in `body`, what channels and client keys have in common in `objects`.

mod body;
mod objects;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{document, limit_usage};
use crate::config::bounds::{MAX_MODELS, MAX_TAGS};
use crate::config::model::{ChannelConfig, ClientKey, Document};
#[cfg(feature = "schema")]
use crate::config::shapes::{Id, never_null};
use crate::config::validate::Problems;
use crate::error::{ErrorCode, GatewayError};
use crate::health;
use crate::ports::AdminPorts;
use crate::problem::ProblemKind;
use crate::reply::{self, Reply};
use crate::units::Timestamp;
#[cfg(feature = "schema")]
pub use body::MAX_TARGETS;
use body::{BulkEdit, BulkTarget, ListEdit};
use objects::BulkObject;
#[cfg(feature = "schema")]
pub use objects::{CHANNEL_MEMBERS, KEY_MEMBERS};

/// What was changed. Objects that were as they should be already are left out.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "BulkAnswer")
)]
pub struct BulkView {
    /// In the order of the request.
    data: Vec<BulkChangeView>,
}

/// One object that was changed.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "BulkChanged", transform = never_null)
)]
pub struct BulkChangeView {
    /// `ch_…` or `ck_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: String,
    /// The name of its new state; absent: it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// What the members that the change named were before; absent: it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    former: Option<Map<String, Value>>,
}

/// What became of one object.
struct Outcome<O> {
    before: O,
    /// `None`: it was deleted.
    after: Option<O>,
    /// The members that the change named.
    names: Vec<&'static str>,
}

/// `POST channels/bulk`.
pub async fn channels<P: AdminPorts>(ports: &P, body: &Value) -> Result<Reply, GatewayError> {
    let outcomes = run::<ChannelConfig, P>(ports, body).await?;
    // Other than for a single channel, whose change is often a repair, tags change nothing of what is known.
    let changed = outcomes
        .iter()
        .filter(|outcome| outcome.names != [objects::TAGS]);
    let ids: Vec<String> = changed.map(|outcome| outcome.before.id.clone()).collect();
    if !ids.is_empty() {
        health::stored::forget(ports, &ids).await;
    }
    Ok(reply(ports, outcomes))
}

/// `POST keys/bulk`.
pub async fn keys<P: AdminPorts>(ports: &P, body: &Value) -> Result<Reply, GatewayError> {
    let outcomes = run::<ClientKey, P>(ports, body).await?;
    let gone = outcomes.iter().filter(|outcome| outcome.after.is_none());
    let limited = gone.filter(|outcome| !outcome.before.limits.is_empty());
    let ids: Vec<&str> = limited.map(|outcome| outcome.before.id.as_str()).collect();
    limit_usage::forget_all(ports, &ids).await;
    Ok(reply(ports, outcomes))
}

/// Changes the objects that the body names, or none of them when anything is wrong.
async fn run<O: BulkObject, P: AdminPorts>(
    ports: &P,
    body: &Value,
) -> Result<Vec<Outcome<O>>, GatewayError> {
    let mut problems = Problems::default();
    let targets = body::read::<O>(body, &mut problems);
    problems.check("bulk change")?;
    let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    document::change_in(ports, O::scope(&ids), |document| {
        apply(document, &targets, ports.now())
    })
    .await
}

fn reply<O: BulkObject, P: AdminPorts>(ports: &P, outcomes: Vec<Outcome<O>>) -> Reply {
    let gone = outcomes.iter().filter(|it| it.after.is_none()).count();
    ports.line(format_args!(
        "admin: {}s changed: {}, deleted: {gone}",
        O::WHAT,
        outcomes.len() - gone
    ));
    let data = outcomes.into_iter().map(BulkChangeView::from).collect();
    reply::json(StatusCode::OK, &BulkView { data })
}

impl<O: BulkObject> From<Outcome<O>> for BulkChangeView {
    fn from(outcome: Outcome<O>) -> Self {
        let former = outcome.after.is_some().then(|| {
            let mut members = outcome.before.members();
            let named = outcome.names.iter().map(|name| {
                let value = members.remove(*name);
                let value = value.unwrap_or_else(|| objects::absent(name));
                ((*name).to_owned(), value)
            });
            named.collect()
        });
        Self {
            id: outcome.before.id().to_owned(),
            revision: outcome.after.as_ref().map(BulkObject::state),
            former,
        }
    }
}

/// Changes the document; when it fails the document is as good as lost, since nothing of it is stored.
fn apply<O: BulkObject>(
    document: &mut Document,
    targets: &[BulkTarget<O>],
    now: Timestamp,
) -> Result<Vec<Outcome<O>>, GatewayError> {
    let objects = O::all(document);
    let places = objects.iter().enumerate();
    let places: BTreeMap<String, usize> = places
        .map(|(place, object)| (object.id().to_owned(), place))
        .collect();
    let mut problems = Problems::default();
    let mut outcomes = Vec::new();
    for target in targets {
        let place = places.get(&target.id).copied();
        let Some(object) = place.and_then(|place| objects.get_mut(place)) else {
            problems.add(target.id_path(), ProblemKind::UnknownId);
            continue;
        };
        target.check_state(O::WHAT, &object.state())?;
        let before = object.clone();
        let Some(edit) = &target.edit else {
            outcomes.push(Outcome {
                before,
                after: None,
                names: Vec::new(),
            });
            continue;
        };
        let mut part = Problems::default();
        change(object, edit, &mut part);
        problems.absorb(&target.path(), part);
        if *object != before {
            object.mark_changed(now);
            outcomes.push(Outcome {
                before,
                after: Some(object.clone()),
                names: edit.names.clone(),
            });
        }
    }
    problems.check("bulk change")?;
    if targets.iter().any(|target| target.edit.is_none()) {
        let gone: BTreeSet<&str> = targets.iter().map(|it| it.id.as_str()).collect();
        O::all(document).retain(|object| !gone.contains(object.id()));
    }
    Ok(outcomes)
}

/// Changes one object: first the members, then what is removed from its lists, then what is added to them.
fn change<O: BulkObject>(object: &mut O, edit: &BulkEdit<O::Change>, problems: &mut Problems) {
    object.apply(&edit.change, problems);
    edit_list(object.tags(), &edit.tags, MAX_TAGS, objects::TAGS, problems);
    // An empty list means all models: to add some would take away the others, and to remove the last one would allow
    // all.
    if object.has_all_models() {
        return;
    }
    edit_list(
        object.models(),
        &edit.models,
        MAX_MODELS,
        objects::MODELS,
        problems,
    );
    if object.has_all_models() && !edit.models.remove.is_empty() {
        problems.add(objects::MODELS, ProblemKind::EmptyList);
    }
}

fn edit_list(
    list: &mut Vec<String>,
    edit: &ListEdit,
    max: usize,
    path: &str,
    problems: &mut Problems,
) {
    list.retain(|entry| !edit.remove.contains(entry));
    for added in &edit.add {
        if !list.contains(added) {
            list.push(added.clone());
        }
    }
    if list.len() > max {
        problems.add(path, ProblemKind::TooMany { max });
    }
}

impl<O: BulkObject> BulkTarget<O> {
    /// Fails with 412 when the change is for another state of the object.
    fn check_state(&self, what: &str, state: &str) -> Result<(), GatewayError> {
        if self
            .revision
            .as_ref()
            .is_none_or(|revision| revision == state)
        {
            return Ok(());
        }
        Err(ErrorCode::ChangedMeanwhile
            .error(format!(
                "The {what} {} has changed since it was read, so nothing was written.",
                self.id
            ))
            .with_param(self.id_path()))
    }
}
