//! The other end of a request's connection, as the host knows it. Owns the type: hosts fill it in, and the admin API alone
//! reads it, from the request's extensions.

use std::net::IpAddr;

use http::request::Parts;
use http::uri::{Authority, Scheme};

/// What the host knows about a request's connection. None of it may come from a header that a client can set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address that the connection comes from: the client's, or that of the last reverse proxy. Failed logins are
    /// counted per address. `None` where the host does not know it: then all clients share one count.
    pub address: Option<IpAddr>,
    /// The scheme of the connection; cookies of `https` are marked as secure.
    pub scheme: Option<Scheme>,
    /// The name that the client called, for requests without a `host` header (HTTP/2 has `:authority` instead). Browsers
    /// may use the admin API from this origin only.
    pub authority: Option<Authority>,
}

impl Peer {
    /// The peer of a request; `None` where the host set none.
    pub fn of(head: &Parts) -> Option<&Self> {
        head.extensions.get()
    }
}
