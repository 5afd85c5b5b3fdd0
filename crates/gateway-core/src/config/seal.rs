//! Upstream keys at rest: sealed with the master key where there is one, in clear where there is none.
//! Owns the sealed form; never decides whether a master key is required.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use thiserror::Error;

use sha2::{Digest as _, Sha256};

use crate::config::model::StoredSecret;
use crate::ports::{Random, UnreadableVariable};
use crate::secret::Secret;

/// Bytes of a master key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce: 192 random bits do not collide, so no counter is needed.
const NONCE_BYTES: usize = 24;
/// Names the sealed form, so that a later one can coexist with it.
const FORM: &str = "v1.";

/// Accepts base64 with and without padding: `openssl rand -base64 32` pads, users of `basenc --base64url` may not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Why a key could not be sealed or opened. Holds no part of any key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The master key is not 32 bytes in base64.
    #[error("the master key must be 32 bytes in base64, such as `openssl rand -base64 32` prints")]
    InvalidMasterKey,
    /// The secret is sealed and no master key is set.
    #[error("the key is stored encrypted, but no master key is set")]
    MasterKeyMissing,
    /// The secret was sealed with another master key, for another object, or was damaged.
    #[error(
        "the stored key cannot be decrypted: it was encrypted with another master key, or is damaged"
    )]
    CannotOpen,
    /// The secret could not be encrypted (no text that fits into memory causes this).
    #[error("the key could not be encrypted")]
    CannotSeal,
}

/// Why an instance has no master key although one may be set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MasterKeyError {
    /// It is not 32 bytes in base64.
    #[error("{0}")]
    Invalid(SealError),
    /// The variables of the instance cannot be read.
    #[error("{0}")]
    Unreadable(#[from] UnreadableVariable),
}

/// The master key of the instance, or why the one that is set cannot be used.
pub type MasterKeyResult = Result<Option<MasterKey>, MasterKeyError>;

/// The key that upstream keys are encrypted with.
#[derive(Clone)]
pub struct MasterKey(Secret<[u8; KEY_BYTES]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// Reads a master key: 32 bytes in base64, standard or URL-safe, padded or not, spaces around it ignored.
    /// An empty text means that none is set.
    pub fn parse(text: &str) -> Result<Option<Self>, SealError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let bytes = STANDARD
            .decode(text)
            .or_else(|_| URL_SAFE.decode(text))
            .map_err(|_| SealError::InvalidMasterKey)?;
        let key = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| SealError::InvalidMasterKey)?;
        Ok(Some(Self(Secret::new(key))))
    }

    /// Encrypts `plaintext` for the object `key_id`: the id is authenticated with it, so that write access to the store
    /// is not enough to make one channel send another channel's key.
    pub fn seal(
        &self,
        random: &impl Random,
        plaintext: &str,
        key_id: &str,
    ) -> Result<StoredSecret, SealError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        random.fill_secure(&mut nonce);
        let payload = Payload {
            msg: plaintext.as_bytes(),
            aad: key_id.as_bytes(),
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::CannotSeal)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&ciphertext);
        Ok(StoredSecret::Sealed(format!(
            "{FORM}{}",
            URL_SAFE_NO_PAD.encode(bytes)
        )))
    }

    /// A secret for another purpose, from which the key cannot be found.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(purpose.as_bytes());
        hash.update(self.0.expose());
        hash.finalize().into()
    }

    fn open(&self, sealed: &str, key_id: &str) -> Result<Secret<String>, SealError> {
        let bytes = sealed
            .strip_prefix(FORM)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .ok_or(SealError::CannotOpen)?;
        let (nonce, ciphertext) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::CannotOpen)?;
        let payload = Payload {
            msg: ciphertext,
            aad: key_id.as_bytes(),
        };
        let plaintext = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| SealError::CannotOpen)?;
        String::from_utf8(plaintext)
            .map(Secret::new)
            .map_err(|_| SealError::CannotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose().into())
    }
}

/// The stored form of `plaintext`: sealed when there is a master key, else in clear.
pub fn store(
    master: Option<&MasterKey>,
    random: &impl Random,
    plaintext: &str,
    key_id: &str,
) -> Result<StoredSecret, SealError> {
    match master {
        Some(master) => master.seal(random, plaintext, key_id),
        None => Ok(StoredSecret::Clear(Secret::new(plaintext.to_owned()))),
    }
}

