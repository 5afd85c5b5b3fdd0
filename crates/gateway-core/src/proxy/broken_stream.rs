//! The last event of a stream that breaks and is not translated. Owns its shape: an error event of the client's API; for
//! responses also the terminal event that Codex and others wait for.

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::dialect::Translation;
use crate::error::{ErrorBody, ErrorStyle};
use crate::wire::dialect::Dialect;
use crate::wire::sse;

/// How a broken stream ends.
#[derive(Debug)]
pub enum FailureShape {
    /// An error event.
    Error(ErrorStyle),
    /// A response that failed.
    Response(ResponseProgress),
}

/// What of a stream of responses its last event refers to.
#[derive(Debug, Default)]
pub struct ResponseProgress {
    id: String,
    model: String,
    created: u64,
    /// How many events have passed.
    events: u64,
}

/// The event with which a stream of responses begins.
#[derive(Deserialize)]
struct ResponseCreated {
    response: BegunResponse,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BegunResponse {
    id: String,
    model: String,
    created_at: u64,
}

/// The event with which a response fails.
#[derive(Serialize)]
struct ResponseFailed<'a> {
    error: &'a ErrorBody,
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: FailedResponse<'a>,
}

#[derive(Serialize)]
struct FailedResponse<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    error: FailedReason<'a>,
    incomplete_details: Option<()>,
    model: &'a str,
    output: [(); 0],
}

#[derive(Serialize)]
struct FailedReason<'a> {
    code: Option<&'a str>,
    message: &'a str,
}

impl FailureShape {
    /// The shape for the streams of a translation.
    pub fn of(translation: &Translation, style: ErrorStyle) -> Self {
        match translation.dialect {
            Some(Dialect::Responses) => Self::Response(ResponseProgress::default()),
            _ => Self::Error(style),
        }
    }

    /// Notes an event that passed.
    pub fn passed(&mut self, event: &[u8]) {
        if let Self::Response(progress) = self {
            progress.passed(event);
        }
    }

    /// The last event.
    pub fn event(&self, error: &ErrorBody) -> Bytes {
        match self {
            Self::Error(style) => error_event(*style, error),
            Self::Response(progress) => progress.failed(error),
        }
    }
}

impl ResponseProgress {
    fn passed(&mut self, event: &[u8]) {
        self.events += 1;
        if self.events > 1 {
            return;
        }
        let created = sse::data(event).and_then(|data| serde_json::from_slice(&data).ok());
        if let Some(ResponseCreated { response }) = created {
            self.id = response.id;
            self.model = response.model;
            self.created = response.created_at;
        }
    }

    /// The SDKs raise on the member `error`; clients that follow the response wait for the event `response.failed`.
    fn failed(&self, error: &ErrorBody) -> Bytes {
        let event = ResponseFailed {
            error,
            kind: "response.failed",
            // Numbers begin at 0, and each event has the next one.
            sequence_number: self.events,
            response: FailedResponse {
                id: &self.id,
                object: "response",
                created_at: self.created,
                status: "failed",
                error: FailedReason {
                    code: error.code.as_deref(),
                    message: &error.message,
                },
                incomplete_details: None,
                model: &self.model,
                output: [],
            },
        };
        let data = serde_json::to_string(&event).unwrap_or_default();
        Bytes::from(format!("event: response.failed\ndata: {data}\n\n"))
    }
}

/// The event that reports an incomplete stream. The official SDKs raise on it.
fn error_event(style: ErrorStyle, error: &ErrorBody) -> Bytes {
    let json = style.text(StatusCode::BAD_GATEWAY, error);
    // Anthropic's SDKs dispatch by the event's name.
    let name = match style {
        ErrorStyle::OpenAi | ErrorStyle::Gemini => "",
        ErrorStyle::Anthropic => "event: error\n",
    };
    Bytes::from(format!("{name}data: {json}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_fail_with_an_event_for_sdks_and_for_those_who_follow_the_response() {
        let mut shape = FailureShape::Response(ResponseProgress::default());
        let created = r#"{"type":"response.created","sequence_number":0,
            "response":{"id":"resp_1","model":"m","created_at":7,"output":[]}}"#;
        let created = created.replace('\n', "");
        shape.passed(format!("event: response.created\ndata: {created}\n\n").as_bytes());
        shape.passed(b"data: {\"type\":\"response.output_text.delta\",\"sequence_number\":1}\n\n");
        let error = ErrorBody {
            message: "broke".to_owned(),
            kind: "server_error".to_owned(),
            param: None,
            code: Some("stream_incomplete".to_owned()),
        };
        let event = shape.event(&error);
        let text = std::str::from_utf8(&event).unwrap();
        let data = text.strip_prefix("event: response.failed\ndata: ").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(
            data,
            serde_json::json!({
                "error": {"message": "broke", "type": "server_error", "param": null, "code": "stream_incomplete"},
                "type": "response.failed",
                "sequence_number": 2,
                "response": {
                    "id": "resp_1", "object": "response", "created_at": 7, "status": "failed",
                    "error": {"code": "stream_incomplete", "message": "broke"},
                    "incomplete_details": null, "model": "m", "output": [],
                },
            })
        );
        assert!(text.ends_with("}\n\n"));
        let bare = FailureShape::Response(ResponseProgress::default()).event(&error);
        assert!(bare.starts_with(b"event: response.failed\n"), "{bare:?}");
        let chat = FailureShape::Error(ErrorStyle::OpenAi).event(&error);
        assert!(chat.starts_with(b"data: {\"error\":"), "{chat:?}");
    }
}
