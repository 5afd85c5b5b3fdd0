//! Alerts: rules, destinations, what is firing, and a test message. Owns how they look from outside; the rules of their
//! values are [`crate::config::validate`]'s, what becomes of them is [`crate::alerts`]'.

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::{AdminSettings, document, ledger_queries, precondition};
use crate::alerts::deliver::deliver;
use crate::alerts::episodes::AlertEpisode;
use crate::alerts::message::AlertMessage;
use crate::alerts::reading::{AlertKind, AlertLevel};
use crate::alerts::state::AlertState;
use crate::config::alerts::{AlertRules, Alerts, Destination, DestinationKind};
#[cfg(feature = "schema")]
use crate::config::bounds::{MAX_DESTINATIONS, MAX_NAME_CHARS, MAX_URL_BYTES};
use crate::config::import::{Refused, alerts as resolved};
use crate::config::model::StoredSecret;
use crate::config::seal;
#[cfg(feature = "schema")]
use crate::config::shapes::{Id, Name, Time, never_null};
use crate::config::snapshot::alerts::Webhook;
use crate::config::stored::object_revision;
use crate::config::validate::{AlertsDraft, DestinationDraft, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::ledger::alert_state::AlertRow;
use crate::ledger::port::Ledger as _;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::secret::Secret;
use crate::time_text;

/// Rules of alerts, their destinations, and what is firing.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Alerts")
)]
pub struct AlertsView<'a> {
    /// Names this state of rules and destinations, for `If-Match`.
    revision: String,
    /// When there is an alert.
    rules: AlertRules,
    /// Where messages are sent. Without one that is switched on, no rule is evaluated.
    destinations: Vec<DestinationStatusView<'a>>,
    /// Alerts about which there was a message and that are not over.
    firing: Vec<FiringView>,
    /// When the rules were last evaluated; null: never.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    checked_at: Option<String>,
}

/// A destination. Its URL is never shown.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "AlertDestination", transform = never_null)
)]
pub struct DestinationView<'a> {
    /// `ad_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// Its display name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    name: &'a str,
    /// What its messages look like.
    kind: DestinationKind,
    /// Whether messages are sent to it.
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    enabled: bool,
    /// The URL's host and its end.
    hint: &'a str,
    /// Whether it has a secret.
    has_secret: bool,
    /// For Telegram: the chat. Absent: none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Name>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    /// The whole URL; only in an export with `?secrets=true`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", length(max = MAX_URL_BYTES)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Secret<String>>,
    /// The secret; only in an export with `?secrets=true`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Secret<String>>,
}

/// A destination, and how the last message to it ended.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "AlertDestinationStatus")
)]
pub struct DestinationStatusView<'a> {
    #[serde(flatten)]
    destination: DestinationView<'a>,
    /// When the last attempt to send a message was; null: none is known.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    sent_at: Option<String>,
    /// Why it failed; null: it did not.
    error: Option<String>,
    /// Whether a message waits to be sent again.
    is_waiting: bool,
}

/// An alert.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "FiringAlert")
)]
pub struct FiringView {
    /// What it is about, such as `channel/ch_1`.
    subject: String,
    /// Which rule it comes from.
    kind: AlertKind,
    /// How bad it is.
    level: AlertLevel,
    /// What was found last.
    text: String,
    /// When it began.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    since: String,
    /// When the last message about it was.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    notified_at: String,
}

/// Rules and destinations as they are exported.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ConfigAlerts")
)]
pub struct ExportedAlerts<'a> {
    /// When there is an alert.
    rules: AlertRules,
    /// Where messages are sent.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_DESTINATIONS)))]
    destinations: Vec<DestinationView<'a>>,
}

/// How a test message ended.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "AlertTest")
)]
pub struct AlertTestView {
    /// Whether the destination has taken it.
    ok: bool,
    /// From the call to the answer.
    latency_ms: u64,
    /// Why it was not taken; null when it was.
    error: Option<String>,
}

impl<'a> DestinationView<'a> {
    const fn new(stored: &'a Destination) -> Self {
        Self {
            id: stored.id.as_str(),
            name: stored.name.as_str(),
            kind: stored.kind,
            enabled: stored.enabled,
            hint: stored.hint.as_str(),
            has_secret: stored.secret.is_some(),
            recipient: match &stored.recipient {
                Some(recipient) => Some(recipient.as_str()),
                None => None,
            },
            url: None,
            secret: None,
        }
    }
}

impl FiringView {
    fn new(subject: &str, episode: &AlertEpisode) -> Option<Self> {
        let fired = episode.fired?;
        Some(Self {
            subject: subject.to_owned(),
            kind: episode.kind,
            level: fired.level,
            text: episode.text.clone(),
            since: time_text::format(episode.since),
            notified_at: time_text::format(fired.sent_at),
        })
    }
}

