//! Takes credentials out of texts that others wrote, such as an upstream's error that repeats the key it rejects. Owns what
//! looks like a credential. It redacts too much rather than too little: a text that is kept for an admin must not become a
//! place where keys are found.

use std::borrow::Cow;

/// What is in place of a credential.
pub const REDACTED: &str = "[redacted]";

/// What API keys and tokens of well-known services begin with.
const PREFIXES: [&str; 26] = [
    "sk-",
    "sk_",
    "pk-",
    "pk_",
    "rk_",
    "nvapi-",
    "gsk_",
    "AIza",
    "ya29.",
    "xai-",
    "hf_",
    "r8_",
    "fw_",
    "csk-",
    "pplx-",
    "tgp_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "ASIA",
    "eyJ",
];
/// Ends of words after which a credential is named.
const LABELS: [&str; 9] = [
    "key",
    "token",
    "secret",
    "password",
    "authorization",
    "credential",
    "credentials",
    "密钥",
    "令牌",
];
/// Words directly before a credential in a header.
const SCHEMES: [&str; 2] = ["bearer", "basic"];
/// From this length on, letters mixed with digits are a credential and no word.
const RANDOM_BYTES: usize = 24;
/// From this length on, base64 and its form for URLs are one.
const BASE64_BYTES: usize = 32;

/// `text` without what looks like an API key, a token or a URL's credentials, also where it is masked in part.
pub fn redact(text: &str) -> String {
    let text = without_userinfo(text);
    let mut output = String::with_capacity(text.len());
    let mut before = [""; 3];
    let mut rest: &str = &text;
    while !rest.is_empty() {
        let (gap, after) = rest.split_at(rest.find(is_of_word).unwrap_or(rest.len()));
        let (word, next) = after.split_at(after.find(is_between).unwrap_or(after.len()));
        output.push_str(gap);
        push_word(&mut output, word, is_labelled(word, gap, before));
        before = [before[1], before[2], word];
        rest = next;
    }
    output
}

fn is_between(character: char) -> bool {
    character.is_whitespace() || "\"'`<>()[]{},;:=&?|\\@，。；：（）“”‘’".contains(character)
}

fn is_of_word(character: char) -> bool {
    !is_between(character)
}

/// The text with what is between `://` and `@` replaced.
fn without_userinfo(text: &str) -> Cow<'_, str> {
    let mut output = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let is_end = |character: char| character.is_whitespace() || "/?#\"'`<>".contains(character);
        let authority = after.find(is_end).unwrap_or(after.len());
        output.push_str(before);
        output.push_str("://");
        rest = after;
        if let Some(at) = after.get(..authority).and_then(|it| it.rfind('@')) {
            output.push_str(REDACTED);
            rest = after.get(at..).unwrap_or_default();
        }
    }
    if output.is_empty() {
        return Cow::Borrowed(text);
    }
    output.push_str(rest);
    Cow::Owned(output)
}

/// Whether the words before it say that a word is a credential: `Bearer …`, `api_key=…`, `API key provided: …`.
fn is_labelled(word: &str, gap: &str, before: [&str; 3]) -> bool {
    let word = core(word);
    let has = |is_it: fn(&char) -> bool| word.chars().any(|character| is_it(&character));
    let is_mixed = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
    // What follows the scheme of a URL is no credential.
    let is_address = word.starts_with('/');
    if is_address || word.len() < 6 || !(is_mixed || word.len() >= RANDOM_BYTES) {
        return false;
    }
    let [.., last] = before;
    let is_label = |word: &str| {
        let word = word.to_lowercase();
        LABELS.iter().any(|label| word.ends_with(label))
    };
    SCHEMES
        .iter()
        .any(|scheme| last.eq_ignore_ascii_case(scheme))
        || is_label(last)
        || (!gap.trim().is_empty() && before.into_iter().any(is_label))
}

fn push_word(output: &mut String, word: &str, is_labelled: bool) {
    if is_labelled || is_base64(word) {
        push_redacted(output, word);
        return;
    }
    for (index, part) in word.split('/').enumerate() {
        if index > 0 {
            output.push('/');
        }
        if is_credential(core(part)) {
            push_redacted(output, part);
        } else {
            output.push_str(part);
        }
    }
}

