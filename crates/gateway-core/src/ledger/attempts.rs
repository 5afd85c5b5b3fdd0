//! A request's attempts as the log keeps them: one JSON list for all of them, in one column. Owns its format.
//!
//! Each attempt is a list of outcome, status and milliseconds, and of channel and key where these are not the record's own:
//! most requests have a single attempt, whose names would make up a third of the log. What an error said comes last, then
//! with nulls for names that are left out.

use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Serialize, Serializer};

use super::record::{AttemptRecord, RequestRecord};

/// An attempt as it is read back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StoredAttempt {
    /// What became of it.
    pub outcome: String,
    /// The upstream's status; `None` when there was no response.
    pub status: Option<u16>,
    /// Milliseconds from its begin until it was answered or had failed.
    pub ms: u64,
    /// The channel's id; `None`: the request's own.
    #[serde(default)]
    pub channel: Option<String>,
    /// The upstream key's id; `None`: the request's own.
    #[serde(default)]
    pub key: Option<String>,
    /// What the upstream's error said.
    #[serde(default)]
    pub detail: Option<String>,
}

/// Reads the column. Nonsense is no attempt.
pub fn parse(text: &str) -> Vec<StoredAttempt> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The attempts of a record, as they are written.
pub struct StoredAttempts<'a>(pub &'a RequestRecord);

impl Serialize for StoredAttempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let own_channel = record.channel.as_ref().map(|channel| channel.id.as_str());
        let own_key = record.upstream_key.as_deref().unwrap_or_default();
        serializer.collect_seq(record.attempts.iter().map(|attempt| {
            let is_own = own_channel == Some(&attempt.channel) && own_key == attempt.key;
            AttemptRow { attempt, is_own }
        }))
    }
}

struct AttemptRow<'a> {
    attempt: &'a AttemptRecord,
    is_own: bool,
}

impl Serialize for AttemptRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attempt = self.attempt;
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(attempt.outcome.word())?;
        list.serialize_element(&attempt.status)?;
        list.serialize_element(&attempt.ms)?;
        let detail = attempt.detail.as_deref();
        if !self.is_own {
            list.serialize_element(&attempt.channel)?;
            list.serialize_element(&attempt.key)?;
        } else if detail.is_some() {
            list.serialize_element(&None::<u64>)?;
            list.serialize_element(&None::<u64>)?;
        }
        if detail.is_some() {
            list.serialize_element(&detail)?;
        }
        list.end()
    }
}
