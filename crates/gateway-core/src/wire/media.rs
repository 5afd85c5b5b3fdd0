//! What a request's body is, by its `Content-Type`: JSON or a form. Owns which spellings are accepted; the upstream
//! must read a body as the same type.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::parameters::{self, Parameters, Unclear};

/// The longest boundary (RFC 2046, 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media<'h> {
    /// Also where there is no content type.
    Json,
    /// A form with its boundary.
    Form(&'h str),
}

/// Why a body is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It is neither JSON nor a form.
    Unsupported(&'static str),
    /// It is a form, but parsers differ in where its parts begin.
    Ambiguous(&'static str),
}

/// The content type without its parameters, as it is written; empty where there is none.
pub fn essence(headers: &HeaderMap) -> &str {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let value = value.unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// What the body of a request is.
pub fn of(headers: &HeaderMap) -> Result<Media<'_>, NotTaken> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else {
        return Ok(Media::Json);
    };
    if values.next().is_some() {
        return Err(NotTaken::Unsupported("there are two content types"));
    }
    let text = value.to_str().unwrap_or_default();
    let (essence, parameters) = parameters::split(text.as_bytes());
    if essence.eq_ignore_ascii_case(b"multipart/form-data") {
        return boundary(text, parameters).map(Media::Form);
    }
    if !essence.eq_ignore_ascii_case(b"application/json") {
        return Err(NotTaken::Unsupported("the content type is another one"));
    }
    if is_utf8(parameters) {
        Ok(Media::Json)
    } else {
        Err(NotTaken::Unsupported("the charset is not UTF-8"))
    }
}

/// The content type for the upstream: the client's, if it contains only what [`of`] has understood, in lower case,
/// since some parsers are case-sensitive.
pub fn for_upstream(headers: &HeaderMap) -> HeaderValue {
    let said = headers.get(CONTENT_TYPE).filter(|value| {
        let (essence, mut parameters) = parameters::split(value.as_bytes());
        let is_charset = |name: &[u8]| name.eq_ignore_ascii_case(b"charset");
        match essence {
            b"multipart/form-data" => parameters.all(|parameter| parameter.is_ok()),
            b"application/json" => {
                parameters.all(|parameter| parameter.is_ok_and(|found| is_charset(found.name)))
            }
            _ => false,
        }
    });
    if let Some(said) = said {
        return said.clone();
    }
    let form = match of(headers) {
        Ok(Media::Form(boundary)) => Some(format!("multipart/form-data; boundary=\"{boundary}\"")),
        _ => None,
    };
    form.and_then(|text| HeaderValue::try_from(text).ok())
        .unwrap_or(HeaderValue::from_static("application/json"))
}

/// Whether no parameter declares another charset for JSON.
fn is_utf8(mut parameters: Parameters<'_>) -> bool {
    parameters.all(|parameter| {
        parameter.map_or(true, |found| {
            !found.name.eq_ignore_ascii_case(b"charset")
                || found.value.eq_ignore_ascii_case(b"utf-8")
                || found.value.eq_ignore_ascii_case(b"utf8")
        })
    })
}

fn boundary<'h>(text: &'h str, parameters: Parameters<'_>) -> Result<&'h str, NotTaken> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    // Some clients leave out the quotes that a boundary such as `===1===` needs; the upstream gets it with them.
    let bare = text
        .split_once(';')
        .and_then(|(_, rest)| rest.trim().strip_prefix("boundary="))
        .filter(|rest| rest.bytes().all(is_plain));
    let found = match bare {
        Some(bare) => Some(bare),
        None => plain_boundary(text, parameters)?,
    };
    let found = found.ok_or(NotTaken::Ambiguous("the content type has no boundary"))?;
    if (1..=MAX_BOUNDARY_BYTES).contains(&found.len()) && found.bytes().all(is_plain) {
        Ok(found)
    } else {
        Err(NotTaken::Ambiguous("the boundary is not one by RFC 2046"))
    }
}

