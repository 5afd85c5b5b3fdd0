//! `GET requests/{id}`: one request of the log. Owns the call; what is shown is [`super::requests`]'s.

use http::StatusCode;

use super::ledger_queries;
use super::requests::{RequestView, names_in};
use crate::error::{ErrorCode, GatewayError};
use crate::ledger::port::Ledger as _;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};

/// Answers the call.
pub async fn show<P: AdminPorts>(ports: &P, id: &str) -> Result<Reply, GatewayError> {
    let found = ledger_queries::ledger(ports).query_request(id).await;
    let found = found.map_err(|error| ledger_queries::unavailable(ports, &error))?;
    let request = found.ok_or_else(|| {
        ErrorCode::NotFound.error(format!(
            "There is no request {id} in the log. It may have been removed since, or not be written yet."
        ))
    })?;
    let requests = [request];
    let names = names_in(ports, &requests).await?;
    let [request] = &requests;
    Ok(reply::json(
        StatusCode::OK,
        &RequestView::new(request, &names),
    ))
}
