//! Responses of the host itself, where no component has answered. They have the form that clients of the gateway read:
//! JSON with the four members of an error, and a request id that is logged as well.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use host_io::framing::Refused;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::reply::ReplyBody;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One kind of failure.
pub struct Failure {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
}

/// The manifest has no route for the path.
pub const NO_ROUTE: Failure = Failure {
    status: StatusCode::NOT_FOUND,
    kind: "invalid_request_error",
    code: "not_found",
    message: "No component has a route for this path.",
};
/// The request does not say for which host it is.
pub const BAD_HOST: Failure = Failure {
    status: StatusCode::BAD_REQUEST,
    kind: "invalid_request_error",
    code: "invalid_host",
    message: "The host header is malformed.",
};
/// The head of the request leaves open what it means.
pub const fn framing(refused: Refused) -> Failure {
    Failure {
        status: refused.status,
        kind: "invalid_request_error",
        code: refused.code,
        message: refused.message,
    }
}

/// The component trapped, was ended, or could not be started; the log says which.
pub const COMPONENT_FAILED: Failure = Failure {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    kind: "server_error",
    code: "component_failed",
    message: "The component failed. The host's log has the reason.",
};

/// A new request id.
pub fn request_id() -> String {
    // Each of these hashers has its own random keys.
    let part = || RandomState::new().build_hasher().finish();
    format!("req_{:016x}", part())
}

impl Failure {
    /// The response to the request with this id.
    pub fn respond(&self, request_id: &str) -> Response<ReplyBody> {
        // None of the texts needs escaping.
        let text = format!(
            r#"{{"error":{{"message":"{}","type":"{}","param":null,"code":"{}"}}}}"#,
            self.message, self.kind, self.code
        );
        let mut response = Response::new(ReplyBody::text(text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if let Ok(id) = HeaderValue::try_from(request_id) {
            headers.insert(X_REQUEST_ID, id);
        }
        response
    }
}
