//! The client key of tests that need one without limits. Owns nothing else.

use gateway_core::config::model::{ClientKey, KeyLimits};
use gateway_core::ids;
use gateway_core::units::Timestamp;

/// The stored client key `ck_test`, which presents `key`; enabled, for every model, without limits.
pub fn client_key(key: &str) -> ClientKey {
    ClientKey {
        id: "ck_test".to_owned(),
        name: "test".to_owned(),
        hash: ids::hex(&ids::hash_client_key(key.as_bytes())),
        hint: "…".to_owned(),
        enabled: true,
        models: Vec::new(),
        tags: Vec::new(),
        expires_at: None,
        limits: KeyLimits::default(),
        previous: None,
        created_at: Timestamp(0),
    }
}
