//! What the records of a batch add to the tables of sums: usage per hour and subject, tallies, and when keys and channels
//! were last used, and upstream keys with which result. Owns what is added to which row; the database adds the rows to
//! those that it has. Owns as well how old hours are removed.

use std::borrow::Cow;

use serde::Serialize;

use super::columns;
use super::columns::{ActorRow, TallyRow};
use super::ingest;
use super::key_use::UsesInBatch;
use super::reason::Reason;
use super::record::{Actor, AttemptOutcome, ModelKnown, RequestRecord};
use super::schema;
use super::totals::UsageRow;
use super::totals::UsageTotals;
use crate::sql::Statement;
use crate::units::HOUR_MS;

/// Sums of a batch. Its subjects are few: a batch has one or two channels and models as a rule, and no more of anything
/// than records. So they are in lists, where a known one is found without building its name.
#[derive(Debug, Default)]
pub struct BatchSums {
    usage: Vec<(SumKey, UsageTotals)>,
    tallies: Vec<Tally>,
    /// Client keys and channels, with the time of their last request.
    actors: Vec<(Actor, u64)>,
    key_uses: UsesInBatch,
}

/// What usage is added up for; a channel or model that is not known is empty.
#[derive(Debug, PartialEq, Eq)]
struct SumKey {
    hour: i64,
    key: String,
    channel: String,
    model: String,
}

/// How often something came, in an hour, with a channel.
#[derive(Debug)]
struct Tally {
    hour: i64,
    channel: String,
    what: What,
    count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Answers with this status.
    Status(u16),
    /// Attempts that ended so.
    Attempt(AttemptOutcome),
    /// Requests without an answer, for this reason. These have the client key in place of the channel.
    Reason(Reason),
}

impl BatchSums {
    /// Adds a record.
    pub fn add(&mut self, record: &RequestRecord) {
        let hour = i64::try_from(record.time.0 / HOUR_MS).unwrap_or(i64::MAX);
        let key = record.key.id.as_str();
        let channel = record.channel.as_ref().map_or("", |channel| &channel.id);
        let model = match record.model_known {
            ModelKnown::Nowhere if record.reason.is_some() && channel.is_empty() => schema::REFUSED,
            ModelKnown::Nowhere => "",
            ModelKnown::Answered if self.is_beyond(hour, key, channel, &record.model) => {
                columns::OTHER
            }
            ModelKnown::Answered | ModelKnown::Named => record.model.as_str(),
        };
        let is_it = |(subject, _): &(SumKey, UsageTotals)| {
            (
                subject.hour,
                &*subject.key,
                &*subject.channel,
                &*subject.model,
            ) == (hour, key, channel, model)
        };
        let (_, sums) = find_or_add(&mut self.usage, is_it, || {
            let subject = SumKey {
                hour,
                key: key.to_owned(),
                channel: channel.to_owned(),
                model: model.to_owned(),
            };
            (subject, UsageTotals::default())
        });
        sums.add(record);
        self.tally(hour, channel, What::Status(record.status));
        for attempt in &record.attempts {
            self.tally(hour, &attempt.channel, What::Attempt(attempt.outcome));
        }
        if let Some(reason) = record.reason {
            self.tally(hour, key, What::Reason(reason));
        }
        self.note(&record.key, record.time.0);
        if let Some(channel) = &record.channel {
            self.note(channel, record.time.0);
        }
        self.key_uses.add(record);
    }

    /// Whether the client key has too many models in this hour already, of those that no channel names, for one more. The
    /// database bounds those of all batches; it looks at its rows before it adds a batch.
    fn is_beyond(&self, hour: i64, key: &str, channel: &str, model: &str) -> bool {
        let mut count = 0;
        for (subject, sums) in &self.usage {
            if (subject.hour, &*subject.key) == (hour, key) && !sums.is_named {
                if (&*subject.channel, &*subject.model) == (channel, model) {
                    return false;
                }
                count += 1;
            }
        }
        count >= ingest::MAX_SUBJECTS_OF_KEY
    }

