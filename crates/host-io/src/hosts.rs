//! Which hosts may be called: the entries of `allowed_outbound_hosts` with Spin's meaning. No I/O, no names resolved.

use anyhow::{Context, Result, bail, ensure};
use http::Uri;
use url::Host;

/// The entries of one component; a call is allowed when one of them matches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// `None` is any scheme.
    scheme: Option<String>,
    host: HostPattern,
    ports: Ports,
}

#[derive(Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// A domain's suffix, with its leading dot.
    Below(String),
    Exact(Host),
}

#[derive(Debug, PartialEq, Eq)]
enum Ports {
    Any,
    /// First and one past the last, as Spin's `8000..9000` means it.
    Range(u16, u16),
    One(u16),
}

impl AllowedHosts {
    /// Parses the entries, templates already resolved.
    ///
    /// # Errors
    /// The first entry that is not of the form `scheme://host[:port]`.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let parse = |entry: &'a str| {
            Entry::parse(entry.trim()).with_context(|| {
                format!("allowed_outbound_hosts: {entry:?} is not of the form scheme://host[:port], each may be *")
            })
        };
        entries
            .into_iter()
            .map(parse)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Whether a request to `uri` may leave.
    pub fn allow(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return false;
        };
        let Ok(host) = Host::parse(host) else {
            return false;
        };
        let Some(port) = uri.port_u16().or_else(|| default_port(scheme)) else {
            return false;
        };
        self.0
            .iter()
            .any(|entry| entry.matches(scheme, &host, port))
    }
}

impl Entry {
    fn parse(entry: &str) -> Result<Self> {
        let (scheme, rest) = entry.split_once("://").context("the scheme is missing")?;
        ensure!(
            scheme == "*" || (!scheme.is_empty() && scheme.chars().all(char::is_alphabetic)),
            "the scheme may only have letters"
        );
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        ensure!(
            !rest.contains('/'),
            "a path or an address range is not supported"
        );
        // A bracketed IPv6 address contains colons.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let ports = match port {
            None | Some("") => Ports::One(
                default_port(scheme).context("this scheme has no default port: name one")?,
            ),
            Some("*") => Ports::Any,
            Some(range) => Ports::parse(range)?,
        };
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: HostPattern::parse(host)?,
            ports,
        })
    }

    fn matches(&self, scheme: &str, host: &Host, port: u16) -> bool {
        let port_matches = match self.ports {
            Ports::Any => true,
            Ports::One(one) => one == port,
            Ports::Range(first, end) => (first..end).contains(&port),
        };
        port_matches
            && self.scheme.as_deref().is_none_or(|s| s == scheme)
            && self.host.matches(host)
    }
}

impl HostPattern {
    fn parse(host: &str) -> Result<Self> {
        if host == "*" {
            return Ok(Self::Any);
        }
        if let Some(suffix) = host.strip_prefix("*.") {
            return match Host::parse(suffix)? {
                Host::Domain(domain) if !domain.contains('*') => {
                    Ok(Self::Below(format!(".{domain}")))
                }
                _ => bail!("after *. a domain must follow"),
            };
        }
        ensure!(
            !host.contains('*'),
            "* is the whole host or for subdomains (*.example.com)"
        );
        Ok(Self::Exact(Host::parse(host)?))
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Below(_), _) => false,
            (Self::Exact(exact), _) => exact == host,
        }
    }
}

impl Ports {
    fn parse(text: &str) -> Result<Self> {
        let number = |n: &str| {
            n.parse::<u16>()
                .with_context(|| format!("{n:?} is not a port"))
        };
        Ok(match text.split_once("..") {
            Some((first, end)) => Self::Range(number(first)?, number(end)?),
            None => Self::One(number(text)?),
        })
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, uri: &str) -> bool {
        AllowedHosts::parse([entry])
            .unwrap()
            .allow(&uri.parse().unwrap())
    }

    #[test]
    fn hosts_ports_and_schemes_match_as_in_spin() {
        for (entry, uri, expected) in [
            ("https://*:*", "https://a.example:8443/x", true),
            ("https://*:*", "http://a.example/", false),
            ("*://*:*", "http://1.2.3.4:5/", true),
            ("https://example.com", "https://example.com/a?b", true),
            ("https://example.com", "https://example.com:444/", false),
            ("https://example.com/", "https://EXAMPLE.com/", true),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://badexample.com/", false),
            ("http://127.0.0.1:*", "http://127.0.0.1:9/", true),
            ("http://127.0.0.1:*", "http://localhost:9/", false),
            ("http://[::1]:*", "http://[::1]:80/", true),
            ("http://[::1]", "http://[::1]/", true),
            ("http://[::1]", "http://[::1]:81/", false),
            (
                "http://localhost:8000..8002",
                "http://localhost:8001/",
                true,
            ),
            (
                "http://localhost:8000..8002",
                "http://localhost:8002/",
                false,
            ),
        ] {
            assert_eq!(allows(entry, uri), expected, "{entry} {uri}");
        }
    }

    #[test]
    fn nothing_is_allowed_without_entries() {
        assert!(!AllowedHosts::default().allow(&"https://example.com/".parse().unwrap()));
        assert!(!allows("*://*:*", "/relative"));
    }

    #[test]
    fn malformed_entries_are_refused() {
        for entry in [
            "*",
            "",
            "example.com",
            "https://a/b",
            "https://a*b",
            "h2p://a",
            "ftp://a",
            "http://a:x",
            "http://*.1.2.3.4",
        ] {
            let message = AllowedHosts::parse([entry]).unwrap_err().to_string();
            assert!(message.contains("scheme://host"), "{entry}: {message}");
        }
    }
}
