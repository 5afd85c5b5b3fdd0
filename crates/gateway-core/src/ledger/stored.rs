//! A request as the log gives it back. Owns no column: [`super::columns`] reads it. Words are kept as they are, since a newer
//! gateway may have written others.

use super::attempts::StoredAttempt;
use super::exceeded::ExceededLimit;
use crate::units::Timestamp;
use crate::wire::usage::Usage;

/// A row of the request log. The members are those of [`RequestRecord`](super::record::RequestRecord).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the record says what each member means")]
pub struct StoredRequest {
    pub id: String,
    pub time: Timestamp,
    pub key: String,
    pub channel: Option<String>,
    pub upstream_key: Option<String>,
    pub model: String,
    pub upstream_model: Option<String>,
    pub endpoint: String,
    pub stream: bool,
    pub status: u64,
    pub attempts: Vec<StoredAttempt>,
    pub first_byte_ms: Option<u64>,
    pub total_ms: u64,
    pub usage: Usage,
    pub estimated: bool,
    pub end: String,
    pub reason: Option<String>,
    pub exceeded: Option<ExceededLimit>,
    pub detail: Option<String>,
    pub cost_micro_usd: u64,
}
