//! The usage of a stream where the client did not request it: `stream_options.include_usage`. Owns whether it is
//! requested from the upstream, how the request is changed, and that the client does not see it: neither the extra
//! chunk nor the `"usage": null` of the others.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;

use super::{StreamTranslator, Translated};
use crate::wire::members::{MemberEdit, Members};
use crate::wire::signals::EventSignal;
use crate::wire::sse;

/// The member that holds `include_usage`.
pub const STREAM_OPTIONS: &str = "stream_options";
/// Longer options are passed on as they are: nothing that is known has so many.
const MAX_OPTIONS_BYTES: usize = 4096;

/// Whether the client requests the usage itself.
pub fn is_asked(body: &Members<'_>) -> bool {
    body.raw(STREAM_OPTIONS).is_some_and(|options| {
        Members::parse(options.as_bytes())
            .is_ok_and(|options| options.raw("include_usage") == Some("true"))
    })
}

/// The client's stream options with the usage requested as well; `None` when the client requests it itself, or sends
/// something other than options, which is left to the upstream.
pub fn asking_options(body: &Members<'_>) -> Option<Cow<'static, str>> {
    let Some(raw) = body.raw(STREAM_OPTIONS).filter(|raw| *raw != "null") else {
        return Some(Cow::Borrowed(r#"{"include_usage":true}"#));
    };
    if raw.len() > MAX_OPTIONS_BYTES {
        return None;
    }
    let options = Members::parse(raw.as_bytes()).ok()?;
    if options.raw("include_usage") == Some("true") {
        return None;
    }
    let asking = options.rewrite(&[MemberEdit::Set("include_usage", Cow::Borrowed("true"))])?;
    String::from_utf8(asking).ok().map(Cow::Owned)
}

/// Removes the usage from a stream whose client did not request it.
#[derive(Debug)]
pub struct RemoveUsage;

impl StreamTranslator for RemoveUsage {
    fn push(&mut self, event: &[u8], signal: &EventSignal) -> Translated {
        if signal.is_usage_only {
            return Translated::Dropped;
        }
        match without_null_usage(event) {
            None => Translated::Unchanged,
            Some(changed) => Translated::Replaced(Bytes::from(changed)),
        }
    }
}

/// Prepared once: in a short event the preparation takes longer than the search.
static USAGE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// An event of a stream without the `"usage": null` that upstreams put into every chunk when the usage is requested;
/// `None` when there is nothing to remove.
fn without_null_usage(event: &[u8]) -> Option<Vec<u8>> {
    let is_null = |place: usize| {
        let after = event.get(place + USAGE.needle().len()..)?;
        let value = after.trim_ascii_start().strip_prefix(b":")?;
        Some(value.trim_ascii_start().starts_with(b"null"))
    };
    USAGE
        .find_iter(event)
        .any(|place| is_null(place) == Some(true))
        .then_some(())?;
    let data = sse::data(event)?;
    let members = Members::parse(&data).ok()?;
    if members.raw("usage") != Some("null") {
        return None;
    }
    let changed = members.rewrite(&[MemberEdit::Remove("usage")])?;
    Some(sse::with_data(event, &changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::signals;

    #[test]
    fn only_a_null_of_the_event_itself_is_taken_out() {
        let rows = [
            (
                r#"{"id":"c","choices":[],"usage":null}"#,
                Some(r#"{"id":"c","choices":[]}"#),
            ),
            (r#"{"usage" : null , "id":"c"}"#, Some(r#"{ "id":"c"}"#)),
            (r#"{"usage":null}"#, Some("{}")),
            (
                r#"{"x":{"usage":null},"usage":null}"#,
                Some(r#"{"x":{"usage":null}}"#),
            ),
            (r#"{"x":{"usage":null}}"#, None),
            (r#"{"x":{"usage":null},"usage":{"prompt_tokens":1}}"#, None),
            (
                r#"{"choices":[{"delta":{"content":"\"usage\":null"}}]}"#,
                None,
            ),
            (r#"{"usage":{}}"#, None),
            (r#"{"usage":null"#, None),
            ("[DONE]", None),
        ];
        for (data, expected) in rows {
            let event = format!("id: 1\ndata: {data}\n\n");
            let changed = without_null_usage(event.as_bytes());
            let expected = expected.map(|data| format!("id: 1\ndata: {data}\n\n").into_bytes());
            assert_eq!(changed, expected, "{data}");
        }
    }

    #[test]
    fn options_keep_what_the_client_put_there_unless_they_are_too_long() {
        let asking = |options: &str| {
            let body = format!(r#"{{"stream_options":{options}}}"#);
            let members = Members::parse(body.as_bytes()).unwrap();
            asking_options(&members).map(Cow::into_owned)
        };
        let of_length = |length: usize| {
            let around = r#"{"x":""}"#;
            let inside = "a".repeat(length - around.len());
            format!(r#"{{"x":"{inside}"}}"#)
        };
        let longest = of_length(MAX_OPTIONS_BYTES);
        let asked = asking(&longest).unwrap();
        assert!(asked.contains("aaa") && asked.contains(r#""include_usage":true"#));
        assert_eq!(asking(&of_length(MAX_OPTIONS_BYTES + 1)), None);
    }

    #[test]
    fn only_the_extra_chunk_is_dropped() {
        let translated = |data: &str| {
            let event = format!("data: {data}\n\n");
            RemoveUsage.push(event.as_bytes(), &signals::of(event.as_bytes()))
        };
        let extra = r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
        assert_eq!(translated(extra), Translated::Dropped);
        // Some upstreams state the usage in a chunk with content, which the client needs.
        let content = r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#;
        assert_eq!(translated(content), Translated::Unchanged);
        let null = r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#;
        let without = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
        assert_eq!(
            translated(null),
            Translated::Replaced(Bytes::from_static(without.as_bytes()))
        );
        assert_eq!(translated("[DONE]"), Translated::Unchanged);
    }
}
