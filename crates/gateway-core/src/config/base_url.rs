//! What a base URL was probably meant to be: users paste the path of an operation, omit the scheme or the version, or
//! include quotes. Owns the suggestion only; what is accepted is [`super::validate`]'s. Pure.
//!
//! The panel offers the same suggestion while the URL is typed (`admin-ui/web/src/channels/base-url.ts`); one table of
//! cases, `fixtures/base_urls.json`, is read by the tests of both.

use url::{Host, Url};

use crate::upstream::provider::Provider;

/// Longer ones are not examined.
const MAX_BYTES: usize = 4096;

/// Hosts whose base URL is known, with its path. Other paths below them may be right as well.
const HOSTS: [(&str, &str); 32] = [
    ("api.anthropic.com", "v1"),
    ("api.cerebras.ai", "v1"),
    ("api.cohere.ai", "compatibility/v1"),
    ("api.cohere.com", "compatibility/v1"),
    ("api.deepinfra.com", "v1/openai"),
    ("api.deepseek.com", "v1"),
    ("api.fireworks.ai", "inference/v1"),
    ("api.groq.com", "openai/v1"),
    ("api.hyperbolic.xyz", "v1"),
    ("api.minimax.chat", "v1"),
    ("api.minimax.io", "v1"),
    ("api.mistral.ai", "v1"),
    ("api.moonshot.ai", "v1"),
    ("api.moonshot.cn", "v1"),
    ("api.openai.com", "v1"),
    ("api.sambanova.ai", "v1"),
    ("api.siliconflow.cn", "v1"),
    ("api.siliconflow.com", "v1"),
    ("api.stepfun.com", "v1"),
    ("api.studio.nebius.ai", "v1"),
    ("api.together.ai", "v1"),
    ("api.together.xyz", "v1"),
    ("api.x.ai", "v1"),
    ("api.z.ai", "api/paas/v4"),
    ("ark.cn-beijing.volces.com", "api/v3"),
    ("dashscope-intl.aliyuncs.com", "compatible-mode/v1"),
    ("dashscope-us.aliyuncs.com", "compatible-mode/v1"),
    ("dashscope.aliyuncs.com", "compatible-mode/v1"),
    ("generativelanguage.googleapis.com", "v1beta/openai"),
    ("integrate.api.nvidia.com", "v1"),
    ("open.bigmodel.cn", "api/paas/v4"),
    ("openrouter.ai", "api/v1"),
];
/// Ports of self-hosted servers: Ollama, `vLLM`, LM Studio, `SGLang`.
const LOCAL_PORTS: [u16; 4] = [11434, 8000, 1234, 30000];
/// Ollama's own API is next to its OpenAI-compatible one.
const OLLAMA: u16 = 11434;
const AZURE: [&str; 3] = [
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
];
/// What follows a base URL in the URL of an operation; longer ones first.
const OPERATIONS: [&[&str]; 15] = [
    &["chat", "completions"],
    &["messages", "count_tokens"],
    &["images", "generations"],
    &["images", "edits"],
    &["images", "variations"],
    &["audio", "speech"],
    &["audio", "transcriptions"],
    &["audio", "translations"],
    &["completions"],
    &["messages"],
    &["embeddings"],
    &["responses"],
    &["models"],
    &["moderations"],
    &["rerank"],
];

/// What `text` was probably meant to be; `None` when it is fine, or there is no suggestion.
pub fn suggestion(provider: Provider, text: &str) -> Option<String> {
    let url = understood(text)?;
    let mended = mended(provider, &url);
    (Some(&mended) != accepted(provider, text).as_ref()).then_some(mended)
}

/// The same once the upstream has answered as if the path were wrong: then a missing version is the likely cause.
pub fn suggestion_after_failure(provider: Provider, text: &str) -> Option<String> {
    let suggested = suggestion(provider, text);
    let url = Url::parse(suggested.as_deref().unwrap_or(text)).ok()?;
    url.host()?;
    let has_version = segments(&url).iter().any(|segment| is_version(segment));
    if provider == Provider::Azure || has_version {
        return suggested;
    }
    Some(format!("{}/v1", url.as_str().trim_end_matches('/')))
}

