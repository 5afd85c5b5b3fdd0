//! Whether a request is within its key's limits, and what it has taken of them afterwards. Owns the calls for both and
//! what an instance remembers: refusals, so that a client over its limit costs no call, and what is not settled yet. The
//! rules themselves are [`crate::limits`]'s. A key without limits costs nothing here.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::Gateway;
use super::entry::Entry;
use crate::config::model::{ClientKey, KeyLimits};
use crate::database;
use crate::error::{ErrorCode, ErrorStyle, GatewayError};
use crate::limits::headers;
use crate::limits::statements::{self, Spent};
use crate::limits::usage::{LimitStatus, LimitUsage};
use crate::ports::{ProxyPorts, SqlTarget};
use crate::reply::Reply;
use crate::sql::{SqlError, SqlErrorKind, SqlRow, Statement};
use crate::units::Timestamp;

/// How long a request waits to hear whether it is within its limits. After that it is refused: a limit that lets
/// everything through when nobody can count would be none.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long what was taken may take to be counted. Nobody waits for it.
const SETTLE_PATIENCE: Duration = Duration::from_secs(6);
/// Pauses before that is tried again. After them it stays with what the key's next request takes.
const RETRIES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// From one count of a key that is busy to the next: meanwhile the figures of many requests become one.
const INTERVAL: Duration = Duration::from_millis(100);
/// After so long another request's task takes over a key's counting; the least that a host lets a request take is 30 s.
const DUTY_MS: u64 = 5_000;
/// Keys whose refusal an instance remembers. When there are more, it forgets them all, which costs a call each.
const MAX_REFUSALS: usize = 1_000;
/// How long an instance remembers a refusal without asking again. What is used can become less: a key can be deleted and
/// come back, and a budget lasts a month.
const REMEMBERED_MS: u64 = 60_000;
/// Of the requests that are refused out of memory, one in so many milliseconds is recorded for each key: otherwise a
/// client over its limit would push everybody else's requests out of the log, at no cost to itself.
const RECORD_EVERY_MS: u64 = 1_000;

/// What an instance knows about limits.
#[derive(Debug, Default)]
pub struct Admissions {
    refusals: RefCell<HashMap<String, CachedRejection>>,
    unsettled: RefCell<HashMap<String, PendingUsage>>,
    /// Tasks that settle, so far.
    tasks: Cell<u64>,
}

/// A key that is over a limit.
#[derive(Debug)]
struct CachedRejection {
    /// The limits that were in force; with others, the refusal means nothing any more.
    limits: KeyLimits,
    allowance: LimitUsage,
    /// When the database said so.
    since: Timestamp,
    /// When a request was last recorded that was refused.
    recorded: Cell<Timestamp>,
}

/// What is not counted yet of a key.
#[derive(Debug, Default)]
struct PendingUsage {
    spent: Spent,
    /// The task that counts it, by its number, and when it began.
    task: Option<(u64, Timestamp)>,
}

/// What was decided of a request.
pub enum Admission {
    /// The key has no limits.
    Unlimited,
    /// It is within them.
    Admitted(RateLimitHeaders),
    /// It is not, or nobody could say.
    Refused(Box<GatewayError>, RateLimitHeaders),
}

/// The `x-ratelimit-*` headers of an answer.
pub type RateLimitHeaders = Vec<(HeaderName, HeaderValue)>;

/// Puts the gateway's own headers on whatever the answer is. An upstream's would tell the client about the
/// gateway's account there.
pub fn labelled(
    labels: RateLimitHeaders,
    outcome: Result<Reply, GatewayError>,
    style: ErrorStyle,
) -> Reply {
    let mut reply = outcome.unwrap_or_else(|error| error.into_reply_as(style));
    let headers = reply.headers_mut();
    let others: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-")
        })
        .cloned()
        .collect();
    for name in others {
        headers.remove(name);
    }
    headers.extend(labels);
    reply
}

