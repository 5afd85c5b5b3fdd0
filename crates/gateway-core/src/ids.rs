//! Identifiers and client keys: their prefixes and their entropy. Owns no randomness: it takes a port.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::ports::{Clock, Random};

/// Random bytes of an object's id: 96 bits, so that ids of two instances do not collide.
const ID_BYTES: usize = 12;
/// Random bytes of a client key: 256 bits, as the contract requires.
const CLIENT_KEY_BYTES: usize = 32;

/// The id of the client key of the panel's playground.
pub const PLAYGROUND_KEY: &str = "ck_playground";

/// A fresh id such as `ch_…`: `prefix`, an underscore, 24 hexadecimal digits.
pub fn object_id(prefix: &str, random: &impl Random) -> String {
    let mut bytes = [0_u8; ID_BYTES];
    random.fill_secure(&mut bytes);
    let mut id = String::with_capacity(prefix.len() + 1 + ID_BYTES * 2);
    id.push_str(prefix);
    id.push('_');
    push_hex(&mut id, &bytes);
    id
}

/// A fresh client key: `sk-` and 256 random bits in URL-safe base64.
pub fn client_key(random: &impl Random) -> String {
    let mut bytes = [0_u8; CLIENT_KEY_BYTES];
    random.fill_secure(&mut bytes);
    client_key_of(&bytes)
}

/// The client key with these bits, which must be as hard to guess as random ones.
pub fn client_key_of(bytes: &[u8; CLIENT_KEY_BYTES]) -> String {
    format!("sk-{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether a text looks like a whole client key.
pub fn is_client_key(text: &str) -> bool {
    let bits = text.strip_prefix("sk-").unwrap_or_default();
    // Four characters for three bytes, without padding.
    bits.len() == (CLIENT_KEY_BYTES * 4).div_ceil(3)
        && bits
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
}

/// A request id, `req_` and 28 hexadecimal digits: the time in milliseconds, so that later ids are greater and an index
/// grows at its end, then 64 random bits. It identifies a request in logs and is not a secret.
pub fn request_id(ports: &(impl Clock + Random)) -> String {
    let mut id = String::with_capacity(32);
    id.push_str("req_");
    // 48 bits of milliseconds last until the year 10889.
    push_hex(&mut id, &ports.now().0.to_be_bytes()[2..]);
    push_hex(&mut id, &ports.next_u64().to_be_bytes());
    id
}

/// The stored form of a client key. The key has 256 bits of entropy, so a plain SHA-256 cannot be searched.
pub fn hash_client_key(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hex(&mut text, bytes);
    text
}

/// The bytes of 64 hexadecimal digits; `None` for anything else.
pub fn parse_hash(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut hash = [0_u8; 32];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(hash)
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_survive_their_text() {
        let hash = hash_client_key(b"sk-x");
        assert_eq!(parse_hash(&hex(&hash)), Some(hash));
        assert_eq!(parse_hash("zz"), None);
        assert_eq!(parse_hash(&"g".repeat(64)), None);
    }
}