/// The boundary among well-formed parameters.
fn plain_boundary<'h>(
    text: &'h str,
    parameters: Parameters<'_>,
) -> Result<Option<&'h str>, NotTaken> {
    let mut found: Option<&str> = None;
    for parameter in parameters {
        let parameter = parameter.map_err(|Unclear| {
            NotTaken::Ambiguous("the content type's parameters are not plainly spelled")
        })?;
        match parameter.name {
            b"boundary" if found.is_some() => {
                return Err(NotTaken::Ambiguous("there are two boundaries"));
            }
            b"boundary" => found = text_of(text, parameter.value),
            // Some clients name the charset of their fields.
            name if name.eq_ignore_ascii_case(b"charset")
                && parameter.value.eq_ignore_ascii_case(b"utf-8") => {}
            _ => {
                return Err(NotTaken::Ambiguous(
                    "the content type has a parameter other than `boundary`",
                ));
            }
        }
    }
    Ok(found)
}

/// The part of the text that a value comes from.
fn text_of<'h>(text: &'h str, value: &[u8]) -> Option<&'h str> {
    let start = (value.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    text.get(start..start + value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let line = |value: &&str| (CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
        values.iter().map(line).collect()
    }

    #[test]
    fn json_and_forms_are_taken() {
        for (values, media) in [
            (&[][..], Media::Json),
            (&["application/json"], Media::Json),
            (&["Application/JSON ; Charset=\"UTF-8\""], Media::Json),
            (&["application/json;"], Media::Json),
            (&["application/json; charset=utf8; x=y"], Media::Json),
            (&["multipart/form-data; boundary=a-'b"], Media::Form("a-'b")),
            (
                &["multipart/form-data; boundary====1==="],
                Media::Form("===1==="),
            ),
            (
                &["Multipart/Form-Data; charset=utf-8; boundary=\"a:b=\""],
                Media::Form("a:b="),
            ),
        ] {
            assert_eq!(of(&headers(values)), Ok(media), "{values:?}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for values in [
            &[""][..],
            &["text/plain"],
            &["text/json"],
            &["application/x-www-form-urlencoded"],
            &["application/octet-stream"],
            &["application/json, multipart/form-data; boundary=x"],
            &["application/json; charset=utf-16"],
            &["application/json; charset=utf-8; charset=utf-7"],
            &["application/json\u{e9}"],
            &["multipart/mixed; boundary=x"],
            &["application/json", "multipart/form-data; boundary=x"],
            &["application/json", "application/json"],
        ] {
            let headers = headers(values);
            let refused = of(&headers);
            assert!(
                matches!(refused, Err(NotTaken::Unsupported(_))),
                "{values:?}: {refused:?}"
            );
        }
        for value in [
            "multipart/form-data",
            "multipart/form-data;",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=a; boundary=b",
            "multipart/form-data; boundary=a; BOUNDARY=b",
            "multipart/form-data; Boundary=a",
            "multipart/form-data; boundary*=utf-8''a",
            "multipart/form-data; boundary=a; boundary*=utf-8''b",
            "multipart/form-data; boundary*0=a; boundary*1=b",
            "multipart/form-data; boundary=\"a b\"",
            "multipart/form-data; boundary=\"a\\b\"",
            "multipart/form-data; boundary=a b",
            "multipart/form-data; boundary=a, text/plain; boundary=b",
            "multipart/form-data; charset=utf-16; boundary=a",
        ] {
            let headers = headers(&[value]);
            let refused = of(&headers);
            assert!(
                matches!(refused, Err(NotTaken::Ambiguous(_))),
                "{value:?}: {refused:?}"
            );
        }
    }

    #[test]
    fn the_upstream_hears_nothing_that_was_not_understood() {
        for (values, sent) in [
            (&[][..], "application/json"),
            (
                &["application/json; charset=utf-8"],
                "application/json; charset=utf-8",
            ),
            (&["application/json; boundary=x"], "application/json"),
            (&["application/json;"], "application/json"),
            (
                &["multipart/form-data; boundary====1==="],
                "multipart/form-data; boundary=\"===1===\"",
            ),
            (&["Application/JSON"], "application/json"),
            (
                &["Multipart/Form-Data; boundary=\"x:\""],
                "multipart/form-data; boundary=\"x:\"",
            ),
            (
                &["multipart/form-data; boundary=x"],
                "multipart/form-data; boundary=x",
            ),
        ] {
            assert_eq!(for_upstream(&headers(values)), sent, "{values:?}");
        }
    }
}