impl<P: ProxyPorts> Gateway<P> {
    /// Decides whether a request is let through, and counts it if so.
    pub async fn admit(&self, client: &ClientKey, entry: &Entry<P>) -> Admission {
        let limits = client.limits;
        if limits.is_empty() {
            return Admission::Unlimited;
        }
        let now = self.ports.now();
        if let Some(refused) = self.remembered(client, now, entry) {
            return refused;
        }
        let counts_requests = limits.requests_per_minute.is_some();
        let statement = if counts_requests {
            statements::ask(&client.id, &limits, now)
        } else {
            // What counts is what was taken, so that there is nothing to write yet.
            statements::read(&client.id)
        };
        let rows = match self.allowance(&client.id, statement, PATIENCE).await {
            Ok(rows) => rows,
            Err(error) => return self.nobody_knows(client, &error),
        };
        let allowance = statements::answer(&rows, now);
        let statuses = allowance.statuses(&limits, now);
        let labels = headers::headers(&statuses, now);
        let is_admitted = if counts_requests {
            statements::is_admitted(&rows)
        } else {
            !statuses.iter().any(LimitStatus::is_used_up)
        };
        if is_admitted {
            return Admission::Admitted(labels);
        }
        let Some(exceeded) = allowance.exceeded_limit(&limits, now) else {
            let error = SqlError::from_words("it refuses what is within the limits");
            return self.nobody_knows(client, &error);
        };
        self.remember(client, allowance, now);
        entry.because(headers::reason(exceeded.measure));
        Admission::Refused(Box::new(refusal(&exceeded, now)), labels)
    }

    /// The answer out of memory, when the key is known to be over a limit that still lasts.
    fn remembered(
        &self,
        client: &ClientKey,
        now: Timestamp,
        entry: &Entry<P>,
    ) -> Option<Admission> {
        let mut refusals = self.admissions.refusals.borrow_mut();
        let known = refusals.get(&client.id)?;
        let is_in_force =
            known.limits == client.limits && now.since_ms(known.since) < REMEMBERED_MS;
        let exceeded = known.allowance.exceeded_limit(&client.limits, now);
        let Some(exceeded) = exceeded.filter(|_| is_in_force) else {
            refusals.remove(&client.id);
            return None;
        };
        if now.since_ms(known.recorded.get()) < RECORD_EVERY_MS {
            entry.leave_out();
        } else {
            known.recorded.set(now);
        }
        entry.because(headers::reason(exceeded.measure));
        let statuses = known.allowance.statuses(&client.limits, now);
        let labels = headers::headers(&statuses, now);
        Some(Admission::Refused(
            Box::new(refusal(&exceeded, now)),
            labels,
        ))
    }

    fn remember(&self, client: &ClientKey, allowance: LimitUsage, now: Timestamp) {
        let mut refusals = self.admissions.refusals.borrow_mut();
        if refusals.len() >= MAX_REFUSALS {
            refusals.clear();
        }
        let refusal = CachedRejection {
            limits: client.limits,
            allowance,
            since: now,
            recorded: Cell::new(now),
        };
        refusals.insert(client.id.clone(), refusal);
    }

    fn nobody_knows(&self, client: &ClientKey, error: &SqlError) -> Admission {
        self.ports.line(format_args!(
            "limits of client key {} cannot be checked: {error}",
            client.id
        ));
        let error = ErrorCode::StoreUnavailable
            .error(
                "The gateway cannot check this key's limits right now, and lets nothing through that it cannot \
                 count. Try again shortly.",
            )
            .with_retry_after_s(1);
        Admission::Refused(Box::new(error), RateLimitHeaders::new())
    }

    /// Runs a statement about a key's allowance, in a table that is made if it is missing.
    async fn allowance(
        &self,
        key: &str,
        statement: Statement,
        patience: Duration,
    ) -> Result<Vec<SqlRow>, SqlError> {
        let (ports, place) = (&self.ports, SqlTarget::Allowance(key));
        match database::query(ports, place, statement.clone(), patience).await {
            Err(error) if error.kind == SqlErrorKind::NoTable => {
                // No transaction, which would keep the lock while the instance is busy with others.
                database::query(ports, place, statements::create(), patience).await?;
                database::query(ports, place, statement, patience).await
            }
            outcome => outcome,
        }
    }

