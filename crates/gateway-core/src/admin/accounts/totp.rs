//! One-time codes by time (RFC 6238) as authenticator apps make them: HMAC-SHA-1, six digits, 30 seconds. Owns the
//! arithmetic and the texts; which codes were used before is [`super::used_codes`]'s.

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::{Digest as _, Sha1};

use crate::ports::Random;
use crate::units::Timestamp;

/// Seconds for which a code is shown.
const STEP_S: u64 = 30;
/// Steps before and after the present one whose codes are accepted, since clocks differ.
const DRIFT: u64 = 1;
const DIGITS: usize = 6;
/// Bytes of a new secret: RFC 4226 recommends 160 bits.
const SECRET_BYTES: usize = 20;
/// Codes for the case that the app is lost.
const RECOVERY_CODES: usize = 10;
/// Random bytes of each: 80 bits, so that a plain SHA-256 of it cannot be searched.
const RECOVERY_BYTES: usize = 10;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret, in base32.
pub fn new_secret(random: &impl Random) -> String {
    let mut bytes = [0_u8; SECRET_BYTES];
    random.fill_secure(&mut bytes);
    base32(&bytes)
}

/// New recovery codes, in groups of four characters.
pub fn new_recovery_codes(random: &impl Random) -> Vec<String> {
    let code = |_| {
        let mut bytes = [0_u8; RECOVERY_BYTES];
        random.fill_secure(&mut bytes);
        let text = base32(&bytes);
        let mut grouped = String::with_capacity(text.len() + 3);
        for (index, character) in text.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                grouped.push('-');
            }
            grouped.push(character);
        }
        grouped
    };
    (0..RECOVERY_CODES).map(code).collect()
}

/// A recovery code as it is hashed, however it was typed.
pub fn normal_recovery_code(typed: &str) -> String {
    let is_kept = |character: &char| character.is_ascii_alphanumeric();
    typed
        .chars()
        .filter(is_kept)
        .collect::<String>()
        .to_ascii_uppercase()
}

/// The address that authenticator apps take as a QR code.
pub fn uri(secret: &str, name: &str) -> String {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("otpauth://totp/AI%20gateway:{name}?secret={secret}&issuer=AI%20gateway")
}

/// Whether a text is a secret of a length that is safe.
pub fn is_secret(text: &str) -> bool {
    from_base32(text).is_some_and(|bytes| (16..=64).contains(&bytes.len()))
}

/// The step whose code this is, if it is one that is accepted now.
pub fn step_of(secret: &str, code: &str, now: Timestamp) -> Option<u64> {
    let typed: String = code.chars().filter(|it| !it.is_whitespace()).collect();
    if typed.len() != DIGITS || !typed.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let secret = from_base32(secret)?;
    let step = now.0 / 1000 / STEP_S;
    let mut steps = step.saturating_sub(DRIFT)..=step.saturating_add(DRIFT);
    steps.find(|step| self::code(&secret, *step) == typed)
}

/// Six digits.
fn code(secret: &[u8], step: u64) -> String {
    let mac = keyed(secret).chain_update(step.to_be_bytes()).finalize();
    let bytes = mac.into_bytes();
    // RFC 4226, 5.3: the last four bits say where the number is.
    let place = bytes.last().map_or(0, |last| usize::from(last & 15));
    let number = bytes
        .get(place..place + 4)
        .into_iter()
        .flatten()
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// HMAC pads shorter keys with zeros to the block's length and hashes longer ones; doing so here leaves no error to handle.
fn keyed(secret: &[u8]) -> Hmac<Sha1> {
    let mut block = [0_u8; 64];
    if let Some(place) = block.get_mut(..secret.len()) {
        place.copy_from_slice(secret);
    } else {
        block[..20].copy_from_slice(&Sha1::digest(secret));
    }
    Hmac::new(&block.into())
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut held, mut bits) = (0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let upper = character.to_ascii_uppercase();
        let value = ALPHABET.iter().position(|known| *known == upper)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 255) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B: the ASCII digits 1 to 0, twice.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp(seconds * 1000);
            assert_eq!(step_of(RFC, code, now), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_accepted_one_step_early_and_late() {
        let at = |seconds: u64| step_of(RFC, "287 082", Timestamp(seconds * 1000));
        for seconds in [0, 29, 30, 59, 60, 89] {
            assert_eq!(at(seconds), Some(1), "{seconds}");
        }
        assert_eq!(at(90), None);
        let at_step = |step: u64| step_of(RFC, "081804", Timestamp(step * 30_000));
        let step = 1_111_111_109 / 30;
        assert_eq!(at_step(step - 2), None);
        assert_eq!(at_step(step - 1), Some(step));
        for code in ["", "28708", "2870822", "28708x", "٢٨٧٠٨٢"] {
            assert_eq!(step_of(RFC, code, Timestamp(59_000)), None, "{code}");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
            assert_eq!(from_base32(text).unwrap(), bytes.as_bytes());
            assert_eq!(from_base32(&text.to_lowercase()).unwrap(), bytes.as_bytes());
        }
        assert_eq!(from_base32("A1"), None);
        assert!(is_secret(RFC));
        assert!(!is_secret("GEZDGNBVGY3TQOJQ"));
        assert!(!is_secret("not base32!"));
    }

    #[test]
    fn recovery_codes_are_read_as_they_are_typed() {
        assert_eq!(normal_recovery_code("abcd-efgh ij2k"), "ABCDEFGHIJ2K");
    }

    #[test]
    fn the_address_escapes_the_name() {
        assert_eq!(
            uri("ABC", "zoë b&c"),
            "otpauth://totp/AI%20gateway:zo%C3%AB%20b%26c?secret=ABC&issuer=AI%20gateway"
        );
    }
}
