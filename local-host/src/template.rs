//! Templates of the manifest: `{{ name }}` is replaced by a variable. Owns their grammar; knows no file and no
//! environment.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// Replaces every `{{ name }}` of `text` by the variable's value.
///
/// # Errors
/// An unclosed `{{`, or a name that `variables` lacks.
pub fn resolve(text: &str, variables: &BTreeMap<String, String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            bail!("{text:?} opens a template with {{{{ and does not close it");
        };
        let name = name.trim();
        match variables.get(name) {
            Some(value) => out.push_str(value),
            None => {
                bail!("{text:?} names the variable {name:?}, which [variables] does not declare")
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_with(text: &str) -> Result<String> {
        let variables = [("a", "1"), ("b_c", "{{ a }}")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        resolve(text, &variables.into())
    }

    #[test]
    fn names_are_replaced_once() {
        assert_eq!(resolve_with("").unwrap(), "");
        assert_eq!(resolve_with("x{{a}}y{{ a }}").unwrap(), "x1y1");
        assert_eq!(
            resolve_with("{{ b_c }}").unwrap(),
            "{{ a }}",
            "values are not templates"
        );
        assert_eq!(resolve_with("{ a }").unwrap(), "{ a }");
    }

    #[test]
    fn mistakes_are_reported() {
        assert!(
            resolve_with("{{ a")
                .unwrap_err()
                .to_string()
                .contains("close")
        );
        assert!(
            resolve_with("{{ z }}")
                .unwrap_err()
                .to_string()
                .contains("\"z\"")
        );
    }
}
