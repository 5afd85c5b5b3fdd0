//! What the records of a batch add to the sums: usage per hour and subject, tallies, and who was last seen when. Owns
//! the adding up and the rows that come of it; the database adds them to what it has.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::batch::HOUR_MS;
use super::histogram::Histogram;
use super::reason::Reason;
use super::record::{Actor, AttemptOutcome, ModelKnown, RequestRecord};
use super::schema;

/// Sums of a batch. Its subjects are few: a batch has one or two channels and models as a rule, and no more of anything
/// than records. So they stand in lists, where a known one is found without building its name.
#[derive(Debug, Default)]
pub struct UsageSums {
    usage: Vec<(SumKey, SumValues)>,
    tallies: Vec<Tally>,
    /// Client keys and channels, with the time of their last request.
    actors: Vec<(Actor, u64)>,
}

/// What usage is added up for; a channel or model that is not known is empty.
#[derive(Debug, PartialEq, Eq)]
struct SumKey {
    hour: i64,
    key: String,
    channel: String,
    model: String,
}

#[derive(Clone, Debug, Default)]
struct SumValues {
    /// Whether the model's name is bounded by the configuration; otherwise the intake bounds it.
    is_named: bool,
    /// In the order of [`schema::SUMS`].
    sums: [u64; schema::SUMS.len()],
    /// In the order of [`schema::HISTOGRAMS`].
    histograms: [Histogram; schema::HISTOGRAMS.len()],
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
    /// Requests without an answer, for this reason. Of these the client key is kept in the channel's place.
    Reason(Reason),
}

impl UsageSums {
    /// Adds a record.
    pub fn add(&mut self, record: &RequestRecord) {
        let hour = i64::try_from(record.time.0 / HOUR_MS).unwrap_or(i64::MAX);
        let key = record.key.id.as_str();
        let channel = record.channel.as_ref().map_or("", |channel| &channel.id);
        let model = match record.model_known {
            ModelKnown::Nowhere if record.reason.is_some() && channel.is_empty() => schema::REFUSED,
            ModelKnown::Nowhere => "",
            ModelKnown::Answered | ModelKnown::Named => record.model.as_str(),
        };
        let is_it = |(subject, _): &(SumKey, SumValues)| {
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
            (subject, SumValues::default())
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
        let mut all_hours: Vec<((&str, &str), SumValues)> = Vec::new();
        for (subject, sums) in &self.usage {
            let name = (subject.channel.as_str(), subject.model.as_str());
            let is_it = |(known, _): &((&str, &str), SumValues)| *known == name;
            let (_, all) = find_or_add(&mut all_hours, is_it, || (name, SumValues::default()));
            all.merge(sums);
        }
        let hours = self.usage.iter().map(|(subject, sums)| UsageRow {
            hour: subject.hour,
            key: &subject.key,
            channel: &subject.channel,
            model: &subject.model,
            sums,
        });
        let all_hours = all_hours.iter().map(|((channel, model), sums)| UsageRow {
            hour: schema::ALL_HOURS,
            key: "",
            channel,
            model,
            sums,
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
                let all_hours = is_summed.then_some((schema::ALL_HOURS, tally));
                [(tally.hour, tally)].into_iter().chain(all_hours)
            })
            .map(|(hour, tally)| {
                let (kind, word) = match tally.what {
                    What::Status(status) => ("status", status.to_string()),
                    What::Attempt(outcome) => ("attempt", outcome.word().to_owned()),
                    What::Reason(reason) => (schema::REASON, reason.word().to_owned()),
                };
                (hour, kind, &tally.channel, word, tally.count)
            })
            .collect();
        text(&rows)
    }

    /// Rows of `actor`.
    pub fn actors(&self) -> String {
        let rows = self
            .actors
            .iter()
            .map(|(actor, seen)| (&actor.id, &actor.name, seen));
        text(&rows.collect::<Vec<_>>())
    }
}

impl SumValues {
    fn add(&mut self, record: &RequestRecord) {
        let added = [
            1,
            u64::from(record.is_error()),
            u64::from(record.is_failover()),
            u64::from(record.estimated),
            record.usage.prompt_tokens,
            record.usage.completion_tokens,
            record.usage.cached_tokens,
            record.usage.reasoning_tokens,
            record.cost_micro_usd,
        ];
        for (sum, value) in self.sums.iter_mut().zip(added) {
            *sum = sum.saturating_add(value);
        }
        let [total, first_byte] = &mut self.histograms;
        total.add(record.total_ms);
        if let Some(milliseconds) = record.first_byte_ms {
            first_byte.add(milliseconds);
        }
        self.is_named |= record.model_known != ModelKnown::Answered;
    }

    fn merge(&mut self, other: &Self) {
        for (sum, value) in self.sums.iter_mut().zip(other.sums) {
            *sum = sum.saturating_add(value);
        }
        for (mine, theirs) in self.histograms.iter_mut().zip(&other.histograms) {
            mine.merge(theirs);
        }
        self.is_named |= other.is_named;
    }
}

/// A row of `usage_hour`: a list, in the order in which the intake takes its columns.
struct UsageRow<'a> {
    hour: i64,
    key: &'a str,
    channel: &'a str,
    model: &'a str,
    sums: &'a SumValues,
}

impl Serialize for UsageRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        row.serialize_element(&self.hour)?;
        row.serialize_element(self.key)?;
        row.serialize_element(self.channel)?;
        row.serialize_element(self.model)?;
        row.serialize_element(&u8::from(self.sums.is_named))?;
        // In the order of `schema::summed_columns`.
        for sum in self.sums.sums {
            row.serialize_element(&sum)?;
        }
        for histogram in &self.sums.histograms {
            for count in histogram.buckets {
                row.serialize_element(&count)?;
            }
            row.serialize_element(&histogram.sum_ms)?;
        }
        row.end()
    }
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
