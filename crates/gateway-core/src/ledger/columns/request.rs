//! The columns of the request log.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::{ColumnValue, INTEGER, INTEGER_NOT_NULL, TEXT, TEXT_NOT_NULL};
use crate::ledger::attempts::{self, StoredAttempts};
use crate::ledger::exceeded;
use crate::ledger::reason::Reason;
use crate::ledger::record::RequestRecord;
use crate::ledger::stored::StoredRequest;
use crate::sql::SqlValue;
use crate::sql::rows::NamedRow;
use crate::wire::usage::ServiceTier;

/// A column of the request log.
pub struct RequestColumn {
    /// Its name.
    pub name: &'static str,
    /// Its type and constraints.
    pub definition: &'static str,
    /// The version of the schema that added it.
    pub since: u64,
    /// What a batch writes into it.
    value: for<'a> fn(&'a RequestRecord) -> ColumnValue<'a>,
    /// Where a query puts what it reads from it.
    read: fn(&mut StoredRequest, &SqlValue),
}

const fn column(
    name: &'static str,
    definition: &'static str,
    value: for<'a> fn(&'a RequestRecord) -> ColumnValue<'a>,
    read: fn(&mut StoredRequest, &SqlValue),
) -> RequestColumn {
    RequestColumn {
        name,
        definition,
        since: 1,
        value,
        read,
    }
}

/// The request log, `seq` apart.
pub static REQUEST: [RequestColumn; 28] = [
    column(
        "id",
        "TEXT NOT NULL UNIQUE",
        |record| record.id.as_str().into(),
        |row, value| row.id = text(value),
    ),
    column(
        "time_ms",
        INTEGER_NOT_NULL,
        |record| record.time.0.into(),
        |row, value| row.time.0 = value.count(),
    ),
    column(
        "key",
        TEXT_NOT_NULL,
        |record| record.key.id.as_str().into(),
        |row, value| row.key = text(value),
    ),
    column(
        "channel",
        TEXT,
        |record| record.channel.as_ref().map(|channel| &channel.id).into(),
        |row, value| row.channel = text_or_null(value),
    ),
    column(
        "upstream_key",
        TEXT,
        |record| record.upstream_key.as_ref().into(),
        |row, value| row.upstream_key = text_or_null(value),
    ),
    column(
        "model",
        TEXT_NOT_NULL,
        |record| record.model.as_str().into(),
        |row, value| row.model = text(value),
    ),
    column(
        "upstream_model",
        TEXT,
        |record| record.upstream_model.as_ref().into(),
        |row, value| row.upstream_model = text_or_null(value),
    ),
    column(
        "endpoint",
        TEXT_NOT_NULL,
        |record| (&*record.endpoint).into(),
        |row, value| row.endpoint = text(value),
    ),
    column(
        "stream",
        INTEGER_NOT_NULL,
        |record| u64::from(record.stream).into(),
        |row, value| row.stream = value.count() != 0,
    ),
    column(
        "status",
        INTEGER_NOT_NULL,
        |record| u64::from(record.status).into(),
        |row, value| row.status = value.count(),
    ),
    column(
        "attempts",
        TEXT_NOT_NULL,
        |record| ColumnValue::Attempts(StoredAttempts(record)),
        |row, value| row.attempts = attempts::parse(value.text().unwrap_or_default()),
    ),
    column(
        "first_byte_ms",
        INTEGER,
        |record| ColumnValue::Count(record.first_byte_ms),
        |row, value| row.first_byte_ms = count_or_null(value),
    ),
    column(
        "total_ms",
        INTEGER_NOT_NULL,
        |record| record.total_ms.into(),
        |row, value| row.total_ms = value.count(),
    ),
    column(
        "prompt_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.prompt_tokens.into(),
        |row, value| row.usage.prompt_tokens = value.count(),
    ),
    column(
        "completion_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.completion_tokens.into(),
        |row, value| row.usage.completion_tokens = value.count(),
    ),
    column(
        "cached_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.cached_tokens.into(),
        |row, value| row.usage.cached_tokens = value.count(),
    ),
    column(
        "reasoning_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.reasoning_tokens.into(),
        |row, value| row.usage.reasoning_tokens = value.count(),
    ),
    column(
        "estimated",
        INTEGER_NOT_NULL,
        |record| u64::from(record.estimated).into(),
        |row, value| row.estimated = value.count() != 0,
    ),
    column(
        "ended",
        TEXT_NOT_NULL,
        |record| record.end.word().into(),
        |row, value| row.end = text(value),
    ),
    column(
        "cost_micro_usd",
        INTEGER_NOT_NULL,
        |record| record.cost_micro_usd.into(),
        |row, value| row.cost_micro_usd = value.count(),
    ),
    RequestColumn {
        since: 3,
        ..column(
            "reason",
            TEXT,
            |record| ColumnValue::Text(record.reason.map(|reason| Reason::word(reason).into())),
            |row, value| row.reason = text_or_null(value),
        )
    },
    // Rows of programs that know version 3 have none of these.
    RequestColumn {
        since: 4,
        ..column(
            "cache_write_tokens",
            INTEGER,
            |record| record.usage.cache_write_tokens.into(),
            |row, value| row.usage.cache_write_tokens = value.count(),
        )
    },
    RequestColumn {
        since: 4,
        ..column(
            "cache_write_1h_tokens",
            INTEGER,
            |record| record.usage.cache_write_1h_tokens.into(),
            |row, value| row.usage.cache_write_1h_tokens = value.count(),
        )
    },
    RequestColumn {
        since: 4,
        ..column(
            "images",
            INTEGER,
            |record| record.usage.images.into(),
            |row, value| row.usage.images = value.count(),
        )
    },
    RequestColumn {
        since: 4,
        ..column(
            "media_ms",
            INTEGER,
            |record| record.usage.media_ms.into(),
            |row, value| row.usage.media_ms = value.count(),
        )
    },
    RequestColumn {
        since: 4,
        ..column(
            "service_tier",
            TEXT,
            |record| ColumnValue::Text(record.usage.service_tier.map(|tier| tier.word().into())),
            |row, value| {
                row.usage.service_tier = value.text().and_then(ServiceTier::parse);
            },
        )
    },
    RequestColumn {
        since: 6,
        ..column(
            "exceeded",
            TEXT,
            |record| {
                let exceeded = record.exceeded.as_ref();
                ColumnValue::Text(exceeded.and_then(exceeded::write).map(Cow::Owned))
            },
            |row, value| row.exceeded = value.text().and_then(exceeded::read),
        )
    },
    RequestColumn {
        since: 6,
        ..column(
            "detail",
            TEXT,
            |record| record.detail.as_ref().into(),
            |row, value| row.detail = text_or_null(value),
        )
    },
];

fn text(value: &SqlValue) -> String {
    value.text().unwrap_or_default().to_owned()
}

fn text_or_null(value: &SqlValue) -> Option<String> {
    value.text().map(str::to_owned)
}

fn count_or_null(value: &SqlValue) -> Option<u64> {
    value.integer().and_then(|count| u64::try_from(count).ok())
}

/// A row of the request log in a batch.
pub struct RequestRow<'a>(pub &'a RequestRecord);

impl Serialize for RequestRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(REQUEST.iter().map(|column| (column.value)(self.0)))
    }
}

/// A row of the request log as a query gives it.
pub fn read(row: &NamedRow<'_>) -> StoredRequest {
    let mut request = StoredRequest::default();
    for column in &REQUEST {
        (column.read)(&mut request, row.get(column.name));
    }
    request
}
