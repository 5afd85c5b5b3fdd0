//! The id of a response, in a whole answer or in the first event of a stream. Owns which ids can be recorded, and the
//! search for one member in JSON that reads no further than it: the rest of an answer can be long.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use super::sse;

/// Longer ids are not recorded.
const MAX_CHARS: usize = 512;

/// Whether a text can be the id of a response: it is a single segment of a path.
pub fn is_valid(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:~=".contains(&byte);
    !id.is_empty()
        && id.len() <= MAX_CHARS
        && id.bytes().all(is_allowed)
        && id.bytes().any(|byte| byte != b'.')
}

/// What the ids of responses begin with that the gateway keeps.
const KEPT: &str = "resp_gw_";

/// The id of a response that the gateway keeps, for the request that made it.
pub fn of_kept(request_id: &str) -> String {
    let rest = request_id.strip_prefix("req_").unwrap_or(request_id);
    format!("{KEPT}{rest}")
}

/// Whether an id may be that of a response that the gateway keeps.
pub fn is_kept(id: &str) -> bool {
    id.starts_with(KEPT)
}

/// The id of a response that is the whole `body`.
pub fn of_body(body: &[u8]) -> Option<String> {
    string_at(body, &["id"]).filter(|id| is_valid(id))
}

/// The id in an event that begins a response.
pub fn of_event(event: &[u8]) -> Option<String> {
    let data = sse::data(event)?;
    string_at(&data, &["response", "id"]).filter(|id| is_valid(id))
}

/// Whether an event says that its response is made in the background.
pub fn is_in_background(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct CreatedEvent {
        response: CreatedResponse,
    }
    #[derive(Deserialize)]
    struct CreatedResponse {
        background: bool,
    }
    let data = sse::data(event).unwrap_or_default();
    serde_json::from_slice(&data).is_ok_and(|begin: CreatedEvent| begin.response.background)
}

/// The status of a response that is the whole `body`.
pub fn status(body: &[u8]) -> Option<String> {
    string_at(body, &["status"])
}

/// The text of a member; `path`: its name, after those of the objects around it.
fn string_at(json: &[u8], path: &[&str]) -> Option<String> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let search = Search {
        path,
        found: &mut found,
    };
    // The search ends at the member with an error, so that the rest is not read.
    let _ended = search.deserialize(&mut deserializer);
    found
}

struct Search<'a> {
    path: &'a [&'a str],
    found: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Some((name, inner)) = self.path.split_first() else {
            return Ok(());
        };
        while let Some(member) = map.next_key::<String>()? {
            if member != *name {
                map.next_value::<IgnoredAny>()?;
            } else if inner.is_empty() {
                *self.found = Some(map.next_value()?);
                return Err(M::Error::custom("found"));
            } else {
                return map.next_value_seed(Search {
                    path: inner,
                    found: self.found,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_wherever_it_is_and_nothing_after_it_is_read() {
        for (body, expected) in [
            (r#"{"id":"resp_1","output":[]}"#, Some("resp_1")),
            (r#"{"id":"resp_1", this is never read"#, Some("resp_1")),
            (
                r#"{"output":[{"id":"msg_1"}],"id":"resp_1"}"#,
                Some("resp_1"),
            ),
            (r#"{"\u0069d":"resp_1"}"#, Some("resp_1")),
            (r#"{"output":[{"id":"msg_1"}]}"#, None),
            (r#"{"id":7}"#, None),
            (r#"{"id":"../admin"}"#, None),
            (r#"["id"]"#, None),
            ("", None),
        ] {
            assert_eq!(of_body(body.as_bytes()).as_deref(), expected, "{body}");
        }
        assert_eq!(
            status(br#"{"id":"a","status":"queued"}"#).as_deref(),
            Some("queued")
        );
    }

    #[test]
    fn the_id_of_an_event_is_its_responses_own() {
        for (event, expected) in [
            (
                "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n",
                Some("resp_1"),
            ),
            (
                "data: {\"sequence_number\":0,\"response\":{\"object\":\"response\",\"id\":\"resp_1\"}}\n\n",
                Some("resp_1"),
            ),
            ("data: {\"id\":\"x\",\"item\":{\"id\":\"msg_1\"}}\n\n", None),
            (": ping\n\n", None),
        ] {
            assert_eq!(of_event(event.as_bytes()).as_deref(), expected, "{event}");
            assert!(!is_in_background(event.as_bytes()), "{event}");
        }
        assert!(is_in_background(
            b"data: {\"response\":{\"id\":\"r\",\"background\":true}}\n\n"
        ));
    }

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        for id in ["resp_68f1", "gen-1", "a.b", "cmVzcDox=="] {
            assert!(is_valid(id), "{id}");
        }
        let long = "x".repeat(MAX_CHARS + 1);
        for id in [
            "",
            ".",
            "..",
            "a/b",
            "a%2Fb",
            "a?b",
            "a b",
            "é",
            long.as_str(),
        ] {
            assert!(!is_valid(id), "{id}");
        }
    }
}
