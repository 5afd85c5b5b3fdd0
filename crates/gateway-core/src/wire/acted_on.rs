//! The names of what the gateway acts on in a request: members of JSON, fields of forms. Owns the check whether a body
//! has one of them in a spelling that another parser reads as the same: Go's ignores case, the last or the first of two
//! may count, C programs end a text at its first NUL.

use std::collections::HashMap;

use super::members::Members;
use super::multipart::{Charset, Field, Form};

/// A name that looks like one that is acted on, cut to a length that fits in a message.
const MAX_SHOWN_CHARS: usize = 60;
/// A name of at most so many ASCII characters is folded without memory of its own; nearly all are such names.
const SHORT_BYTES: usize = 64;

/// Names that are acted on.
#[derive(Clone, Debug, Default)]
pub struct ActedOn {
    /// The spellings that mean it, by their case-folded form.
    exact: HashMap<String, Vec<String>>,
    /// The longest of those, in characters.
    longest: usize,
}

/// Why a body is ambiguous, and the name that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    /// The name that is acted on.
    pub name: String,
    /// What is wrong, for a person.
    pub reason: String,
}

impl ActedOn {
    /// The given names; duplicates are allowed.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut acted_on = Self::default();
        for name in names {
            acted_on.add(name);
        }
        acted_on
    }

    /// Adds a name.
    pub fn add(&mut self, name: &str) {
        let folded = fold(name.chars(), usize::MAX);
        self.longest = self.longest.max(folded.chars().count());
        let exact = self.exact.entry(folded).or_default();
        if !exact.iter().any(|known| known == name) {
            exact.push(name.to_owned());
        }
    }

    /// Checks that each of the names occurs at most once among the members, and none in another spelling.
    pub fn check(&self, members: &Members<'_>) -> Result<(), Ambiguity> {
        let mut seen: Vec<&str> = Vec::new();
        for name in members.names() {
            let Some((folded, exact)) = self.alike(name.clone().flatten()) else {
                continue;
            };
            if !exact
                .iter()
                .any(|exact| name.clone().eq(exact.chars().map(Some)))
            {
                let shown: String = name.flatten().take(MAX_SHOWN_CHARS).collect();
                return Err(ambiguity(
                    folded,
                    format!("the member {shown:?} looks like `{folded}`"),
                ));
            }
            if seen.contains(&folded) {
                return Err(ambiguity(
                    folded,
                    format!("the member `{folded}` appears twice"),
                ));
            }
            seen.push(folded);
        }
        Ok(())
    }

    /// The same for a form's fields, which also must be plain text.
    pub fn check_form(&self, form: &Form<'_>) -> Result<(), Ambiguity> {
        let mut seen: Vec<&str> = Vec::new();
        for field in form.fields() {
            if field.name == "_charset_" {
                return Err(ambiguity("_charset_", "it names a charset".to_owned()));
            }
            // Some parsers decode names, or read `model[]` as `model`.
            let decoded = percent_encoding::percent_decode_str(field.name).decode_utf8_lossy();
            let plain = decoded.trim().split('[').next().unwrap_or_default();
            let Some((folded, exact)) = self.alike(plain.chars()) else {
                continue;
            };
            if !exact.iter().any(|name| name == field.name) {
                let shown: String = field.name.chars().take(MAX_SHOWN_CHARS).collect();
                return Err(ambiguity(
                    folded,
                    format!("the field {shown:?} looks like `{folded}`"),
                ));
            }
            if seen.contains(&folded) {
                return Err(ambiguity(
                    folded,
                    format!("the field `{folded}` appears twice"),
                ));
            }
            seen.push(folded);
            if !is_plain_text(&field) {
                return Err(ambiguity(
                    folded,
                    format!("the field `{folded}` is no plain text"),
                ));
            }
        }
        Ok(())
    }

    /// A name with its case folded, and the spellings that mean it, if the gateway acts on it.
    fn alike(&self, name: impl Iterator<Item = char> + Clone) -> Option<(&str, &[String])> {
        let mut short = [0_u8; SHORT_BYTES];
        let known = match short_fold(name.clone(), self.longest, &mut short) {
            Some(folded) => self.exact.get_key_value(folded),
            None => self.exact.get_key_value(&fold(name, self.longest)),
        };
        known.map(|(folded, exact)| (folded.as_str(), exact.as_slice()))
    }
}

