//! All routes of the admin API, in one place. Owns paths and methods, not what they do.

/// Where the API lives.
const ROOT: &str = "/admin/api/";

/// A path of the API, without the id in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
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
    /// All client keys.
    Keys,
    /// One client key.
    Key,
    /// The whole configuration.
    Config,
    /// Who would answer a request.
    Route,
    /// How all upstreams are.
    Status,
}

/// Every path below the root, with its methods as `Allow` has them. `{id}` stands for one id.
pub const ROUTES: &[(&str, Place, &str)] = &[
    ("login", Place::Login, "POST"),
    ("logout", Place::Logout, "POST"),
    ("session", Place::Session, "GET, HEAD"),
    ("channels", Place::Channels, "GET, HEAD, POST"),
    ("channels/{id}", Place::Channel, "GET, HEAD, PATCH, DELETE"),
    ("channels/{id}/test", Place::ChannelTest, "POST"),
    ("channels/{id}/models", Place::ChannelModels, "GET, HEAD"),
    ("keys", Place::Keys, "GET, HEAD, POST"),
    ("keys/{id}", Place::Key, "GET, HEAD, PATCH, DELETE"),
    ("config", Place::Config, "GET, HEAD, PUT"),
    ("route", Place::Route, "GET, HEAD"),
    ("status", Place::Status, "GET, HEAD"),
];

/// A path that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'p> {
    /// What it is.
    pub place: Place,
    /// The id in it; empty where there is none.
    pub id: &'p str,
    /// The methods that it has.
    pub methods: &'static str,
}

/// Finds the route of a path.
pub fn find(path: &str) -> Option<Found<'_>> {
    let path = path.strip_prefix(ROOT)?;
    ROUTES.iter().find_map(|(pattern, place, methods)| {
        Some(Found {
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
    use super::*;

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
