//! `GET usage.csv`: usage as a table for spreadsheets. Owns its columns and how the sums are read; the parameters are
//! [`super::usage`]'s.

use http::Uri;

use super::csv_export::{self, CsvColumn, CsvPages, PAGE_ROWS};
use super::ledger_queries::{self, DisplayNames};
use super::usage;
use crate::config::model::Document;
use crate::error::GatewayError;
use crate::ledger::columns::usage::{Latency, Sum};
use crate::ledger::port::Ledger as _;
use crate::ledger::queries::usage::{UsageGroup, UsagePart, UsageQuery, UsageSlice};
use crate::ports::AdminPorts;
use crate::reply::Reply;
use crate::wire::csv::{CsvCell, CsvRows};

/// The most buckets that are read at once: a month of hours.
const MAX_BUCKETS: u64 = 744;

/// A row with the words for what it is about.
struct ExportedUsage {
    bucket: String,
    name: String,
    row: UsageSlice,
}

impl ExportedUsage {
    fn new(query: &UsageQuery, row: UsageSlice, names: &DisplayNames) -> Self {
        Self {
            bucket: usage::bucket_text(query, &row),
            name: names.get(&row.subject).to_owned(),
            row,
        }
    }

    fn sum(&self, sum: Sum) -> u64 {
        self.row.totals.sum(sum)
    }

    fn quantile(&self, latency: Latency, percent: u64) -> CsvCell<'_> {
        self.row.totals.latency(latency).quantile_ms(percent).into()
    }
}

const BUCKET: CsvColumn<ExportedUsage> = ("bucket", |row| row.bucket.as_str().into());
/// Whether the row is the sum of all that are not among the first.
const OTHER: CsvColumn<ExportedUsage> = ("other", |row| row.row.is_rest.into());

const SUMS: [CsvColumn<ExportedUsage>; 17] = [
    ("requests", |row| row.sum(Sum::Requests).into()),
    ("errors", |row| row.sum(Sum::Errors).into()),
    ("failovers", |row| row.sum(Sum::Failovers).into()),
    ("estimated", |row| row.sum(Sum::Estimated).into()),
    ("prompt_tokens", |row| row.sum(Sum::PromptTokens).into()),
    ("completion_tokens", |row| {
        row.sum(Sum::CompletionTokens).into()
    }),
    ("cached_tokens", |row| row.sum(Sum::CachedTokens).into()),
    ("cache_write_tokens", |row| {
        row.sum(Sum::CacheWriteTokens).into()
    }),
    ("reasoning_tokens", |row| {
        row.sum(Sum::ReasoningTokens).into()
    }),
    ("cost_micro_usd", |row| row.sum(Sum::CostMicroUsd).into()),
    ("cost_usd", |row| CsvCell::Micro(row.sum(Sum::CostMicroUsd))),
    ("total_ms_p50", |row| row.quantile(Latency::Total, 50)),
    ("total_ms_p95", |row| row.quantile(Latency::Total, 95)),
    ("total_ms_p99", |row| row.quantile(Latency::Total, 99)),
    ("first_byte_ms_p50", |row| {
        row.quantile(Latency::FirstByte, 50)
    }),
    ("first_byte_ms_p95", |row| {
        row.quantile(Latency::FirstByte, 95)
    }),
    ("first_byte_ms_p99", |row| {
        row.quantile(Latency::FirstByte, 99)
    }),
];

/// The columns of a question's answer: what it is grouped by decides those after the first.
fn columns(query: &UsageQuery) -> Vec<CsvColumn<ExportedUsage>> {
    let subject: CsvColumn<ExportedUsage> = (subject_name(query.group), |row| {
        row.row.subject.as_str().into()
    });
    let mut columns = vec![BUCKET];
    match query.group {
        UsageGroup::None => {}
        UsageGroup::Channel => {
            columns.extend([subject, ("channel_name", |row| row.name.as_str().into())]);
        }
        UsageGroup::Key => columns.extend([subject, ("key_name", |row| row.name.as_str().into())]),
        UsageGroup::Model | UsageGroup::Tag | UsageGroup::ChannelTag | UsageGroup::Reason => {
            columns.push(subject);
        }
    }
    columns.extend(query.top.map(|_| OTHER));
    columns.extend(SUMS);
    columns
}

const fn subject_name(group: UsageGroup) -> &'static str {
    match group {
        UsageGroup::Model => "model",
        UsageGroup::Channel => "channel",
        UsageGroup::Key => "key",
        UsageGroup::Tag | UsageGroup::ChannelTag => "tag",
        UsageGroup::Reason => "reason",
        UsageGroup::None => "",
    }
}

/// Usage, read from the first bucket to the last.
struct UsagePages<P> {
    ports: P,
    document: Document,
    query: UsageQuery,
    columns: Vec<CsvColumn<ExportedUsage>>,
    /// The hour at which the next part begins.
    at: u64,
    /// The row behind which it begins, where its first bucket was read in part.
    after: Option<UsageSlice>,
    /// Buckets of the next part: as many as make a page or a little less, since each part is added up anew.
    buckets: u64,
}

/// Answers the call. `owned` is what the rest of the body is read with after the call has ended.
pub async fn export<P: AdminPorts, O: AdminPorts + 'static>(
    ports: &P,
    owned: O,
    uri: &Uri,
) -> Result<Reply, GatewayError> {
    let now = ports.now();
    let (query, tag) = usage::parse(uri, now)?;
    let document = usage::document_for(ports, &query, tag.as_deref()).await?;
    let query = usage::with_tags(query, tag.as_deref(), &document);
    let pages = UsagePages {
        ports: owned,
        document,
        columns: columns(&query),
        at: query.from,
        after: None,
        buckets: 1,
        query,
    };
    csv_export::reply("usage", now, pages).await
}

impl<P: AdminPorts + 'static> CsvPages for UsagePages<P> {
    fn head(&self, csv: &mut CsvRows) {
        csv_export::write_head(csv, &self.columns);
    }

    async fn next(&mut self, csv: &mut CsvRows) -> Result<bool, GatewayError> {
        while self.at < self.query.to {
            let rows = self.part().await?;
            if rows.is_empty() {
                continue;
            }
            let names = usage::names_of(&self.ports, &self.document, &self.query, &rows).await?;
            for row in rows {
                let row = ExportedUsage::new(&self.query, row, &names);
                csv_export::write_row(csv, &self.columns, &row);
            }
            break;
        }
        Ok(self.at < self.query.to)
    }
}

impl<P: AdminPorts> UsagePages<P> {
    /// Reads the next part, which may have no rows, and goes behind it.
    async fn part(&mut self) -> Result<Vec<UsageSlice>, GatewayError> {
        let (hours, end) = (self.query.bucket, self.query.to);
        let until = match hours {
            0 => end,
            _ => end.min((self.at / hours + self.buckets) * hours),
        };
        self.query.limit = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
        self.query.part = Some(UsagePart {
            from: self.at,
            to: until,
            after: self.after.take(),
        });
        let rows = ledger_queries::ledger(&self.ports)
            .query_usage(&self.query)
            .await;
        let rows = rows.map_err(|error| ledger_queries::unavailable(&self.ports, &error))?;
        match rows.last() {
            Some(last) if rows.len() >= self.query.limit => {
                self.at = self.at.max(last.bucket * hours);
                self.after = Some(last.clone());
                self.buckets = (self.buckets / 2).max(1);
            }
            _ => {
                self.at = until;
                if rows.len() * 2 < self.query.limit {
                    self.buckets = (self.buckets * 2).min(MAX_BUCKETS);
                }
            }
        }
        Ok(rows)
    }
}