    fn tally(&mut self, hour: i64, channel: &str, what: What) {
        let is_it =
            |tally: &Tally| tally.what == what && tally.hour == hour && tally.channel == channel;
        let tally = find_or_add(&mut self.tallies, is_it, || Tally {
            hour,
            channel: channel.to_owned(),
            what,
            count: 0,
        });
        tally.count += 1;
    }

    fn note(&mut self, actor: &Actor, time_ms: u64) {
        let is_it = |(known, _): &(Actor, u64)| known.id == actor.id;
        let (known, seen) = find_or_add(&mut self.actors, is_it, || (actor.clone(), 0));
        known.name.clone_from(&actor.name);
        *seen = time_ms.max(*seen);
    }

    /// Rows of `usage_hour`: those of the hours, and of all hours together.
    pub fn usage(&self) -> String {
        let mut all_hours: Vec<((&str, &str), UsageTotals)> = Vec::new();
        for (subject, sums) in &self.usage {
            let name = (subject.channel.as_str(), subject.model.as_str());
            let is_it = |(known, _): &((&str, &str), UsageTotals)| *known == name;
            let (_, all) = find_or_add(&mut all_hours, is_it, || (name, UsageTotals::default()));
            all.merge(sums);
        }
        let hours = self.usage.iter().map(|(subject, totals)| UsageRow {
            hour: subject.hour,
            key: &subject.key,
            channel: &subject.channel,
            model: &subject.model,
            totals: Cow::Borrowed(totals),
        });
        let all_hours = all_hours.iter().map(|((channel, model), totals)| UsageRow {
            hour: columns::ALL_HOURS,
            key: "",
            channel,
            model,
            totals: Cow::Borrowed(totals),
        });
        text(&hours.chain(all_hours).collect::<Vec<_>>())
    }

    /// Rows of `tally_hour`, each for its hour and, but for reasons, once more for all hours.
    pub fn tallies(&self) -> String {
        let rows: Vec<_> = self
            .tallies
            .iter()
            .flat_map(|tally| {
                let is_summed = !matches!(tally.what, What::Reason(_));
                let all_hours = is_summed.then_some((columns::ALL_HOURS, tally));
                [(tally.hour, tally)].into_iter().chain(all_hours)
            })
            .map(|(hour, tally)| {
                let (kind, word) = match tally.what {
                    What::Status(status) => ("status", Cow::Owned(status.to_string())),
                    What::Attempt(outcome) => ("attempt", outcome.word().into()),
                    What::Reason(reason) => (schema::REASON, reason.word().into()),
                };
                TallyRow {
                    hour,
                    kind,
                    channel: &tally.channel,
                    word,
                    count: tally.count,
                }
            })
            .collect();
        text(&rows)
    }

    /// Rows of `actor`.
    pub fn actors(&self) -> String {
        let rows = self.actors.iter().map(|(actor, seen)| ActorRow {
            actor: Cow::Borrowed(actor),
            last_used_ms: *seen,
        });
        let mut rows: Vec<ActorRow<'_>> = rows.collect();
        rows.extend(self.key_uses.rows());
        text(&rows)
    }
}

/// The statements that remove at most `most` rows of each table that are of hours before `hour`, the oldest first. Sums of
/// all hours stay.
pub fn prune(hour: u64, most: u64) -> [Statement; 2] {
    let prune = |table, key| {
        let oldest = format!(
            "SELECT {key} FROM {table} WHERE hour >= 0 AND hour < ?1 ORDER BY hour LIMIT ?2"
        );
        let text = format!("DELETE FROM {table} WHERE ({key}) IN ({oldest})");
        Statement::new(text).with(hour).with(most)
    };
    [
        prune("usage_hour", "hour, key, channel, model"),
        prune("tally_hour", "hour, kind, channel, word"),
    ]
}

/// The one that it is, or a new one. The last one first: requests resemble those before them.
fn find_or_add<T>(
    list: &mut Vec<T>,
    is_it: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> &mut T {
    let place = list.iter().rposition(is_it).unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    });
    &mut list[place]
}

/// JSON of something that has no way to fail.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