/// The secret itself. `key_id` is the id of the object that the secret belongs to.
pub fn open(
    master: Option<&MasterKey>,
    stored: &StoredSecret,
    key_id: &str,
) -> Result<Secret<String>, SealError> {
    match stored {
        StoredSecret::Clear(secret) => Ok(secret.clone()),
        StoredSecret::Sealed(sealed) => master
            .ok_or(SealError::MasterKeyMissing)?
            .open(sealed, key_id),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Counts up; enough to make nonces distinct.
    struct Counter(Cell<u8>);

    impl Random for Counter {
        fn next_u64(&self) -> u64 {
            0
        }

        fn fill_secure(&self, bytes: &mut [u8]) {
            self.0.set(self.0.get().wrapping_add(1));
            bytes.fill(self.0.get());
        }
    }

    fn master(byte: u8) -> MasterKey {
        MasterKey::parse(&STANDARD.encode([byte; 32]))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn master_keys_come_in_every_spelling_of_base64() {
        let bytes = [0xfb_u8; 32];
        for text in [
            STANDARD.encode(bytes),
            URL_SAFE.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
            format!("  {}\n", STANDARD.encode(bytes)),
        ] {
            assert_eq!(
                MasterKey::parse(&text).unwrap().unwrap().0.expose(),
                &bytes,
                "{text}"
            );
        }
        assert!(MasterKey::parse("").unwrap().is_none());
        assert!(MasterKey::parse(" \n").unwrap().is_none());
        for wrong in [
            "secret",
            "AAAA",
            "%%%%",
            &STANDARD.encode([1_u8; 31]),
            &STANDARD.encode([1_u8; 33]),
        ] {
            assert_eq!(
                MasterKey::parse(wrong).unwrap_err(),
                SealError::InvalidMasterKey,
                "{wrong}"
            );
        }
    }

    #[test]
    fn only_the_same_key_and_object_open_a_secret() {
        let random = Counter(Cell::new(0));
        let sealed = master(1).seal(&random, "sk-secret", "uk_1").unwrap();
        assert_eq!(
            open(Some(&master(1)), &sealed, "uk_1").unwrap().expose(),
            "sk-secret"
        );
        assert_eq!(
            open(Some(&master(1)), &sealed, "uk_2").unwrap_err(),
            SealError::CannotOpen
        );
        assert_eq!(
            open(Some(&master(2)), &sealed, "uk_1").unwrap_err(),
            SealError::CannotOpen
        );
        assert_eq!(
            open(None, &sealed, "uk_1").unwrap_err(),
            SealError::MasterKeyMissing
        );
        assert_ne!(
            sealed,
            master(1).seal(&random, "sk-secret", "uk_1").unwrap(),
            "nonces must differ"
        );
        assert!(
            !serde_json::to_string(&sealed)
                .unwrap()
                .contains("sk-secret")
        );
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let random = Counter(Cell::new(0));
        let StoredSecret::Sealed(text) = master(1).seal(&random, "sk-secret", "uk_1").unwrap()
        else {
            panic!("sealed with a master key");
        };
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let damaged = StoredSecret::Sealed(String::from_utf8(bytes).unwrap());
            assert_eq!(
                open(Some(&master(1)), &damaged, "uk_1"),
                Err(SealError::CannotOpen),
                "{position}"
            );
        }
        for text in ["", "v1.", "v1.AAAA", "v2.AAAA", "sk-secret"] {
            let damaged = StoredSecret::Sealed(text.to_owned());
            assert_eq!(
                open(Some(&master(1)), &damaged, "uk_1"),
                Err(SealError::CannotOpen)
            );
        }
    }

    #[test]
    fn without_a_master_key_secrets_stay_in_clear_and_out_of_debug() {
        let random = Counter(Cell::new(0));
        let stored = store(None, &random, "sk-secret", "uk_1").unwrap();
        assert_eq!(open(None, &stored, "uk_1").unwrap().expose(), "sk-secret");
        assert_eq!(
            open(Some(&master(1)), &stored, "uk_1").unwrap().expose(),
            "sk-secret"
        );
        assert!(!format!("{stored:?} {:?}", master(1)).contains("secret\""));
        assert_eq!(format!("{:?}", master(1)), "MasterKey(…)");
    }
}
