//! The states by which client keys are listed. Owns what each means; whether a key is over a limit is
//! [`super::limit_usage`]'s.

use super::limit_usage;
use super::query::invalid;
use crate::config::model::ClientKey;
use crate::error::GatewayError;
use crate::ports::AdminPorts;
use crate::units::Timestamp;

/// The name of the parameter.
pub const STATE: &str = "state";

/// What a client key is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    serde(rename_all = "lowercase"),
    schemars(inline)
)]
pub enum ListedKeyState {
    /// Accepted, also while it is over a limit.
    Active,
    /// Switched off.
    Disabled,
    /// Switched on, and past its end.
    Expired,
    /// Active, and over one of its limits.
    Limited,
}

impl ListedKeyState {
    const ALL: [(&'static str, Self); 4] = [
        ("active", Self::Active),
        ("disabled", Self::Disabled),
        ("expired", Self::Expired),
        ("limited", Self::Limited),
    ];

    /// Reads the parameter.
    pub fn read(value: Option<&str>) -> Result<Option<Self>, GatewayError> {
        let Some(value) = value else {
            return Ok(None);
        };
        let found = Self::ALL.into_iter().find(|(name, _)| *name == value);
        found.map(|(_, state)| Some(state)).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            invalid(STATE, &format!("must be one of {names}"))
        })
    }

    /// Those of the keys that have this state.
    pub async fn keep<'k, P: AdminPorts>(
        self,
        ports: &P,
        mut keys: Vec<&'k ClientKey>,
        now: Timestamp,
    ) -> Result<Vec<&'k ClientKey>, GatewayError> {
        let is_expired = |key: &ClientKey| key.expires_at.is_some_and(|end| end <= now);
        keys.retain(|key| match self {
            Self::Active => key.enabled && !is_expired(key),
            Self::Disabled => !key.enabled,
            Self::Expired => key.enabled && is_expired(key),
            Self::Limited => key.enabled && !is_expired(key) && !key.limits.is_empty(),
        });
        match self {
            Self::Limited => limit_usage::exceeding(ports, keys, now).await,
            Self::Active | Self::Disabled | Self::Expired => Ok(keys),
        }
    }
}
