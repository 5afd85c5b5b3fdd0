//! What a user may do and what a user is called, by the claims of the provider. Pure.

use serde_json::{Map, Value};

use crate::admin::principal::Role;
use crate::admin::session_token::MAX_NAME_BYTES;

/// What the provider says of a user.
pub type Claims = Map<String, Value>;

/// In a list of values: everybody with an account at the provider.
const EVERYBODY: &str = "*";
const EMAIL: &str = "email";

/// Which values of the role claim make which role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleMap {
    /// The claim's name, or its path: names with dots between them.
    pub claim: String,
    /// Values that make an owner.
    pub owner: Vec<String>,
    /// Values that make an admin.
    pub admin: Vec<String>,
    /// Values that make a viewer.
    pub viewer: Vec<String>,
}

impl RoleMap {
    /// Whether nobody can have any role.
    pub const fn is_empty(&self) -> bool {
        self.owner.is_empty() && self.admin.is_empty() && self.viewer.is_empty()
    }

    /// Whether the claims have the role claim.
    pub fn is_in(&self, claims: &Claims) -> bool {
        find(claims, &self.claim).is_some()
    }

    /// The highest role that the claims make.
    pub fn role(&self, claims: &Claims) -> Option<Role> {
        let values = self.values(claims);
        let makes = |list: &[String]| {
            let mut list = list.iter();
            list.any(|one| one == EVERYBODY || values.contains(&one.as_str()))
        };
        [
            (Role::Owner, &self.owner),
            (Role::Admin, &self.admin),
            (Role::Viewer, &self.viewer),
        ]
        .into_iter()
        .find_map(|(role, list)| makes(list).then_some(role))
    }

    fn values<'c>(&self, claims: &'c Claims) -> Vec<&'c str> {
        // At many providers users write any address into their profile.
        if self.claim == EMAIL && !is_true(claims.get("email_verified")) {
            return Vec::new();
        }
        match find(claims, &self.claim) {
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            // Zitadel's roles are the names of members.
            Some(Value::Object(members)) => members
                .iter()
                .filter(|(_, value)| value.is_object())
                .map(|(name, _)| name.as_str())
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The value at a path such as `realm_access.roles`. Names may have dots themselves, as those of Auth0 do, which are URLs.
fn find<'c>(claims: &'c Claims, path: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let inner = claims.get(path.get(..dot)?)?.as_object()?;
        find(inner, path.get(dot + 1..)?)
    })
}

fn is_true(value: Option<&Value>) -> bool {
    // Some providers write booleans as texts.
    value.is_some_and(|value| value == &Value::Bool(true) || value == "true")
}

/// What a user is called in the panel and in the audit log: the first of these claims that has a text, or the subject.
pub fn display_name(claims: &Claims) -> String {
    let names = [EMAIL, "preferred_username", "name", "sub"];
    let mut names = names.iter().filter_map(|name| claims.get(*name)?.as_str());
    names
        .find_map(|name| Some(shown(name)).filter(|name| !name.is_empty()))
        .unwrap_or_default()
}

/// The text without what could make it look like another one: control characters, and those that turn the direction.
fn shown(text: &str) -> String {
    let is_hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut shown = String::new();
    for letter in text.trim().chars().filter(|letter| !is_hidden(*letter)) {
        if shown.len() + letter.len_utf8() > MAX_NAME_BYTES {
            break;
        }
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(claim: &str) -> RoleMap {
        let list = |text: &str| vec![text.to_owned()];
        RoleMap {
            claim: claim.to_owned(),
            owner: list("o"),
            admin: list("a"),
            viewer: list("v"),
        }
    }

    fn role(claim: &str, claims: &Value) -> Option<Role> {
        map(claim).role(claims.as_object().unwrap())
    }

    #[test]
    fn claims_are_found_where_providers_put_them() {
        for (claim, claims) in [
            ("roles", json!({"roles": ["x", "a"]})),
            ("roles", json!({"roles": "a"})),
            (
                "realm_access.roles",
                json!({"realm_access": {"roles": ["a"]}}),
            ),
            (
                "resource_access.my.client.roles",
                json!({"resource_access": {"my": 1, "my.client": {"roles": ["a"]}}}),
            ),
            (
                "https://example.com/roles",
                json!({"https://example.com/roles": ["a"]}),
            ),
            (
                "urn:zitadel:iam:org:project:roles",
                json!({"urn:zitadel:iam:org:project:roles": {"a": {"1": "x"}}}),
            ),
        ] {
            assert_eq!(role(claim, &claims), Some(Role::Admin), "{claims}");
        }
    }

    #[test]
    fn what_is_no_exact_value_makes_no_role() {
        for claims in [
            json!({}),
            json!({"roles": null}),
            json!({"roles": []}),
            json!({"roles": ["A", " a", "a,v", "", "*", 1, ["a"]]}),
            json!({"roles": "o a v"}),
            json!({"roles": {"o": false, "a": true}}),
            json!({"role": "a", "Roles": ["a"]}),
        ] {
            assert_eq!(role("roles", &claims), None, "{claims}");
        }
        for path in ["", ".", "..", "roles.", ".roles", "roles.x"] {
            assert_eq!(role(path, &json!({"roles": ["a"]})), None, "{path}");
        }
    }

    #[test]
    fn the_highest_role_counts() {
        let claims = json!({"roles": ["v", "o", "a"]});
        assert_eq!(role("roles", &claims), Some(Role::Owner));
    }

    #[test]
    fn everybody_can_be_a_viewer_also_without_the_claim() {
        let mut map = map("roles");
        map.viewer = vec!["*".to_owned()];
        let role = |claims: Value| map.role(claims.as_object().unwrap());
        assert_eq!(role(json!({})), Some(Role::Viewer));
        assert_eq!(role(json!({"roles": ["o"]})), Some(Role::Owner));
    }

    #[test]
    fn an_address_counts_only_if_the_provider_has_verified_it() {
        for (verified, expected) in [
            (json!(true), Some(Role::Admin)),
            (json!("true"), Some(Role::Admin)),
            (json!(false), None),
            (json!(null), None),
            (json!(1), None),
        ] {
            let claims = json!({"email": "a", "email_verified": verified});
            assert_eq!(role("email", &claims), expected, "{claims}");
        }
        assert_eq!(role("email", &json!({"email": "a"})), None);
    }

    #[test]
    fn names_are_bounded_and_without_tricks() {
        let name = |claims: Value| display_name(claims.as_object().unwrap());
        assert_eq!(
            name(json!({"sub": "1", "name": "Anna", "email": " a@b.c "})),
            "a@b.c"
        );
        assert_eq!(
            name(json!({"sub": "1", "email": "\u{202e}\n", "name": "Anna"})),
            "Anna"
        );
        assert_eq!(name(json!({"sub": "1", "email": 7})), "1");
        let long = name(json!({"sub": "1", "name": "ä".repeat(400)}));
        assert_eq!(long.len(), MAX_NAME_BYTES - 1);
    }
}
