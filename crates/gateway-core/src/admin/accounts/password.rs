//! Passwords of accounts at rest: argon2id, in the PHC string format, so that other programs can make and check them too.
//! Owns the cost and the form; must not know accounts.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::config::bounds::{MAX_PASSWORD_BYTES as MAX_BYTES, MIN_PASSWORD_CHARS as MIN_CHARS};
use crate::ports::Random;

/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. An instance of Spin or of a Worker has the memory.
const COST: Cost = Cost {
    memory_kib: 19_456,
    passes: 2,
    lanes: 1,
};
/// An imported hash may not make a login cost more than this.
const MAX_COST: Cost = Cost {
    memory_kib: 65_536,
    passes: 8,
    lanes: 4,
};
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// What an unknown name is checked against, so that it takes as long as a known one.
const OF_NO_ACCOUNT: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A hash in its parts.
struct Hash {
    cost: Cost,
    salt: Vec<u8>,
    digest: [u8; HASH_BYTES],
}

/// Whether a text can be a password.
pub fn is_acceptable(password: &str) -> bool {
    password.len() <= MAX_BYTES && password.chars().nth(MIN_CHARS - 1).is_some()
}

/// The hash of a password, with a fresh salt; `None` when there is not enough memory for it.
pub fn hash(random: &impl Random, password: &str) -> Option<String> {
    let mut salt = [0_u8; SALT_BYTES];
    random.fill_secure(&mut salt);
    let hash = digest(COST, &salt, password)?;
    Some(format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        COST.memory_kib,
        COST.passes,
        COST.lanes,
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(hash)
    ))
}

/// Whether a text is a hash that passwords can be compared with.
pub fn is_hash(text: &str) -> bool {
    parse(text).is_some()
}

/// Whether the hash is the password's. Without a hash the password is wrong, after the same time.
pub fn matches(hash: Option<&str>, password: &str) -> bool {
    if password.len() > MAX_BYTES {
        return false;
    }
    let parsed = parse(hash.unwrap_or(OF_NO_ACCOUNT));
    let is_same = parsed.is_some_and(|it| {
        // Digests are compared, so that the time it takes tells nothing.
        digest(it.cost, &it.salt, password)
            .is_some_and(|own| Sha256::digest(own) == Sha256::digest(it.digest))
    });
    is_same && hash.is_some()
}

fn digest(cost: Cost, salt: &[u8], password: &str) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH_BYTES)).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0_u8; HASH_BYTES];
    argon2
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .ok()?;
    Some(hash)
}

fn parse(text: &str) -> Option<Hash> {
    let text = text.strip_prefix("$argon2id$v=19$")?;
    let (cost, rest) = text.split_once('$')?;
    let (salt, hash) = rest.split_once('$')?;
    let [memory_kib, passes, lanes] = {
        let mut parts = cost.split(',');
        let mut number = |name: &str| parts.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let numbers = [number("m=")?, number("t=")?, number("p=")?];
        if parts.next().is_some() {
            return None;
        }
        numbers
    };
    let is_bounded = memory_kib <= MAX_COST.memory_kib
        && passes <= MAX_COST.passes
        && lanes <= MAX_COST.lanes
        && Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)).is_ok();
    let salt = STANDARD_NO_PAD.decode(salt).ok()?;
    if !is_bounded || !(8..=64).contains(&salt.len()) {
        return None;
    }
    Some(Hash {
        cost: Cost {
            memory_kib,
            passes,
            lanes,
        },
        salt,
        digest: STANDARD_NO_PAD.decode(hash).ok()?.try_into().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Random for Fixed {
        fn next_u64(&self) -> u64 {
            0
        }

        fn fill_secure(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_hash_is_of_one_password_and_has_its_own_salt() {
        let hashed = hash(&Fixed(1), "correct horse").unwrap();
        assert!(
            hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hashed}"
        );
        assert!(matches(Some(&hashed), "correct horse"));
        for wrong in ["correct horsf", "", "Correct horse"] {
            assert!(!matches(Some(&hashed), wrong), "{wrong}");
        }
        assert_ne!(hash(&Fixed(2), "correct horse").unwrap(), hashed);
        assert!(!matches(Some(&hashed), &"x".repeat(MAX_BYTES + 1)));
        assert!(!matches(None, "correct horse"));
        assert!(is_hash(OF_NO_ACCOUNT));
    }

    /// Made with the reference implementation: `printf password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32`
    /// (the known answer of its tests).
    #[test]
    fn hashes_are_those_of_the_reference_implementation() {
        let known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(matches(Some(known), "password"));
        assert!(!matches(Some(known), "passwort"));
    }

    #[test]
    fn other_forms_and_excessive_costs_are_no_hashes() {
        let with = |cost: &str| {
            format!("$argon2id$v=19${cost}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
        };
        assert!(is_hash(&with("m=19456,t=2,p=1")));
        for cost in [
            "m=4194304,t=2,p=1",
            "m=19456,t=100,p=1",
            "m=19456,t=2,p=64",
            "m=0,t=2,p=1",
            "m=19456,t=0,p=1",
            "m=19456,t=2",
            "m=19456,t=2,p=1,x=1",
            "t=2,m=19456,p=1",
        ] {
            assert!(!is_hash(&with(cost)), "{cost}");
        }
        for text in [
            "",
            "hunter2",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXP",
        ] {
            assert!(!is_hash(text), "{text}");
        }
    }

    #[test]
    fn passwords_have_a_least_and_a_largest_length() {
        assert!(is_acceptable("12345678"));
        assert!(is_acceptable("ÄÖÜäöüßé"));
        assert!(is_acceptable(&"x".repeat(MAX_BYTES)));
        assert!(!is_acceptable("1234567"));
        assert!(!is_acceptable(&"x".repeat(MAX_BYTES + 1)));
    }
}