/// The text as it is accepted unchanged, if it is.
fn accepted(provider: Provider, text: &str) -> Option<String> {
    let text = text.trim();
    let is_plain = text.contains("://") && !text.contains([' ', '\\']) && !text.contains(":///");
    let url = Url::parse(text).ok().filter(|_| is_plain)?;
    let mut text = url.as_str().trim_end_matches('/').to_owned();
    let root = provider.kind(None).root(&text).len();
    text.truncate(root);
    Some(text)
}

/// The URL in a text, with a scheme and without what no base URL has.
fn understood(text: &str) -> Option<Url> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let text = text.replace('\\', "/");
    let mut text = unquoted(&text);
    // A name before it, as in an env file.
    let lower = text.to_ascii_lowercase();
    if let Some(start) = ["https://", "http://"]
        .iter()
        .filter_map(|scheme| lower.find(scheme))
        .min()
    {
        let before = lower.get(..start)?;
        if before.ends_with(['=', ':', ' ', '"', '\'']) {
            text = unquoted(text.get(start..)?);
        }
    }
    let mut joined = String::new();
    for part in text.split_whitespace() {
        if !joined.is_empty() && !part.starts_with('/') {
            break;
        }
        joined.push_str(unquoted(part));
    }
    let mut url = Url::parse(&with_scheme(&joined)?).ok()?;
    url.host()?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

fn unquoted(text: &str) -> &str {
    const AROUND: &str = "\"'`“”‘’«»<>()[]{},;";
    let is_around = |character: char| character.is_whitespace() || AROUND.contains(character);
    // The bracket of an IPv6 address stays.
    if text.trim().starts_with('[') {
        text.trim()
    } else {
        text.trim_matches(is_around)
    }
}

fn with_scheme(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    for (written, scheme) in [
        ("https", "https"),
        ("http", "http"),
        ("wss", "https"),
        ("ws", "http"),
    ] {
        let Some(rest) = lower.strip_prefix(written) else {
            continue;
        };
        let address = rest.trim_start_matches([':', '/']);
        let marks = rest.len() - address.len();
        if marks > 0 && rest.contains('/') && !address.is_empty() {
            let address = text.get(text.len() - address.len()..)?;
            return Some(format!("{scheme}://{address}"));
        }
    }
    let text = text.trim_start_matches('/');
    let authority = text.split('/').next().unwrap_or_default();
    let is_host = authority.contains(['.', ':']) || authority.eq_ignore_ascii_case("localhost");
    if !is_host || text.contains("://") {
        return None;
    }
    let url = Url::parse(&format!("http://{text}")).ok()?;
    let scheme = if is_local(&url) { "http" } else { "https" };
    Some(format!("{scheme}://{text}"))
}

/// Whether the host is this machine or one nearby, where TLS is rare.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => {
            address.is_loopback() || address.is_private() || address.is_unspecified()
        }
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => {
            !name.contains('.')
                || [".local", ".lan", ".internal"]
                    .iter()
                    .any(|end| name.ends_with(end))
        }
        None => false,
    }
}

fn mended(provider: Provider, url: &Url) -> String {
    let mut path = segments(url);
    cut_operation(&mut path);
    match provider {
        Provider::Azure => {
            let root = path
                .iter()
                .position(|segment| segment.eq_ignore_ascii_case("openai"));
            path.truncate(root.unwrap_or(path.len()));
        }
        Provider::Anthropic if path.last() == Some(&"anthropic") => path.push("v1"),
        _ => {
            if let Some(known) = known_path(provider, url, &path) {
                path = known.split('/').collect();
            }
        }
    }
    let mut mended = url.clone();
    mended.set_path(&path.join("/"));
    mended.as_str().trim_end_matches('/').to_owned()
}

fn segments(url: &Url) -> Vec<&str> {
    url.path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect()
}

