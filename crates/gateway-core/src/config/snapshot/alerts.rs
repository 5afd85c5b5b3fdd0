//! The alerts in the form that sending needs: destinations with their URLs and secrets decrypted; and what rules are
//! about. Owns no rule.

use std::rc::Rc;

use super::{Channel, Key, Snapshot};
use crate::config::alerts::{AlertRules, Alerts, Destination, DestinationKind};
use crate::config::seal::{self, MasterKey, SealError};
use crate::secret::{self, Secret};

/// Rules, and the destinations that are switched on.
#[derive(Clone, Debug, Default)]
pub struct AlertPlan {
    /// When there is an alert.
    pub rules: AlertRules,
    /// Where messages are sent.
    pub webhooks: Vec<Webhook>,
}

/// A destination, ready to be called.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `ad_…`
    pub id: String,
    /// Its display name.
    pub name: String,
    /// What its messages look like.
    pub kind: DestinationKind,
    /// The URL and the secret, or why they cannot be decrypted.
    pub credentials: Result<WebhookCredentials, SealError>,
    /// For Telegram: the chat.
    pub recipient: Option<String>,
}

/// What nobody but the destination may see.
#[derive(Clone, Debug)]
pub struct WebhookCredentials {
    /// The whole URL.
    pub url: Secret<String>,
    /// Signs messages, or authenticates them.
    pub secret: Option<Secret<String>>,
}

impl AlertPlan {
    /// Prepares stored alerts.
    pub fn new(alerts: &Alerts, master: Option<&MasterKey>) -> Self {
        let enabled = alerts.destinations.iter().filter(|it| it.enabled);
        Self {
            rules: alerts.rules,
            webhooks: enabled.map(|it| Webhook::new(it, master)).collect(),
        }
    }
}

impl Webhook {
    /// Prepares one destination, also one that is switched off.
    pub fn new(stored: &Destination, master: Option<&MasterKey>) -> Self {
        Self {
            id: stored.id.clone(),
            name: stored.name.clone(),
            kind: stored.kind,
            credentials: open(stored, master),
            recipient: stored.recipient.clone(),
        }
    }
}

fn open(stored: &Destination, master: Option<&MasterKey>) -> Result<WebhookCredentials, SealError> {
    let secret = stored.secret.as_ref();
    let secret_id = Destination::secret_id(&stored.id);
    let secret = secret.map(|secret| seal::open(master, secret, &secret_id));
    Ok(WebhookCredentials {
        url: seal::open(master, &stored.url, &stored.id)?,
        secret: secret.transpose()?,
    })
}

impl Snapshot {
    /// All channels that can be called, also those that are switched off.
    pub fn channels(&self) -> &[Rc<Channel>] {
        &self.channels
    }
}

impl Key {
    /// The first and last characters of the key; empty without one.
    pub fn hint(&self) -> String {
        let secret = self.secret.as_ref();
        secret.map_or_else(String::new, |key| secret::hint(key.expose()))
    }
}
