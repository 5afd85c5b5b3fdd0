//! A whole configuration that replaces the one in force. Owns the handling of upstream keys; the rules of the document
//! are [`validate`]'s, the store is its caller's. Pure, except for nonces and new ids.

pub mod alerts;

use std::fmt;

use super::model::{Document, StoredSecret, UpstreamKey};
use super::seal::{self, MasterKey, MasterKeyError};
use super::validate::{DocumentDraft, KeyDraft, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::Random;
use crate::problem::{ProblemKind, Uniqueness};
use crate::secret::{self, Secret};

#[cfg(doc)]
use super::validate;

/// The encryption of upstream keys at rest: `Ok(None)`: nothing; `Err`: why the master key that is set cannot be used.
/// Then no new key is stored, since it must not be stored in clear.
pub type Protection<'a> = Result<Option<&'a MasterKey>, &'a MasterKeyError>;

/// Why a document cannot take the place of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// All its problems.
    Invalid(Problems),
    /// An upstream key of it cannot be encrypted; the text says why.
    Unprotected(String),
}

impl Refused {
    /// The message for an admin.
    pub fn into_error(self) -> GatewayError {
        match self {
            Self::Invalid(problems) => match problems.check("configuration") {
                Err(error) => error,
                Ok(()) => ErrorCode::InvalidValue.error("The configuration is not valid."),
            },
            Self::Unprotected(reason) => ErrorCode::Misconfigured.error(reason),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.clone().into_error().body.message)
    }
}

impl std::error::Error for Refused {}

/// The stored form of a new upstream key with the id `id`.
pub fn protect(
    protection: Protection<'_>,
    random: &impl Random,
    key: &str,
    id: &str,
) -> Result<StoredSecret, Refused> {
    let master = protection.map_err(|reason| {
        Refused::Unprotected(format!(
            "The variable `master_key` cannot be used, so no upstream key can be stored: {reason}."
        ))
    })?;
    seal::store(master, random, key, id).map_err(|error| {
        Refused::Unprotected(format!("An upstream key cannot be stored: {error}."))
    })
}

/// The document that a draft describes, where `current` is in force: its keys by id are looked up there.
pub fn resolve(
    draft: &DocumentDraft,
    current: &Document,
    protection: Protection<'_>,
    random: &impl Random,
) -> Result<Document, Refused> {
    let mut problems = Problems::default();
    let mut channels = Vec::with_capacity(draft.channels.len());
    for (index, wanted) in draft.channels.iter().enumerate() {
        let known = current
            .channels
            .iter()
            .find(|channel| channel.id == wanted.channel.id);
        let vault = Vault::open(known.map_or(&[], |channel| &channel.keys), protection);
        let mut channel = wanted.channel.clone();
        for (place, key) in wanted.keys.iter().enumerate() {
            let path = format!("channels[{index}].keys[{place}]");
            match vault.key(key, random)? {
                None => problems.add(path, ProblemKind::UnknownKeyOfDocument),
                Some(key) if channel.keys.iter().any(|other| other.id == key.id) => {
                    problems.add(
                        path,
                        ProblemKind::Duplicate {
                            within: Uniqueness::List,
                        },
                    );
                }
                Some(key) => channel.keys.push(key),
            }
        }
        channels.push(channel);
    }
    if !problems.list().is_empty() {
        return Err(Refused::Invalid(problems));
    }
    Ok(Document {
        channels,
        keys: draft.keys.clone(),
        settings: draft.settings.clone(),
        alerts: alerts::resolve(
            "alerts.destinations",
            &draft.alerts,
            &current.alerts,
            protection,
            random,
        )?,
        ..Document {
            accounts: current.accounts.clone(),
            applied_variable: current.applied_variable.clone(),
            recent_changes: current.recent_changes.clone(),
            gateway_id: current.gateway_id.clone(),
            ..Document::default()
        }
    })
}

/// A channel's current keys, decrypted where possible.
struct Vault<'a> {
    stored: Vec<(&'a UpstreamKey, Option<Secret<String>>)>,
    protection: Protection<'a>,
}

impl<'a> Vault<'a> {
    fn open(stored: &'a [UpstreamKey], protection: Protection<'a>) -> Self {
        let master = protection.ok().flatten();
        let open = |key: &'a UpstreamKey| (key, seal::open(master, &key.secret, &key.id).ok());
        Self {
            stored: stored.iter().map(open).collect(),
            protection,
        }
    }

    /// The key that a draft describes; `None` when it is given by an unknown id.
    fn key(&self, draft: &KeyDraft, random: &impl Random) -> Result<Option<UpstreamKey>, Refused> {
        let is_it = |(key, opened): &&(&UpstreamKey, Option<Secret<String>>)| {
            draft.id.as_ref().is_none_or(|id| *id == key.id)
                && (draft.secret.is_none() || draft.secret == *opened)
        };
        let known = self.stored.iter().find(is_it);
        let (id, hint, secret) = match (known, &draft.secret) {
            (Some((key, opened)), _) => {
                let secret = match (&key.secret, opened, self.protection) {
                    // A key from the time before the master key is encrypted at the first opportunity.
                    (StoredSecret::Clear(_), Some(clear), Ok(Some(_))) => {
                        protect(self.protection, random, clear.expose(), &key.id)?
                    }
                    (stored, ..) => stored.clone(),
                };
                (key.id.clone(), key.hint.clone(), secret)
            }
            (None, Some(secret)) => {
                let id = draft.id.clone();
                let id = id.unwrap_or_else(|| ids::object_id("uk", random));
                let stored = protect(self.protection, random, secret.expose(), &id)?;
                (id, secret::hint(secret.expose()), stored)
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(UpstreamKey {
            id,
            secret,
            hint,
            enabled: draft.enabled,
        }))
    }
}
