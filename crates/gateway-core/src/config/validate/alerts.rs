//! The rules of alerts and their destinations, as they are imported and changed. Owns their ranges and what a webhook's
//! URL may be; never repeats a URL or a secret, which are credentials.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::Url;

use super::channel::absolute_url;
use super::{Problems, join, parse_id};
use crate::config::alerts::{AlertRules, DestinationKind};
use crate::config::bounds::{
    MAX_ALERT_MINUTES, MAX_ALERT_REQUESTS, MAX_BUDGET, MAX_DESTINATIONS, MAX_ERROR_MINUTES,
    MAX_ID_CHARS, MAX_NAME_CHARS, MAX_REPEAT_MINUTES, MAX_URL_BYTES, MAX_WEBHOOK_SECRET_CHARS,
    MIN_REPEAT_MINUTES,
};
use crate::problem::{ProblemKind, Uniqueness, UrlProblem};
use crate::secret::Secret;

/// Alerts whose parts are valid. URLs and secrets of destinations are still as given.
#[derive(Clone, Debug, Default)]
pub struct AlertsDraft {
    /// The rules as they shall be.
    pub rules: AlertRules,
    /// The destinations as they shall be; `None`: as they are.
    pub destinations: Option<Vec<DestinationDraft>>,
}

/// A destination; what is `None` stays as it is, or has its default in a new one.
#[derive(Clone, Debug, Default)]
pub struct DestinationDraft {
    /// Its id; `None`: a new destination.
    pub id: Option<String>,
    /// Its display name.
    pub name: Option<String>,
    /// What its messages look like.
    pub kind: Option<DestinationKind>,
    /// Whether messages are sent to it.
    pub enabled: Option<bool>,
    /// The whole URL.
    pub url: Option<Secret<String>>,
    /// The secret; the inner `None` removes it.
    pub secret: Option<Option<Secret<String>>>,
    /// The chat; the inner `None` removes it.
    pub recipient: Option<Option<String>>,
}

impl AlertsDraft {
    /// Reads alerts. Rules that are left out are as in `rules`; all problems are added to `problems`.
    pub fn read(path: &str, value: &Value, rules: AlertRules, problems: &mut Problems) -> Self {
        let mut draft = Self {
            rules,
            destinations: None,
        };
        for (name, value) in problems.object(path, value).into_iter().flatten() {
            let place = join(path, name);
            match name.as_str() {
                "rules" => read_rules(&place, value, &mut draft.rules, problems),
                "destinations" => draft.destinations = destinations(&place, value, problems),
                _ => problems.unknown(path, name),
            }
        }
        draft
    }
}

impl DestinationDraft {
    /// Reads a destination; `None`: it is no object. All problems are added to `problems`.
    pub fn read(path: &str, value: &Value, problems: &mut Problems) -> Option<Self> {
        let members = problems.object(path, value)?;
        Some(destination(path, members, problems))
    }
}

fn read_rules(path: &str, value: &Value, rules: &mut AlertRules, problems: &mut Problems) {
    for (name, value) in problems.object(path, value).into_iter().flatten() {
        let place = join(path, name);
        let flag = match name.as_str() {
            "budget_over" => Some(&mut rules.budget_over),
            "key_rejected" => Some(&mut rules.key_rejected),
            "records_lost" => Some(&mut rules.records_lost),
            _ => None,
        };
        if let Some(flag) = flag {
            *flag = problems.boolean(&place, value).unwrap_or(*flag);
            continue;
        }
        let number = match name.as_str() {
            "error_rate_minutes" => Some((&mut rules.error_rate_minutes, MAX_ERROR_MINUTES)),
            "error_rate_requests" => Some((&mut rules.error_rate_requests, MAX_ALERT_REQUESTS)),
            _ => None,
        };
        if let Some((number, most)) = number {
            *number = problems.integer(&place, value, 1, most).unwrap_or(*number);
            continue;
        }
        let (number, least, most) = match name.as_str() {
            "budget_near_percent" => (&mut rules.budget_near_percent, 1, 99),
            "gateway_daily_budget_micro_usd" => {
                (&mut rules.gateway_daily_budget_micro_usd, 1, MAX_BUDGET)
            }
            "gateway_monthly_budget_micro_usd" => {
                (&mut rules.gateway_monthly_budget_micro_usd, 1, MAX_BUDGET)
            }
            "channel_down_minutes" => (&mut rules.channel_down_minutes, 1, MAX_ALERT_MINUTES),
            "error_rate_percent" => (&mut rules.error_rate_percent, 1, 100),
            "repeat_minutes" => {
                let most = MAX_REPEAT_MINUTES;
                (&mut rules.repeat_minutes, MIN_REPEAT_MINUTES, most)
            }
            _ => {
                problems.unknown(path, name);
                continue;
            }
        };
        if let Some(given) = problems.nullable_integer(&place, value, least, most) {
            *number = given;
        }
    }
}

fn destinations(
    path: &str,
    value: &Value,
    problems: &mut Problems,
) -> Option<Vec<DestinationDraft>> {
    let items = problems.array(path, value, MAX_DESTINATIONS)?;
    let mut ids = BTreeSet::new();
    let mut drafts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let place = format!("{path}[{index}]");
        let Some(draft) = DestinationDraft::read(&place, item, problems) else {
            continue;
        };
        if draft.id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
            let within = Uniqueness::List;
            problems.add(join(&place, "id"), ProblemKind::Duplicate { within });
        }
        drafts.push(draft);
    }
    Some(drafts)
}