/// What [`fold`] makes of a name of ASCII characters that has room in `short`.
fn short_fold(
    name: impl Iterator<Item = char>,
    most: usize,
    short: &mut [u8; SHORT_BYTES],
) -> Option<&str> {
    let name = name.take_while(|character| *character != '\0');
    let mut length = 0;
    for character in name.take(most.saturating_add(1)) {
        let byte = u8::try_from(character).ok().filter(u8::is_ascii)?;
        *short.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    std::str::from_utf8(short.get(..length)?).ok()
}

/// A name with its case folded, up to its first NUL; at most one character more than `most`.
fn fold(name: impl Iterator<Item = char>, most: usize) -> String {
    name.take_while(|character| *character != '\0')
        .flat_map(char::to_lowercase)
        // Case mapping is not one to one: `ſ` and `s` share an uppercase letter, the kelvin sign and `k` a lowercase
        // one.
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .take(most.saturating_add(1))
        .collect()
}

/// Whether every parser reads the same characters.
fn is_plain_text(field: &Field<'_>) -> bool {
    let is_text = match field.charset {
        Some(Charset::Utf8) => std::str::from_utf8(field.value).is_ok(),
        Some(Charset::LikeAscii) => field.value.is_ascii(),
        None => false,
    };
    is_text && !field.is_file && !field.value.iter().any(u8::is_ascii_control)
}

fn ambiguity(name: &str, reason: String) -> Ambiguity {
    Ambiguity {
        name: name.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acted_on() -> ActedOn {
        ActedOn::new(["model", "stream", "prompt_cache_key", "Thinking"])
    }

    #[test]
    fn members_that_another_parser_takes_for_the_same_are_refused() {
        let check = |body: &str| acted_on().check(&Members::parse(body.as_bytes()).unwrap());
        for body in [
            r#"{"model":"a","Model":"b"}"#,
            r#"{"MODEL":"b"}"#,
            r#"{"model":"a","model":"a"}"#,
            r#"{"mod\u0065l":"a","model":"a"}"#,
            r#"{"\u004dodel":"a"}"#,
            "{\"\u{17f}tream\":true}",
            r#"{"\u017ftream":true}"#,
            "{\"prompt_cache_\u{212a}ey\":1}",
            r#"{"model\u0000":"a"}"#,
            r#"{"model\u0000x":"a","model":"b"}"#,
            r#"{"thinking":1}"#,
        ] {
            assert!(check(body).is_err(), "{body}");
        }
        for body in [
            r#"{"m\u006fdel":"a"}"#,
            r#"{"model":"a","x":{"Model":"b","model":"c","model":"d"}}"#,
            r#"{"model":"a","modelx":1,"mode":1," model":1,"x":1,"x":2,"Thinking":1}"#,
        ] {
            assert_eq!(check(body), Ok(()), "{body}");
        }
        let said = check(r#"{"Model":"b"}"#).unwrap_err();
        assert_eq!(
            (said.name.as_str(), said.reason.as_str()),
            ("model", "the member \"Model\" looks like `model`")
        );
    }

    #[test]
    fn the_same_of_fields_which_must_be_plain_text() {
        let check = |head: &str, value: &str| {
            let body = format!(
                "--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n--b--\r\n"
            );
            acted_on().check_form(&Form::parse("b", body.as_bytes()).unwrap())
        };
        for head in [
            "name=Model",
            "name=\"mod%65l\"",
            "name=\"model[]\"",
            "name=\" model\"",
            "name=_charset_",
            "name=model; filename=x",
            "name=model; filename*=utf-8''x",
            "name=model\r\nContent-Type: application/octet-stream",
            "name=model\r\nContent-Type: text/plain; charset=utf-16",
            "name=model\r\nContent-Type: text/html",
        ] {
            assert!(check(head, "m").is_err(), "{head}");
        }
        for head in [
            "name=model",
            "name=\"model\"\r\nContent-Type: text/plain; charset=UTF-8",
            "name=model\r\ncontent-type: text/plain;charset=ISO-8859-1",
            "name=other; filename=model\r\nContent-Type: application/octet-stream",
        ] {
            assert_eq!(check(head, "m"), Ok(()), "{head}");
        }
        assert!(check("name=model", "a\r\nb").is_err() && check("name=model", "a\0b").is_err());
        let latin = "name=model\r\nContent-Type: text/plain; charset=iso-8859-1";
        assert!(check(latin, "\u{e9}").is_err() && check("name=model", "\u{e9}").is_ok());
    }
}