fn cut_operation(path: &mut Vec<&str>) {
    let ends_with = |path: &[&str], end: &[&str]| {
        path.len() >= end.len()
            && path
                .iter()
                .rev()
                .zip(end.iter().rev())
                .all(|(segment, own)| segment.eq_ignore_ascii_case(own))
    };
    while let Some(end) = OPERATIONS.iter().find(|end| ends_with(path, end)) {
        path.truncate(path.len() - end.len());
    }
    if let [.., version, models, _] = path.as_slice()
        && is_version(version)
        && models.eq_ignore_ascii_case("models")
    {
        path.truncate(path.len() - 2);
    }
    while let [.., one, other] = path.as_slice()
        && is_version(one)
        && one == other
    {
        path.pop();
    }
}

fn is_version(segment: &str) -> bool {
    let mut characters = segment.chars();
    matches!(characters.next(), Some('v' | 'V'))
        && characters
            .next()
            .is_some_and(|digit| digit.is_ascii_digit())
        && characters.all(|character| character.is_ascii_alphanumeric())
}

/// The path that a known host has, where `path` is a part of it or a usual mistake.
fn known_path(provider: Provider, url: &Url, path: &[&str]) -> Option<&'static str> {
    let host = url.host_str()?;
    let lower = path.join("/").to_ascii_lowercase();
    if provider == Provider::OpenAi && AZURE.iter().any(|end| host.ends_with(end)) {
        let is_part = lower.is_empty() || lower.split('/').next() == Some("openai");
        return is_part.then_some("openai/v1");
    }
    let port = url.port();
    if is_local(url) && port.is_some_and(|port| LOCAL_PORTS.contains(&port)) {
        let is_native = port == Some(OLLAMA) && lower.split('/').next() == Some("api");
        return (lower.is_empty() || is_native).then_some("v1");
    }
    let (_, known) = HOSTS.iter().find(|(name, _)| *name == host)?;
    let is_anthropic = host == "api.anthropic.com";
    if provider == Provider::Anthropic && !is_anthropic {
        return None;
    }
    let is_part = lower.is_empty()
        || lower == *known
        || lower == "v1"
        || known.starts_with(&format!("{lower}/"))
        || lower.strip_suffix("/v1") == Some(known);
    is_part.then_some(known)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[expect(clippy::option_option, reason = "absent and null differ")]
    struct Case {
        provider: Provider,
        given: String,
        suggested: Option<String>,
        #[serde(default, deserialize_with = "present")]
        after_failure: Option<Option<String>>,
    }

    #[expect(clippy::option_option, reason = "absent and null differ")]
    fn present<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Option<String>>, D::Error> {
        Option::deserialize(from).map(Some)
    }

    #[test]
    fn what_people_paste_is_mended() {
        #[derive(Deserialize)]
        struct Table {
            cases: Vec<Case>,
        }
        let text = include_str!("../../fixtures/base_urls.json");
        let table: Table = serde_json::from_str(text).unwrap();
        for case in table.cases {
            let Case {
                provider, given, ..
            } = &case;
            assert_eq!(suggestion(*provider, given), case.suggested, "{given}");
            let expected = case.after_failure.as_ref().unwrap_or(&case.suggested);
            assert_eq!(
                &suggestion_after_failure(*provider, given),
                expected,
                "{given} after a failure"
            );
            // A suggestion is final.
            for mended in case.suggested.iter().chain(expected.iter()) {
                assert_eq!(suggestion(*provider, mended), None, "{mended}");
            }
        }
    }

    #[test]
    fn hostile_texts_give_nothing_odd() {
        for text in [
            "\u{0}",
            "[",
            "[::1",
            "http://[::1]:11434",
            "https:",
            "://",
            "http:////",
            "ws:",
            "a:b",
            "ä.ö/v1",
            "https://ä.example/ö?ü",
            "()",
            "https://h/%zz",
            "\\\\",
            "https://h:99999/v1",
            "=https://",
        ] {
            for provider in [Provider::OpenAi, Provider::Azure, Provider::Anthropic] {
                for found in [
                    suggestion(provider, text),
                    suggestion_after_failure(provider, text),
                ]
                .into_iter()
                .flatten()
                {
                    assert!(Url::parse(&found).unwrap().has_host(), "{text}: {found}");
                }
            }
        }
        let long = format!("https://h/{}", "v1/".repeat(100_000));
        assert_eq!(suggestion(Provider::OpenAi, &long), None);
    }
}