fn destination(
    path: &str,
    members: &Map<String, Value>,
    problems: &mut Problems,
) -> DestinationDraft {
    let mut draft = DestinationDraft::default();
    for (name, value) in members {
        let place = join(path, name);
        match name.as_str() {
            "id" => {
                draft.id = parse_id(value);
                if draft.id.is_none() {
                    problems.add(place, ProblemKind::InvalidId { max: MAX_ID_CHARS });
                }
            }
            "name" => draft.name = problems.text(&place, value, MAX_NAME_CHARS),
            "kind" => draft.kind = kind(&place, value, problems),
            "enabled" => draft.enabled = problems.boolean(&place, value),
            "url" => draft.url = url(&place, value, problems),
            "secret" | "recipient" if value.is_null() => {
                if name == "secret" {
                    draft.secret = Some(None);
                } else {
                    draft.recipient = Some(None);
                }
            }
            "secret" => {
                let text = problems.text(&place, value, MAX_WEBHOOK_SECRET_CHARS);
                draft.secret = text.map(|text| Some(Secret::new(text)));
            }
            "recipient" => draft.recipient = problems.text(&place, value, MAX_NAME_CHARS).map(Some),
            // Read-only members: ignored, so that a destination can be sent back as it was read.
            "hint" | "has_secret" => {}
            _ => problems.unknown(path, name),
        }
    }
    draft
}

fn kind(path: &str, value: &Value, problems: &mut Problems) -> Option<DestinationKind> {
    let kind = value.as_str().and_then(DestinationKind::from_name);
    if kind.is_none() {
        let choices = DestinationKind::ALL.iter().map(|(name, _)| *name).collect();
        problems.add(path, ProblemKind::InvalidChoice { choices });
    }
    kind
}

fn url(path: &str, value: &Value, problems: &mut Problems) -> Option<Secret<String>> {
    match webhook_url(value.as_str().unwrap_or_default()) {
        Ok(url) => Some(Secret::new(url.into())),
        Err(reason) => {
            let kind = ProblemKind::InvalidUrl {
                reason,
                max: MAX_URL_BYTES,
                suggestion: None,
            };
            problems.add(path, kind);
            None
        }
    }
}

/// The URL of a webhook, by the rules of base URLs, except that it may have a query, where some have their credential.
/// Checked when it is set, and once more when it is called.
pub fn webhook_url(text: &str) -> Result<Url, UrlProblem> {
    let mut url = absolute_url(text.trim())?;
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> (AlertsDraft, Vec<String>) {
        let mut problems = Problems::default();
        let draft = AlertsDraft::read("alerts", value, AlertRules::default(), &mut problems);
        let paths = problems.list().iter().map(|it| it.path.clone()).collect();
        (draft, paths)
    }

    #[test]
    fn rules_that_are_left_out_stay_and_null_switches_off() {
        let (draft, problems) = read(&json!({"rules": {
            "budget_near_percent": null, "channel_down_minutes": 7, "key_rejected": false, "error_rate_minutes": 60
        }}));
        assert_eq!(problems, Vec::<String>::new());
        let expected = AlertRules {
            budget_near_percent: None,
            channel_down_minutes: Some(7),
            key_rejected: false,
            error_rate_minutes: 60,
            ..AlertRules::default()
        };
        assert_eq!(draft.rules, expected);
        assert!(draft.destinations.is_none());
    }

    #[test]
    fn every_problem_is_named_and_no_credential_is_repeated() {
        let (_, problems) = read(&json!({
            "rules": {"budget_near_percent": 100, "budget_over": 1, "error_rate_minutes": null, "repeat_minutes": 4, "x": 1},
            "destinations": [
                {"id": "a b", "kind": "fax", "url": "ftp://h/x", "secret": "", "recipient": 5, "enabled": "yes"},
                {"id": "ad_1"}, {"id": "ad_1", "urls": ""}, 7
            ],
            "more": 1
        }));
        let mut expected = [
            "alerts.rules.budget_near_percent",
            "alerts.rules.budget_over",
            "alerts.rules.error_rate_minutes",
            "alerts.rules.repeat_minutes",
            "alerts.rules.x",
            "alerts.destinations[0].id",
            "alerts.destinations[0].kind",
            "alerts.destinations[0].url",
            "alerts.destinations[0].secret",
            "alerts.destinations[0].recipient",
            "alerts.destinations[0].enabled",
            "alerts.destinations[2].id",
            "alerts.destinations[2].urls",
            "alerts.destinations[3]",
            "alerts.more",
        ];
        let mut problems = problems;
        problems.sort_unstable();
        expected.sort_unstable();
        assert_eq!(problems, expected);
    }

    #[test]
    fn urls_of_webhooks_keep_their_query_and_follow_the_rules_of_base_urls() {
        let url = webhook_url(" https://oapi.dingtalk.com/robot/send?access_token=x#top ").unwrap();
        assert_eq!(
            url.as_str(),
            "https://oapi.dingtalk.com/robot/send?access_token=x"
        );
        for (text, problem) in [
            ("", UrlProblem::NotAbsolute),
            ("hooks.slack.com/x", UrlProblem::NotAbsolute),
            ("https:host/x", UrlProblem::NotAbsolute),
            ("file:///etc/passwd", UrlProblem::NotAbsolute),
            ("https://user:pw@host/x", UrlProblem::Credentials),
            ("https://h/\nx", UrlProblem::NotAbsolute),
        ] {
            assert_eq!(webhook_url(text).unwrap_err(), problem, "{text}");
        }
        let long = format!("https://h/{}", "x".repeat(MAX_URL_BYTES));
        assert_eq!(webhook_url(&long).unwrap_err(), UrlProblem::TooLong);
    }
}
