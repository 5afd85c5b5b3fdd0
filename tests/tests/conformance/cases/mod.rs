//! The cases, one function each. Owns the list of them and what several of them need.

mod admin;
mod coding;
mod keys;
mod leaving;
mod ledger;
mod limits;
mod loops;
mod panel;
mod proxying;
mod routes;
mod streams;
mod upstreams;

use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Result, ensure};
use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

/// A case's work.
pub type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One promise of the contract.
pub struct Case {
    /// Its name in the table and in the documents.
    pub name: &'static str,
    /// Checks it.
    pub run: fn(Arc<Stage>) -> Work,
}

/// Lists functions as cases of the same names.
macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$(Case {
            name: stringify!($name),
            run: |stage| Box::pin(async move { $module::$name(&stage).await }),
        }),*]
    };
}

/// Every case.
pub const CASES: &[Case] = cases![
    routes::health_and_unknown_paths,
    routes::head_has_the_length_of_get,
    routes::cross_origin,
    keys::auth_by_every_header,
    keys::keys_end_and_are_narrow,
    proxying::bodies_pass_as_they_came,
    proxying::models,
    proxying::large_bodies_and_their_limit,
    coding::compressed_answers,
    coding::compressed_requests,
    loops::loops_end,
    upstreams::failover,
    upstreams::credentials_exhausted,
    upstreams::cooldown_shared_between_instances,
    upstreams::first_byte_timeout,
    upstreams::connect_timeout,
    streams::chunks_arrive_as_they_are_sent,
    streams::errors_before_the_first_event_are_unseen,
    streams::truncation_is_reported,
    streams::idle_timeout,
    leaving::disconnect_from_a_flowing_stream,
    leaving::disconnect_from_a_silent_stream,
    leaving::disconnect_before_the_head,
    ledger::requests_are_in_the_log,
    ledger::broken_streams_are_in_the_log,
    ledger::clients_that_left_are_in_the_log,
    ledger::sums_are_those_of_the_requests,
    limits::exactly_as_many_pass_as_a_limit_says,
    limits::tokens_count_when_they_are_spent,
    admin::sessions,
    admin::answers_are_compressed_at_most_once,
    admin::known_devices,
    admin::changes_by_several_at_once,
    admin::export_and_import,
    panel::panel_files,
];

/// Creates channels named `NAME-0`, `NAME-1`, … for the model `NAME`, tried in this order, each with the members given,
/// and waits until they are in force. A channel's only key has its name, unless the members say otherwise.
pub async fn channels(stage: &Stage, name: &str, members: &[Value]) -> Result<()> {
    for (place, members) in members.iter().enumerate() {
        let channel = format!("{name}-{place}");
        let mut body = json!({"keys": [channel], "models": [name], "priority": place});
        for (member, value) in members.as_object().into_iter().flatten() {
            body[member] = value.clone();
        }
        stage.channel(&channel, &body).await?;
    }
    tokio::time::sleep(stage.gateway.host().in_force()).await;
    Ok(())
}

/// Fails unless the reply has this status and error code.
pub fn expect_failure(reply: &Reply, status: u16, code: &str) -> Result<()> {
    let found = reply.failure()?;
    ensure!(
        found == (status, code.to_owned()),
        "{found:?}, not {status} {code}: {}",
        reply.text()
    );
    Ok(())
}

/// Fails unless the reply is a success.
pub fn expect_ok(reply: &Reply) -> Result<()> {
    ensure!(reply.status == 200, "{}: {}", reply.status, reply.text());
    Ok(())
}