fn push_redacted(output: &mut String, word: &str) {
    output.push_str(REDACTED);
    output.push_str(word.get(core(word).len()..).unwrap_or_default());
}

/// The word without the end of its sentence.
fn core(word: &str) -> &str {
    word.trim_end_matches(['.', '!'])
}

fn is_credential(word: &str) -> bool {
    let begins_with = |prefix: &str| {
        word.len() >= prefix.len() + 6
            && word
                .get(..prefix.len())
                .is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix))
    };
    PREFIXES.iter().any(|prefix| begins_with(prefix)) || is_masked(word) || is_random(word)
}

/// `abcd****wxyz`, `abcd…wxyz`
fn is_masked(word: &str) -> bool {
    let is_mask = ["***", "•••", "…", "..."]
        .iter()
        .any(|mask| word.contains(mask));
    is_mask && word.chars().filter(char::is_ascii_alphanumeric).count() >= 4
}

/// Whether no model or parameter could have this name.
fn is_random(word: &str) -> bool {
    let runs = word.split(|character: char| !character.is_ascii_alphanumeric());
    let is_run = |run: &str| run.len() >= RANDOM_BYTES && has_digits_and_letters(run);
    let separators = word.bytes().filter(|byte| b"-_".contains(byte)).count();
    let is_url_base64 = word.len() >= BASE64_BYTES
        && separators * 12 <= word.len()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && has_digits_and_letters(word)
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_lowercase());
    runs.into_iter().any(is_run) || is_url_base64
}

/// Base64 with slashes, which paths do not look like.
fn is_base64(word: &str) -> bool {
    word.len() >= BASE64_BYTES
        && !word.starts_with('/')
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn has_digits_and_letters(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_a_credential_is_replaced() {
        for (text, expected) in [
            (
                "Incorrect API key provided: sk-proj-abc**********wxyz. You can find your API key at \
                 https://platform.openai.com/account/api-keys.",
                "Incorrect API key provided: [redacted]. You can find your API key at \
                 https://platform.openai.com/account/api-keys.",
            ),
            (
                "Incorrect API key provided: abcd1234.",
                "Incorrect API key provided: [redacted].",
            ),
            (r#"{"api_key":"a1b2c3d4"}"#, r#"{"api_key":"[redacted]"}"#),
            ("no key nvapi-0123456789wxyz here", "no key [redacted] here"),
            (
                "header Authorization: Bearer abc.def123",
                "header Authorization: Bearer [redacted]",
            ),
            ("Basic dXNlcjpwYXNzd29yZA==", "Basic [redacted]=="),
            (
                "cannot reach https://user:pa:ss@host.example/v1?key=AIzaSyA0123456789",
                "cannot reach https://[redacted]@host.example/v1?key=[redacted]",
            ),
            (
                "token eyJhbGciOi.eyJzdWIi.c2ln expired",
                "token [redacted] expired",
            ),
            ("bad: 0123456789abcdef0123456789abcdef", "bad: [redacted]"),
            ("key abcd…wxyz was rejected", "key [redacted] was rejected"),
            (
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY is unknown",
                "[redacted] is unknown",
            ),
            ("无效的密钥：ark1234567", "无效的密钥：[redacted]"),
            (
                "key 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is disabled",
                "key [redacted] is disabled",
            ),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn what_an_admin_needs_to_know_stays() {
        for text in [
            "The model `meta-llama/Llama-3.3-70B-Instruct-Turbo` does not exist",
            "accounts/fireworks/models/llama-v3p1-405b-instruct: not found",
            "us.anthropic.claude-sonnet-4-20250514-v1:0 is not available",
            "This model's maximum context length is 128000 tokens, however you requested 200000",
            "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens",
            "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000",
            "messages.1.content.0.text: Field required",
            "error sending request for url (https://api.example/v1/chat/completions)",
            "余额不足",
            "",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,80}") {
            let once = redact(&text);
            prop_assert!(once.len() <= text.len() * 11 + 11);
        }

        #[test]
        fn a_key_is_found_wherever_it_is(before in "[ a-z:(\"]{0,20}", after in "[ .,)\"]{0,5}") {
            let key = "sk-live-4eC39HqLyjWDarjtT1zdp7dc";
            let redacted = redact(&format!("{before} {key}{after}"));
            prop_assert!(!redacted.contains("4eC39"), "{}", redacted);
        }
    }
}