    /// Takes what a finished request has taken. Returns at once.
    pub fn charge(self: &Rc<Self>, key: &str, spent: Spent) {
        if spent.is_nothing() {
            return;
        }
        let now = self.ports.now();
        let mut unsettled = self.admissions.unsettled.borrow_mut();
        let waiting = unsettled.entry(key.to_owned()).or_default();
        waiting.spent = waiting.spent.plus(spent);
        if let Some((_, began)) = waiting.task
            && now.since_ms(began) < DUTY_MS
        {
            return;
        }
        let number = self.admissions.tasks.get() + 1;
        self.admissions.tasks.set(number);
        waiting.task = Some((number, now));
        let settler = UsageFlusher {
            gateway: Rc::clone(self),
            key: key.to_owned(),
            number,
            in_flight: Cell::default(),
        };
        self.ports.spawn(async move { settler.settle_all().await });
    }
}

/// A task that counts what a key's requests have taken. When it ends before it is done, however that happens, what it
/// had in hand waits again.
struct UsageFlusher<P: ProxyPorts> {
    gateway: Rc<Gateway<P>>,
    key: String,
    number: u64,
    in_flight: Cell<Spent>,
}

impl<P: ProxyPorts> UsageFlusher<P> {
    async fn settle_all(self) {
        let ports = &self.gateway.ports;
        while self.take() {
            let mut pauses = RETRIES.iter();
            while let Err(error) = self.settle().await {
                ports.line(format_args!(
                    "what client key {} has used is not counted yet: {error}",
                    self.key
                ));
                let Some(pause) = pauses.next() else {
                    return;
                };
                ports.sleep(*pause).await;
            }
            self.in_flight.take();
            if self.is_anything_waiting() {
                ports.sleep(INTERVAL).await;
            }
        }
    }

    /// Counts what is in hand. After an error it may have been counted all the same; then the key is charged twice
    /// rather than not at all.
    async fn settle(&self) -> Result<(), SqlError> {
        let now = self.gateway.ports.now();
        let statement = statements::settle(&self.key, self.in_flight.get(), now);
        let outcome = self
            .gateway
            .allowance(&self.key, statement, SETTLE_PATIENCE)
            .await;
        outcome.map(|_| ())
    }

    /// Takes what waits in hand; `false`: nothing waits, or another task has taken over.
    fn take(&self) -> bool {
        let mut unsettled = self.gateway.admissions.unsettled.borrow_mut();
        let Some(waiting) = unsettled.get_mut(&self.key).filter(|it| self.is_its(it)) else {
            return false;
        };
        if waiting.spent.is_nothing() {
            unsettled.remove(&self.key);
            return false;
        }
        self.in_flight.set(std::mem::take(&mut waiting.spent));
        true
    }

    fn is_its(&self, waiting: &PendingUsage) -> bool {
        waiting
            .task
            .is_some_and(|(number, _)| number == self.number)
    }

    fn is_anything_waiting(&self) -> bool {
        let unsettled = self.gateway.admissions.unsettled.borrow();
        let waiting = unsettled.get(&self.key);
        waiting.is_some_and(|waiting| !waiting.spent.is_nothing())
    }
}

impl<P: ProxyPorts> Drop for UsageFlusher<P> {
    fn drop(&mut self) {
        let in_flight = self.in_flight.get();
        let mut unsettled = self.gateway.admissions.unsettled.borrow_mut();
        if let Some(waiting) = unsettled.get_mut(&self.key).filter(|it| self.is_its(it)) {
            waiting.task = None;
        }
        if !in_flight.is_nothing() {
            let waiting = unsettled.entry(self.key.clone()).or_default();
            waiting.spent = waiting.spent.plus(in_flight);
        }
    }
}

fn refusal(exceeded: &LimitStatus, now: Timestamp) -> GatewayError {
    let mut error = ErrorCode::RateLimited
        .error(headers::refusal(exceeded, now))
        .with_retry_after_s(headers::retry_after_s(exceeded, now));
    headers::kind(exceeded.measure).clone_into(&mut error.body.kind);
    // OpenAI's SDKs do not wait longer than a minute, whatever they are told: they would come back too early.
    if exceeded.free_at.since_ms(now) > 60_000 {
        error = error.as_exhausted();
    }
    error
}
