//! The client key of the panel's playground. There is one for all admins, tabs and instances: its id is fixed, and its
//! value follows from the secret of sessions and the time when it expires, so that all who ask get the same one although
//! only its hash is stored. Owns its life; it is valid for an hour and renewed while it is in use.

use hmac::Mac as _;
use http::StatusCode;
use serde_json::Value;

use super::session_check::signing_key;
use super::session_secret::{self, keyed};
use super::{AdminSettings, document, keys};
use crate::config::model::{ClientKey, Document, KeyLimits, PreviousKey};
use crate::config::validate::Problems;
use crate::error::GatewayError;
use crate::ids;
use crate::ports::AdminPorts;
use crate::reply::Reply;
use crate::secret::{self, Secret};
use crate::units::Timestamp;

/// Its name when it is made, which usage and the request log show.
const NAME: &str = "Playground";
/// How long a value is valid.
const LIFETIME_MS: u64 = 60 * 60 * 1000;
/// A value that expires sooner is renewed when it is asked for.
const RENEWED_BEFORE_MS: u64 = LIFETIME_MS / 2;

/// `POST playground/key`: the key, which is made or renewed where necessary. With `rotate` it is replaced, and the value
/// before is rejected from now on.
pub async fn show<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let rotates = read_rotate(body)?;
    let derivation = Derivation::load(ports, settings).await?;
    let now = ports.now();
    let stored = document::load_key(ports, ids::PLAYGROUND_KEY).await?;
    let usable = stored.filter(|key| !rotates && derivation.is_usable(key, now));
    let key = if let Some(key) = usable {
        key
    } else {
        let renew = |document: &mut Document, others: usize| {
            renew(document, others, &derivation, now, rotates)
        };
        document::change_keys(ports, &[ids::PLAYGROUND_KEY], renew).await?
    };
    if rotates {
        ports.line(format_args!("admin: the playground's key was replaced"));
    }
    let plain = derivation.value(key.expires_at.unwrap_or_default());
    Ok(keys::reply_with_value(StatusCode::OK, &key, &plain, now))
}

fn read_rotate(body: &Value) -> Result<bool, GatewayError> {
    let (mut rotates, mut problems) = (Some(false), Problems::default());
    for (name, value) in body.as_object().into_iter().flatten() {
        match name.as_str() {
            "rotate" => rotates = problems.boolean(name, value),
            _ => problems.unknown("", name),
        }
    }
    problems.check("playground key")?;
    Ok(rotates.unwrap_or_default())
}

fn find(document: &Document) -> Option<&ClientKey> {
    document
        .keys
        .iter()
        .find(|key| key.id == ids::PLAYGROUND_KEY)
}

/// Gives the key a new value, unless another request has just done so. Name, limits and models stay; a value that is
/// merely old stays valid until it expires, for requests that are on their way.
fn renew(
    document: &mut Document,
    others: usize,
    derivation: &Derivation,
    now: Timestamp,
    rotates: bool,
) -> Result<ClientKey, GatewayError> {
    if find(document).is_none() {
        keys::add(document, others, blank(now))?;
    }
    let mut renewed = blank(now);
    for key in document
        .keys
        .iter_mut()
        .filter(|key| key.id == ids::PLAYGROUND_KEY)
    {
        let is_own = derivation.made(key);
        let old_end = key.expires_at.unwrap_or_default();
        if rotates || !derivation.is_usable(key, now) {
            let mut end = now.plus_ms(LIFETIME_MS);
            if end == old_end {
                // Another end is what makes another value.
                end = end.plus_ms(1);
            }
            let value = derivation.value(end);
            let hash = std::mem::replace(&mut key.hash, hash_of(&value));
            let hint = std::mem::replace(&mut key.hint, secret::hint(value.expose()));
            key.previous = (is_own && !rotates && old_end > now).then_some(PreviousKey {
                hash,
                hint,
                valid_until: old_end,
            });
            key.expires_at = Some(end);
        }
        renewed = key.clone();
    }
    Ok(renewed)
}

/// The key before it has a value.
fn blank(now: Timestamp) -> ClientKey {
    ClientKey {
        id: ids::PLAYGROUND_KEY.to_owned(),
        name: NAME.to_owned(),
        hash: String::new(),
        hint: String::new(),
        tags: Vec::new(),
        previous: None,
        enabled: true,
        models: Vec::new(),
        expires_at: None,
        limits: KeyLimits::default(),
        created_at: now,
    }
}

fn hash_of(value: &Secret<String>) -> String {
    ids::hex(&ids::hash_client_key(value.expose().as_bytes()))
}

/// What values are made with: it ends with the sessions, so that another password also means another value.
struct Derivation(Secret<[u8; 32]>);

impl Derivation {
    async fn load<P: AdminPorts>(
        ports: &P,
        settings: &AdminSettings,
    ) -> Result<Self, GatewayError> {
        let password = settings.password.as_ref();
        let password = password.map_or("", |password| password.expose().as_str());
        let secret = session_secret::load(ports, password).await?;
        Ok(Self(signing_key(&secret, password)))
    }

    /// The value that expires at `end`.
    fn value(&self, end: Timestamp) -> Secret<String> {
        let mac = keyed(self.0.expose())
            .chain_update(b"playground key\0")
            .chain_update(end.0.to_be_bytes());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        Secret::new(ids::client_key_of(&bytes))
    }

    /// Whether the stored key has the value that is made for its end: not if it came from another gateway, was rotated
    /// like other keys, or is of another password.
    fn made(&self, key: &ClientKey) -> bool {
        key.expires_at
            .is_some_and(|end| key.hash == hash_of(&self.value(end)))
    }

    fn is_usable(&self, key: &ClientKey, now: Timestamp) -> bool {
        let end = key.expires_at.unwrap_or_default();
        let is_own_age = end > now.plus_ms(RENEWED_BEFORE_MS)
            // An admin may have set a later end by hand, which must not make a value that lasts.
            && end <= now.plus_ms(keys::MAX_HIDDEN_MS);
        is_own_age && self.made(key)
    }
}
