//! `GET requests.csv`: the request log as a table for spreadsheets, newest first. Owns its columns and how the log is read;
//! the filters are [`super::requests`]'s.

use http::Uri;

use super::csv_export::{self, CsvColumn, CsvPages, PAGE_ROWS};
use super::ledger_queries::{self, DisplayNames};
use super::query::read;
use super::request_failure;
use super::requests::{self, FILTERS};
use crate::config::bounds::MAX_LOG_ROWS;
use crate::config::model::Document;
use crate::error::GatewayError;
use crate::ledger::port::Ledger as _;
use crate::ledger::queries::requests::RequestQuery;
use crate::ledger::stored::StoredRequest;
use crate::ports::AdminPorts;
use crate::reply::Reply;
use crate::time_text;
use crate::wire::csv::{CsvCell, CsvRows};
use crate::wire::usage::{ServiceTier, Usage};

/// A request with the names of its key and channel.
struct ExportedRequest {
    request: StoredRequest,
    key_name: String,
    channel_name: Option<String>,
}

impl ExportedRequest {
    fn new(request: StoredRequest, names: &DisplayNames) -> Self {
        let channel = request.channel.as_deref();
        Self {
            key_name: names.get(&request.key).to_owned(),
            channel_name: channel.map(|id| names.get(id).to_owned()),
            request,
        }
    }

    const fn usage(&self) -> &Usage {
        &self.request.usage
    }
}

/// Named as the members of a request row, but for `attempts`, which is their number, and the limit's members.
const COLUMNS: &[CsvColumn<ExportedRequest>] = &[
    ("id", |row| row.request.id.as_str().into()),
    ("time", |row| time_text::format(row.request.time).into()),
    ("key", |row| row.request.key.as_str().into()),
    ("key_name", |row| row.key_name.as_str().into()),
    ("channel", |row| row.request.channel.as_deref().into()),
    ("channel_name", |row| row.channel_name.as_deref().into()),
    ("upstream_key", |row| {
        row.request.upstream_key.as_deref().into()
    }),
    ("model", |row| row.request.model.as_str().into()),
    ("upstream_model", |row| {
        row.request.upstream_model.as_deref().into()
    }),
    ("endpoint", |row| row.request.endpoint.as_str().into()),
    ("stream", |row| row.request.stream.into()),
    ("status", |row| row.request.status.into()),
    ("end", |row| row.request.end.as_str().into()),
    ("reason", |row| row.request.reason.as_deref().into()),
    ("limit", |row| {
        let exceeded = row.request.exceeded.as_ref();
        exceeded.map(|exceeded| exceeded.name).into()
    }),
    ("detail", |row| request_failure::of(&row.request).into()),
    ("attempts", |row| {
        CsvCell::Count(row.request.attempts.len() as u64)
    }),
    ("first_byte_ms", |row| row.request.first_byte_ms.into()),
    ("total_ms", |row| row.request.total_ms.into()),
    ("prompt_tokens", |row| row.usage().prompt_tokens.into()),
    ("completion_tokens", |row| {
        row.usage().completion_tokens.into()
    }),
    ("cached_tokens", |row| row.usage().cached_tokens.into()),
    ("cache_write_tokens", |row| {
        row.usage().cache_write_tokens.into()
    }),
    ("cache_write_1h_tokens", |row| {
        row.usage().cache_write_1h_tokens.into()
    }),
    ("reasoning_tokens", |row| {
        row.usage().reasoning_tokens.into()
    }),
    ("images", |row| row.usage().images.into()),
    ("media_ms", |row| row.usage().media_ms.into()),
    ("service_tier", |row| {
        row.usage().service_tier.map(ServiceTier::word).into()
    }),
    ("estimated", |row| row.request.estimated.into()),
    ("cost_micro_usd", |row| row.request.cost_micro_usd.into()),
    ("cost_usd", |row| CsvCell::Micro(row.request.cost_micro_usd)),
];

/// The log, read from its newest request to its oldest.
struct RequestPages<P> {
    ports: P,
    document: Document,
    query: RequestQuery,
    /// Rows that may still come.
    left: u64,
}

/// Answers the call. `owned` is what the rest of the body is read with after the call has ended.
pub async fn export<P: AdminPorts, O: AdminPorts + 'static>(
    ports: &P,
    owned: O,
    uri: &Uri,
) -> Result<Reply, GatewayError> {
    let [limit, filters @ ..] = read(uri, parameters())?;
    let limit = requests::limit_of(limit.as_deref(), MAX_LOG_ROWS)?;
    let (mut query, filters) = requests::filters_of(filters)?;
    let document = filters.document(ports).await?;
    filters.apply(&document, &mut query);
    let now = ports.now();
    let pages = RequestPages {
        ports: owned,
        document,
        query,
        left: limit.unwrap_or(u64::MAX),
    };
    csv_export::reply("requests", now, pages).await
}

/// The filters, and `limit` before them.
fn parameters() -> [&'static str; FILTERS.len() + 1] {
    let mut names = ["limit"; FILTERS.len() + 1];
    if let Some(rest) = names.get_mut(1..) {
        rest.copy_from_slice(&FILTERS);
    }
    names
}

impl<P: AdminPorts + 'static> CsvPages for RequestPages<P> {
    fn head(&self, csv: &mut CsvRows) {
        csv_export::write_head(csv, COLUMNS);
    }

    async fn next(&mut self, csv: &mut CsvRows) -> Result<bool, GatewayError> {
        let ports = &self.ports;
        self.query.limit = self.left.min(PAGE_ROWS);
        let page = ledger_queries::ledger(ports)
            .query_requests(&self.query)
            .await;
        let page = page.map_err(|error| ledger_queries::unavailable(ports, &error))?;
        let page = page.unwrap_or_default();
        let names = requests::names_of(ports, &self.document, &page.requests).await?;
        self.left = self.left.saturating_sub(page.requests.len() as u64);
        self.query.after = page.last;
        for request in page.requests {
            csv_export::write_row(csv, COLUMNS, &ExportedRequest::new(request, &names));
        }
        Ok(page.has_more && self.left > 0)
    }
}
