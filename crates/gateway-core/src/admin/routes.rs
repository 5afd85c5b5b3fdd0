//! All routes of the admin API, in one place. Owns paths and methods, not what they do.

/// Where the API lives.
const ROOT: &str = "/admin/api/";

/// A path of the API, without the id in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Where sessions begin.
    Login,
    /// Where the session of the request ends.
    Logout,
    /// The session of the request.
    Session,
    /// All channels.
    Channels,
    /// One channel.
    Channel,
    /// A real call to a channel's upstream.
    ChannelTest,
    /// The models that a channel's upstream has.
    ChannelModels,
    /// The models that the upstream of a channel would have that is not stored yet.
    Models,
    /// All client keys.
    Keys,
    /// One client key.
    Key,
    /// What a client key has used of its limits.
    Allowance,
    /// The whole configuration.
    Config,
    /// Who would answer a request.
    Route,
    /// How all upstreams are.
    Status,
    /// What was used.
    Usage,
    /// The request log.
    Requests,
    /// The description of all of this.
    OpenApi,
}

/// Every path below the root, with its methods as `Allow` has them. `{id}` stands for one id.
pub const ROUTES: &[(&str, Resource, &str)] = &[
    ("login", Resource::Login, "POST"),
    ("logout", Resource::Logout, "POST"),
    ("session", Resource::Session, "GET, HEAD"),
    ("channels", Resource::Channels, "GET, HEAD, POST"),
    (
        "channels/{id}",
        Resource::Channel,
        "GET, HEAD, PATCH, DELETE",
    ),
    ("channels/{id}/test", Resource::ChannelTest, "POST"),
    ("channels/{id}/models", Resource::ChannelModels, "GET, HEAD"),
    ("models", Resource::Models, "POST"),
    ("keys", Resource::Keys, "GET, HEAD, POST"),
    ("keys/{id}", Resource::Key, "GET, HEAD, PATCH, DELETE"),
    ("keys/{id}/allowance", Resource::Allowance, "GET, HEAD"),
    ("config", Resource::Config, "GET, HEAD, PUT"),
    ("route", Resource::Route, "GET, HEAD"),
    ("status", Resource::Status, "GET, HEAD"),
    ("usage", Resource::Usage, "GET, HEAD"),
    ("requests", Resource::Requests, "GET, HEAD"),
    ("openapi.json", Resource::OpenApi, "GET, HEAD"),
];

/// A path that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundPath<'p> {
    /// What it is.
    pub place: Resource,
    /// The id in it; empty where there is none.
    pub id: &'p str,
    /// The methods that it has.
    pub methods: &'static str,
}

/// Finds the route of a path.
pub fn find(path: &str) -> Option<FoundPath<'_>> {
    let path = path.strip_prefix(ROOT)?;
    ROUTES.iter().find_map(|(pattern, place, methods)| {
        Some(FoundPath {
            place: *place,
            id: id_in(pattern, path)?,
            methods,
        })
    })
}

/// The id in a path that has the pattern's form: empty where the pattern has none; `None` when the form differs.
fn id_in<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = pattern.split_once("{id}") else {
        return (pattern == path).then_some("");
    };
    let id = path.strip_prefix(before)?.strip_suffix(after)?;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!id.is_empty() && id.bytes().all(is_id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::admin::OPENAPI;

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(
            format!("{}/", document["servers"][0]["url"].as_str().unwrap()),
            ROOT
        );
        let methods_of = |path: &Value| -> BTreeSet<String> {
            let members = path.as_object().unwrap().keys();
            members
                .filter(|name| *name != "parameters")
                .map(|name| name.to_uppercase())
                .collect()
        };
        let described: BTreeSet<(String, BTreeSet<String>)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, item)| (path.clone(), methods_of(item)))
            .collect();
        // What is said of GET holds for HEAD.
        let methods = |allow: &str| -> BTreeSet<String> {
            let names = allow.split(", ").filter(|name| *name != "HEAD");
            names.map(str::to_owned).collect()
        };
        let routed: BTreeSet<_> = ROUTES
            .iter()
            .map(|(pattern, _, allow)| (format!("/{pattern}"), methods(allow)))
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn ids_are_found_in_their_place_and_nowhere_else() {
        assert_eq!(id_in("channels/{id}", "channels/ch_1"), Some("ch_1"));
        assert_eq!(
            id_in("channels/{id}/test", "channels/ch_1/test"),
            Some("ch_1")
        );
        assert_eq!(id_in("channels", "channels"), Some(""));
        for path in [
            "channels/",
            "channels/a/b",
            "channels/a-b",
            "channels//test",
            "channels",
        ] {
            assert_eq!(id_in("channels/{id}", path), None, "{path}");
        }
        assert_eq!(find("/admin/api/nothing"), None);
        assert_eq!(find("/admin/apichannels"), None);
    }
}