impl<'a> AlertsView<'a> {
    fn new(alerts: &'a Alerts, state: &AlertState) -> Self {
        let destination = |stored: &'a Destination| {
            let result = state.outbox.result(&stored.id);
            DestinationStatusView {
                destination: DestinationView::new(stored),
                sent_at: result.map(|result| time_text::format(result.at)),
                error: result.and_then(|result| result.error.clone()),
                is_waiting: state.outbox.is_waiting(&stored.id),
            }
        };
        let episodes = state.episodes.iter();
        Self {
            revision: object_revision(alerts),
            rules: alerts.rules,
            destinations: alerts.destinations.iter().map(destination).collect(),
            // Without a destination nothing is evaluated, so that what was found last says nothing.
            firing: episodes
                .filter(|_| alerts.is_active())
                .filter_map(|(subject, episode)| FiringView::new(subject, episode))
                .collect(),
            checked_at: (state.checked_at.0 > 0).then(|| time_text::format(state.checked_at)),
        }
    }
}

/// The alerts of an export; with whole URLs and secrets if `settings` are given.
pub fn exported<'a>(
    alerts: &'a Alerts,
    settings: Option<&AdminSettings>,
) -> Result<ExportedAlerts<'a>, GatewayError> {
    let mut destinations = Vec::with_capacity(alerts.destinations.len());
    for stored in &alerts.destinations {
        let mut view = DestinationView::new(stored);
        if let Some(settings) = settings {
            view.url = Some(open(settings, &stored.url, &stored.id)?);
            let secret_id = Destination::secret_id(&stored.id);
            let secret = stored.secret.as_ref();
            let secret = secret.map(|secret| open(settings, secret, &secret_id));
            view.secret = secret.transpose()?;
        }
        destinations.push(view);
    }
    Ok(ExportedAlerts {
        rules: alerts.rules,
        destinations,
    })
}

fn open(
    settings: &AdminSettings,
    stored: &StoredSecret,
    id: &str,
) -> Result<Secret<String>, GatewayError> {
    seal::open(settings.master_key.as_ref(), stored, id).map_err(|error| {
        let reason = match &settings.master_key_error {
            Some(reason) => format!("the variable `master_key` cannot be used: {reason}"),
            None => error.to_string(),
        };
        ErrorCode::Misconfigured.error(format!(
            "The destination of alerts {id} cannot be exported: {reason}. Without ?secrets=true the export works."
        ))
    })
}

/// `GET alerts`.
pub async fn show<P: AdminPorts>(ports: &P) -> Result<Reply, GatewayError> {
    let document = document::load_without_keys(ports).await?;
    answer(ports, &document.alerts).await
}

/// The answer with these alerts. A database that does not say what is firing leaves that out, and is logged: the rules are
/// worth showing without it.
async fn answer<P: AdminPorts>(ports: &P, alerts: &Alerts) -> Result<Reply, GatewayError> {
    let row = ledger_queries::ledger(ports).read_alerts().await;
    let row = row.unwrap_or_else(|error| {
        ports.line(format_args!("admin: alerts: {error}"));
        AlertRow::default()
    });
    let state = AlertState::parse(&row.state);
    Ok(reply::json(
        StatusCode::OK,
        &AlertsView::new(alerts, &state),
    ))
}

/// `PATCH alerts`.
pub async fn change<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let alerts = document::change_without_keys(ports, |document| {
        let current = &document.alerts;
        precondition::check(headers, &object_revision(current), "alerts")?;
        let mut problems = Problems::default();
        let draft = AlertsDraft::read("", body, current.rules, &mut problems);
        problems.check("alerts")?;
        let protection = settings.protection();
        let new = resolved::resolve("destinations", &draft, current, protection, ports);
        document.alerts = new.map_err(Refused::into_error)?;
        Ok(document.alerts.clone())
    })
    .await?;
    ports.line(format_args!(
        "admin: alerts changed: {} destinations",
        alerts.destinations.len()
    ));
    answer(ports, &alerts).await
}

/// `POST alerts/{id}/test`.
pub async fn test<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    id: &str,
) -> Result<Reply, GatewayError> {
    let document = document::load_without_keys(ports).await?;
    let mut destinations = document.alerts.destinations.iter();
    let stored = destinations.find(|stored| stored.id == id).ok_or_else(|| {
        ErrorCode::NotFound.error("There is no destination of alerts with this id.")
    })?;
    Ok(send_test(ports, settings, stored).await)
}

/// `POST alerts/test`: of a destination as it would be saved.
pub async fn test_unsaved<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let draft = DestinationDraft::read("", body, &mut problems).unwrap_or_default();
    problems.check("destination")?;
    let current = document::load(ports).await?.alerts;
    let protection = settings.protection();
    let destination = resolved::destination("", &draft, &current, protection, ports, &mut problems)
        .map_err(Refused::into_error)?;
    problems.check("destination")?;
    match destination {
        Some(destination) => Ok(send_test(ports, settings, &destination).await),
        None => Err(ErrorCode::InvalidValue.error("The destination is incomplete.")),
    }
}

async fn send_test<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    destination: &Destination,
) -> Reply {
    let webhook = Webhook::new(destination, settings.master_key.as_ref());
    let began = ports.now();
    let outcome = deliver(ports, &webhook, &AlertMessage::test(began)).await;
    let view = AlertTestView {
        ok: outcome.is_ok(),
        latency_ms: ports.now().since_ms(began),
        error: outcome.err(),
    };
    reply::json(StatusCode::OK, &view)
}
