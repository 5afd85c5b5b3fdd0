//! The session that a request belongs to. Owns where clients name it and which name wins; what follows from it is
//! `candidates`'.

use std::borrow::Cow;

use http::HeaderMap;

use super::payload::Payload;
use crate::config::model::Settings;

/// Headers with which clients name a session, the more specific first; those of the settings come before them.
///
/// `x-opencode-request` and `x-client-request-id` are missing on purpose: the first is the id of a message, and the
/// second is, for most clients, that of one request.
const HEADERS: [&str; 9] = [
    // Claude Code.
    "x-claude-code-session-id",
    // opencode sends the first two to providers that it does not know, the third to its own.
    "x-session-id",
    "x-session-affinity",
    "x-opencode-session",
    // Codex: the first two since 0.130, the others before. Its subagents have their own threads within one session.
    "session-id",
    "thread-id",
    "session_id",
    "conversation_id",
    "conversation-id",
];

/// The request's session, if session affinity is on and the client names one. Headers come before the body, and in the
/// body what names a conversation comes before what names a user.
pub fn of<'a>(
    settings: &Settings,
    headers: &'a HeaderMap,
    payload: &Payload<'a>,
) -> Option<Cow<'a, str>> {
    if !settings.session_affinity {
        return None;
    }
    let configured = settings.session_headers.iter().map(String::as_str);
    let from_headers = configured.chain(HEADERS).find_map(|name| {
        let value = headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then_some(Cow::Borrowed(value))
    });
    let text = |name| payload.text(name).filter(|value| !value.is_empty());
    from_headers
        .or_else(|| text("prompt_cache_key"))
        // Anthropic's member for the user; Claude Code puts its session there.
        .or_else(|| payload.text_in("metadata", "user_id"))
        .or_else(|| text("user"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::wire::acted_on::ActedOn;

    fn session(settings: &Settings, headers: &[(&str, &str)], body: &str) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            map.insert(name, HeaderValue::try_from(*value).unwrap());
        }
        let payload = Payload::parse(&map, body.as_bytes(), &ActedOn::default()).unwrap();
        of(settings, &map, &payload).map(Cow::into_owned)
    }

    #[test]
    fn the_more_specific_name_wins() {
        const BODY: &str =
            r#"{"prompt_cache_key":"cache","metadata":{"user_id":"member"},"user":"user"}"#;
        let settings = Settings {
            session_headers: vec!["x-tenant-chat".to_owned()],
            ..Settings::default()
        };
        let mut headers: Vec<(&str, &str)> = HEADERS.iter().map(|name| (*name, *name)).collect();
        headers.insert(0, ("x-tenant-chat", "own"));
        assert_eq!(session(&settings, &headers, BODY).as_deref(), Some("own"));
        headers.remove(0);
        while let Some((first, _)) = headers.first() {
            assert_eq!(session(&settings, &headers, BODY).as_deref(), Some(*first));
            headers.remove(0);
        }
        for (body, expected) in [
            (BODY, Some("cache")),
            (
                r#"{"prompt_cache_key":"","metadata":{"user_id":"member"},"user":"user"}"#,
                Some("member"),
            ),
            (r#"{"metadata":{"user_id":""},"user":"user"}"#, Some("user")),
            (r#"{"metadata":7,"user":7}"#, None),
            ("{}", None),
        ] {
            assert_eq!(session(&settings, &[], body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn ids_of_single_requests_are_not_sessions_and_the_setting_switches_all_off() {
        let settings = Settings::default();
        let single = [
            ("x-opencode-request", "m"),
            ("x-client-request-id", "r"),
            ("x-session-id", " "),
        ];
        assert_eq!(session(&settings, &single, "{}"), None);
        let off = Settings {
            session_affinity: false,
            ..Settings::default()
        };
        assert_eq!(session(&off, &[("x-session-id", "s")], "{}"), None);
    }
}
