//! The error responses that the document has, each with its status and its meaning.

use serde_json::{Map, Value, json};

/// Makes the enum of error responses out of their table.
macro_rules! errors {
    ($($name:ident: $status:literal, $meaning:expr;)*) => {
        /// An error response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorResponse {
            $(#[doc = $meaning] $name,)*
        }

        impl ErrorResponse {
            /// All of them, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in the document.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Its status.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }

            const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

errors! {
    BadRequest: 400,
        "The body is no JSON object (`invalid_json`), or a value is not acceptable (`invalid_value`); `param` names the \
         first member at fault, the message names all, and `details` has a code for each.";
    Unauthorized: 401,
        "There is no valid session (`not_authenticated`), the password is wrong (`wrong_password`), or a \
         one-time code is needed too (`totp_required`).";
    Forbidden: 403,
        "The request comes from a page of another origin (`cross_origin`), or the caller's role may not do it (`forbidden`).";
    NotFound: 404,
        "There is nothing with this id (`not_found`).";
    Conflict: 409,
        "Others kept changing the same thing (`conflict`), or no owner could log in any more (`last_owner`). Nothing was \
         changed.";
    ChangedMeanwhile: 412,
        "The object is not the one that `If-Match` names any more (`changed_meanwhile`). Nothing was changed.";
    TooLarge: 413,
        "The body is too large (`request_too_large`).";
    UnsupportedMediaType: 415,
        "A write that carries the cookie is not `application/json` (`unsupported_media_type`).";
    TooManyLogins: 429,
        "Too many failed logins (`rate_limit_exceeded`). The same password is checked when it is sent again after \
         `Retry-After`.";
    Misconfigured: 500,
        "A variable of the gateway is wrong, mostly `master_key` (`misconfigured`).";
    UpstreamFailed: 502,
        "The upstream failed (`upstream_failed`); the message has its own words.";
    Unavailable: 503,
        "The store does not answer (`store_unavailable`), or no admin password is set (`admin_disabled`).";
}

/// The responses by name; `error` is the schema of their bodies.
pub fn responses(error: &Value) -> Map<String, Value> {
    let response = |response: &ErrorResponse| {
        let mut described = json!({
            "description": response.meaning(),
            "content": {"application/json": {"schema": error}},
        });
        if *response == ErrorResponse::TooManyLogins {
            let seconds = json!({"description": "Seconds to wait.", "schema": {"type": "integer"}});
            described["headers"] = json!({"Retry-After": seconds});
        }
        (response.name().to_owned(), described)
    };
    let unchanged = json!({"description": "The answer is the one that `If-None-Match` names. For a single channel or client \
        key, and for the configuration, that means the stored object: its health and last use may have changed."});
    let unchanged = ("NotModified".to_owned(), unchanged);
    ErrorResponse::ALL
        .iter()
        .map(response)
        .chain([unchanged])
        .collect()
}
