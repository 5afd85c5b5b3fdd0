//! The query of a URL. Owns the syntax of query parameters, not what they mean.

use http::Uri;
use url::form_urlencoded;

use crate::config::validate::short_name;
use crate::error::{ErrorCode, GatewayError};
use crate::problem::{ExpectedType, Problem, ProblemKind};
use crate::time_text;
use crate::units::Timestamp;

/// The values of the parameters that a call knows, in the order of `known`. A parameter that it does not know is
/// refused, since it is most often a misspelt one, and so is one that comes twice.
pub fn read<const N: usize>(
    uri: &Uri,
    known: [&'static str; N],
) -> Result<[Option<String>; N], GatewayError> {
    let mut values = [const { None }; N];
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let place = known.iter().position(|known| *known == name);
        let slot = place.and_then(|place| values.get_mut(place));
        match slot {
            Some(slot @ None) => *slot = Some(value.into_owned()),
            Some(Some(_)) => return Err(problem(&name, ProblemKind::RepeatedParameter)),
            None => {
                let known = known.to_vec();
                return Err(problem(&name, ProblemKind::UnknownParameter { known }));
            }
        }
    }
    Ok(values)
}

/// A parameter that is on, off, or not there.
pub fn boolean(name: &str, value: Option<&str>) -> Result<bool, GatewayError> {
    match value {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let expected = ExpectedType::Boolean;
            Err(problem(name, ProblemKind::WrongType { expected }))
        }
    }
}

/// The error of a parameter that cannot be taken.
pub fn invalid(name: &str, rule: &str) -> GatewayError {
    let rule = rule.to_owned();
    problem(name, ProblemKind::InvalidParameter { rule })
}

fn problem(name: &str, kind: ProblemKind) -> GatewayError {
    let name = short_name(name);
    ErrorCode::InvalidValue
        .error(format!("The parameter `{name}` {kind}."))
        .with_param(name.clone())
        .with_details(vec![Problem::new(name, kind)])
}

/// A parameter that is a time, if it is there.
pub fn time(name: &str, value: Option<&str>) -> Result<Option<Timestamp>, GatewayError> {
    let Some(text) = value else {
        return Ok(None);
    };
    match time_text::parse(text) {
        Some(time) => Ok(Some(time)),
        None => Err(invalid(
            name,
            "must be an RFC 3339 time such as 2027-01-31T00:00:00Z",
        )),
    }
}
