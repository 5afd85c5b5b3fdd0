//! What a channel changes in the parameters of JSON bodies, in this order: some are renamed, some are dropped, and some
//! are added where they are missing. Owns that order, and what happens when two of these meet; the edits themselves are
//! [`super::members`]'s.

use std::borrow::Cow;

use super::members::{MemberEdit, Members};

/// The changes of one channel, prepared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyParams {
    /// The client's name of a parameter, and the upstream's.
    pub renamed: Vec<(String, String)>,
    /// Parameters that are removed, by the upstream's names. Forms have these only.
    pub dropped: Vec<String>,
    /// Parameters that are added where they are missing, with their values as JSON.
    pub defaults: Vec<(String, String)>,
}

impl BodyParams {
    /// Whether JSON bodies stay as they are.
    pub const fn is_empty(&self) -> bool {
        self.renamed.is_empty() && self.dropped.is_empty() && self.defaults.is_empty()
    }

    /// Every name that this acts on.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let renamed = self.renamed.iter().flat_map(|(from, to)| [from, to]);
        let defaults = self.defaults.iter().map(|(name, _)| name);
        let names = renamed.chain(&self.dropped).chain(defaults);
        names.map(String::as_str)
    }

    /// Whether a parameter is removed.
    pub fn drops(&self, name: &str) -> bool {
        self.dropped.iter().any(|dropped| dropped == name)
    }

    /// The edits of a body. `own`: the member that the gateway itself sets, which comes before all of these.
    pub fn edits<'a>(
        &'a self,
        members: &Members<'_>,
        own: Option<(&'a str, &'a str)>,
    ) -> Vec<MemberEdit<'a>> {
        let mut edits: Vec<MemberEdit<'a>> = Vec::new();
        // Of several edits of one member the first one counts.
        edits.extend(own.map(|(name, value)| MemberEdit::Set(name, Cow::Borrowed(value))));
        let is_own = |name: &str| own.is_some_and(|(own, _)| own == name);
        let mut produced: Vec<&str> = Vec::new();
        for (from, to) in &self.renamed {
            if !members.has(from) || is_own(from) {
                continue;
            }
            // A body must not get a member twice: what it has under the upstream's name already stays.
            let is_taken = members.has(to) || is_own(to) || produced.contains(&to.as_str());
            if is_taken || self.drops(to) {
                edits.push(MemberEdit::Remove(from));
            } else {
                edits.push(MemberEdit::Rename(from, to));
                produced.push(to);
            }
        }
        for (name, value) in &self.defaults {
            let is_there = (members.has(name) && !self.drops(name)) || is_own(name);
            if !is_there && !produced.contains(&name.as_str()) {
                edits.push(MemberEdit::Set(name, Cow::Borrowed(value)));
            }
        }
        edits.extend(self.dropped.iter().map(|name| MemberEdit::Remove(name)));
        edits
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn params(renamed: &[(&str, &str)], dropped: &[&str], defaults: &[(&str, &str)]) -> BodyParams {
        let pairs = |list: &[(&str, &str)]| {
            let owned = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
            list.iter().map(owned).collect()
        };
        BodyParams {
            renamed: pairs(renamed),
            dropped: dropped.iter().map(|name| (*name).to_owned()).collect(),
            defaults: pairs(defaults),
        }
    }

    fn changed(params: &BodyParams, body: &str, own: Option<(&str, &str)>) -> String {
        let members = Members::parse(body.as_bytes()).unwrap();
        let edited = members.rewrite(&params.edits(&members, own));
        edited.map_or_else(
            || body.to_owned(),
            |bytes| String::from_utf8(bytes).unwrap(),
        )
    }

    #[test]
    fn parameters_are_renamed_then_dropped_then_added() {
        let params = params(
            &[("max_tokens", "max_completion_tokens"), ("a", "b")],
            &["seed", "b", "max_tokens"],
            &[
                ("seed", "7"),
                ("top_k", "40"),
                ("max_completion_tokens", "9"),
            ],
        );
        for (body, expected) in [
            (
                r#"{"max_tokens": 1.0 ,"x":1e3}"#,
                r#"{"max_completion_tokens": 1.0 ,"x":1e3,"seed":7,"top_k":40}"#,
            ),
            (
                r#"{"seed":1, "top_k":null}"#,
                r#"{"seed":7, "top_k":null,"max_completion_tokens":9}"#,
            ),
            (
                r#"{"a":1,"max_completion_tokens":2,"max_tokens":3}"#,
                r#"{"max_completion_tokens":2,"seed":7,"top_k":40}"#,
            ),
            ("{}", r#"{"seed":7,"top_k":40,"max_completion_tokens":9}"#),
        ] {
            assert_eq!(changed(&params, body, None), expected, "{body}");
        }
    }

    #[test]
    fn two_parameters_with_one_new_name_become_one() {
        let params = params(&[("a", "n"), ("b", "n")], &[], &[]);
        assert_eq!(changed(&params, r#"{"b":2,"a":1}"#, None), r#"{"n":1}"#);
    }

    #[test]
    fn the_gateways_own_member_comes_first() {
        let own = Some(("stream_options", "{}"));
        let params = params(
            &[("o", "stream_options")],
            &["stream_options"],
            &[("stream_options", "1")],
        );
        assert_eq!(
            changed(&params, r#"{"o":2}"#, own),
            r#"{"stream_options":{}}"#
        );
        assert_eq!(
            changed(&params, r#"{"stream_options":3}"#, own),
            r#"{"stream_options":{}}"#
        );
    }

    proptest! {
        /// The same as on a parsed object, and no member twice.
        #[test]
        fn edits_mean_what_their_order_says(
            body in prop::collection::btree_map("[a-h]", 0..9_u8, 0..8),
            renamed in prop::collection::btree_map("[a-c]", "[d-h]", 0..3),
            dropped in prop::collection::btree_set("[a-h]", 0..3),
            defaults in prop::collection::btree_map("[d-h]", 10..19_u8, 0..3),
        ) {
            let text = serde_json::to_string(&body).unwrap();
            let mut expected: BTreeMap<String, u8> = body.clone();
            for (from, to) in &renamed {
                if let Some(value) = expected.remove(from) {
                    expected.entry(to.clone()).or_insert(value);
                }
            }
            expected.retain(|name, _| !dropped.contains(name));
            for (name, value) in &defaults {
                expected.entry(name.clone()).or_insert(*value);
            }
            let params = BodyParams {
                renamed: renamed.into_iter().collect(),
                dropped: dropped.into_iter().collect(),
                defaults: defaults.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
            };
            let edited = changed(&params, &text, None);
            let members = Members::parse(edited.as_bytes()).unwrap();
            prop_assert!(members.iter().all(|(name, _)| members.count(&name) == 1), "{edited}");
            prop_assert_eq!(serde_json::from_str::<Value>(&edited).unwrap(), serde_json::json!(expected));
        }
    }
}
