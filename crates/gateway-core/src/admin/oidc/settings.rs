//! The settings of OIDC sign-in: the variables, checked. Owns which of them are accepted; calls nobody.

use thiserror::Error;
use url::{Host, Url};

use super::roles::RoleMap;
use crate::secret::Secret;

/// What is requested of the provider unless `oidc_scopes` says otherwise.
const DEFAULT_SCOPES: &str = "openid profile email";
const DEFAULT_ROLE_CLAIM: &str = "roles";
const DEFAULT_LABEL: &str = "SSO";
/// Characters of the label on the login page.
const MAX_LABEL_CHARS: usize = 60;
/// Characters of any other of these variables.
const MAX_CHARS: usize = 4_000;

/// The variables as they are set.
#[derive(Clone, Debug, Default)]
pub struct OidcVariables {
    /// `oidc_issuer`; without it there is no sign-in with OIDC.
    pub issuer: Option<String>,
    /// `oidc_client_id`
    pub client_id: Option<String>,
    /// `oidc_client_secret`
    pub client_secret: Option<Secret<String>>,
    /// `oidc_scopes`
    pub scopes: Option<String>,
    /// `oidc_role_claim`
    pub role_claim: Option<String>,
    /// `oidc_owner_values`
    pub owner_values: Option<String>,
    /// `oidc_admin_values`
    pub admin_values: Option<String>,
    /// `oidc_viewer_values`
    pub viewer_values: Option<String>,
    /// `oidc_label`
    pub label: Option<String>,
    /// `public_url`
    pub public_url: Option<String>,
}

impl OidcVariables {
    fn is_too_long(&self) -> bool {
        let texts = [
            &self.issuer,
            &self.client_id,
            &self.scopes,
            &self.role_claim,
            &self.owner_values,
            &self.admin_values,
            &self.viewer_values,
            &self.label,
            &self.public_url,
        ];
        let mut texts = texts.into_iter().flatten();
        texts.any(|text| text.chars().count() > MAX_CHARS)
    }
}

/// The settings of one provider.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The provider's address, without a slash at its end.
    pub issuer: String,
    /// Whether the provider is on this machine, so that it may be called without TLS.
    pub is_local: bool,
    /// The gateway's name at the provider.
    pub client_id: String,
    /// The gateway's secret at the provider; `None`: a public client, which PKCE alone protects.
    pub client_secret: Option<Secret<String>>,
    /// Separated by spaces; `openid` is one of them.
    pub scopes: String,
    /// What makes a role.
    pub roles: RoleMap,
    /// What the provider is called on the login page.
    pub label: String,
    /// The origin under which browsers reach the gateway; `None`: that of the request.
    pub public_origin: Option<String>,
}

/// A variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OidcSettingsError {
    /// Not an address that may be called.
    #[error(
        "`oidc_issuer` must be an https URL without query and fragment; http is allowed for localhost and loopback addresses"
    )]
    Issuer,
    /// There is none.
    #[error("`oidc_client_id` is not set")]
    ClientId,
    /// No value makes any role.
    #[error("none of `oidc_owner_values`, `oidc_admin_values` and `oidc_viewer_values` is set")]
    Values,
    /// Not an origin.
    #[error("`public_url` must be an origin such as https://gateway.example.com, without a path")]
    PublicUrl,
    /// A list that begins like JSON and is none.
    #[error("`{0}` must be a comma-separated list, or a JSON array of strings")]
    List(&'static str),
    /// Longer than anything that is meant.
    #[error("one of the variables of OIDC has more than {MAX_CHARS} characters")]
    TooLong,
}

impl OidcSettings {
    /// The settings in the variables; `None`: no issuer is set.
    pub fn read(given: OidcVariables) -> Result<Option<Self>, OidcSettingsError> {
        if given.is_too_long() {
            return Err(OidcSettingsError::TooLong);
        }
        let Some(issuer) = given.issuer else {
            return Ok(None);
        };
        let issuer = issuer.trim().trim_end_matches('/').to_owned();
        let url = callable(&issuer, true).ok_or(OidcSettingsError::Issuer)?;
        if url.query().is_some() {
            return Err(OidcSettingsError::Issuer);
        }
        let text = |given: Option<String>| given.map(|text| text.trim().to_owned());
        let roles = RoleMap {
            claim: text(given.role_claim).unwrap_or_else(|| DEFAULT_ROLE_CLAIM.to_owned()),
            owner: list("oidc_owner_values", given.owner_values)?,
            admin: list("oidc_admin_values", given.admin_values)?,
            viewer: list("oidc_viewer_values", given.viewer_values)?,
        };
        if roles.is_empty() {
            return Err(OidcSettingsError::Values);
        }
        let label = text(given.label).unwrap_or_else(|| DEFAULT_LABEL.to_owned());
        Ok(Some(Self {
            is_local: url.scheme() == "http",
            issuer,
            client_id: text(given.client_id).ok_or(OidcSettingsError::ClientId)?,
            client_secret: given.client_secret,
            scopes: scopes(&text(given.scopes).unwrap_or_else(|| DEFAULT_SCOPES.to_owned())),
            roles,
            label: label.chars().take(MAX_LABEL_CHARS).collect(),
            public_origin: given.public_url.as_deref().map(origin).transpose()?,
        }))
    }

    /// What is different when sessions of before must not be valid any more.
    pub fn identity(&self) -> String {
        let roles = &self.roles;
        let lists = [&roles.owner, &roles.admin, &roles.viewer].map(|list| list.join("\0"));
        format!(
            "{}\0\0{}\0\0{}\0\0{}",
            self.issuer,
            self.client_id,
            roles.claim,
            lists.join("\0\0")
        )
    }
}

/// An address that the gateway, or a browser that it sends there, may call: https, or http on this machine if `may_be_local`.
pub fn callable(text: &str, may_be_local: bool) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_allowed = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => may_be_local && is_loopback(&url),
        _ => false,
    };
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_allowed && is_plain).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn origin(text: &str) -> Result<String, OidcSettingsError> {
    let url = Url::parse(text.trim()).map_err(|_| OidcSettingsError::PublicUrl)?;
    let is_origin = matches!(url.scheme(), "https" | "http")
        && url.host().is_some()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let origin = is_origin.then(|| url.origin().ascii_serialization());
    origin.ok_or(OidcSettingsError::PublicUrl)
}

/// Values are separated by commas; those that contain one, such as names of LDAP groups, are in a JSON array.
fn list(name: &'static str, text: Option<String>) -> Result<Vec<String>, OidcSettingsError> {
    let text = text.unwrap_or_default();
    let text = text.trim();
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|_| OidcSettingsError::List(name));
    }
    let values = text.split(',').map(str::trim);
    Ok(values
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Without `openid` it would not be OIDC.
fn scopes(text: &str) -> String {
    let mut scopes: Vec<&str> = text
        .split([' ', ','])
        .filter(|scope| !scope.is_empty())
        .collect();
    if !scopes.contains(&"openid") {
        scopes.insert(0, "openid");
    }
    scopes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> OidcVariables {
        let text = |text: &str| Some(text.to_owned());
        OidcVariables {
            issuer: text("https://id.example.com/realms/main/"),
            client_id: text("gateway"),
            owner_values: text("gateway-owners"),
            ..OidcVariables::default()
        }
    }

    fn read(change: impl FnOnce(&mut OidcVariables)) -> Result<OidcSettings, OidcSettingsError> {
        let mut given = given();
        change(&mut given);
        OidcSettings::read(given).map(Option::unwrap)
    }

    #[test]
    fn without_an_issuer_there_is_no_sign_in() {
        let mut given = given();
        given.issuer = None;
        assert!(OidcSettings::read(given).unwrap().is_none());
    }

    #[test]
    fn defaults_are_those_of_most_providers() {
        let settings = read(|_| ()).unwrap();
        assert_eq!(settings.issuer, "https://id.example.com/realms/main");
        assert_eq!(settings.scopes, "openid profile email");
        assert_eq!(settings.roles.claim, "roles");
        assert_eq!(settings.label, "SSO");
        assert!(settings.public_origin.is_none() && !settings.is_local);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (issuer, is_accepted) in [
            ("http://localhost:8080/realms/a", true),
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000", true),
            ("http://id.example.com", false),
            ("http://10.0.0.5", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1@id.example.com", false),
            ("https://user:pw@id.example.com", false),
            ("https://id.example.com?x=1", false),
            ("https://id.example.com#x", false),
            ("ftp://localhost", false),
            ("file:///etc/passwd", false),
            ("id.example.com", false),
        ] {
            let settings = read(|given| given.issuer = Some(issuer.to_owned()));
            assert_eq!(settings.is_ok(), is_accepted, "{issuer}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let error = read(|given| given.client_id = None).unwrap_err();
        assert_eq!(error, OidcSettingsError::ClientId);
        let error = read(|given| given.owner_values = Some(" , ".to_owned())).unwrap_err();
        assert_eq!(error, OidcSettingsError::Values);
        let error = read(|given| given.admin_values = Some("[\"a\"".to_owned())).unwrap_err();
        assert_eq!(error, OidcSettingsError::List("oidc_admin_values"));
        for url in [
            "gateway.example.com",
            "https://a.example/x",
            "https://u@a.example",
            "ftp://a",
        ] {
            let error = read(|given| given.public_url = Some(url.to_owned())).unwrap_err();
            assert_eq!(error, OidcSettingsError::PublicUrl, "{url}");
        }
        let error = read(|given| given.label = Some("x".repeat(MAX_CHARS + 1))).unwrap_err();
        assert_eq!(error, OidcSettingsError::TooLong);
    }

    #[test]
    fn lists_have_commas_or_are_json() {
        let settings = read(|given| {
            given.owner_values = Some("a, b ,".to_owned());
            given.admin_values = Some(r#"["cn=admins,ou=groups"]"#.to_owned());
            given.scopes = Some("groups, email".to_owned());
            given.public_url = Some("https://Gateway.example.com:443/".to_owned());
        })
        .unwrap();
        assert_eq!(settings.roles.owner, ["a", "b"]);
        assert_eq!(settings.roles.admin, ["cn=admins,ou=groups"]);
        assert_eq!(settings.scopes, "openid groups email");
        assert_eq!(
            settings.public_origin.as_deref(),
            Some("https://gateway.example.com")
        );
    }

    #[test]
    fn sessions_end_with_the_provider_and_the_roles() {
        let before = read(|_| ()).unwrap().identity();
        for change in [
            (|given| given.client_id = Some("other".to_owned())) as fn(&mut OidcVariables),
            |given| given.role_claim = Some("groups".to_owned()),
            |given| given.viewer_values = given.owner_values.take(),
        ] {
            assert_ne!(read(change).unwrap().identity(), before);
        }
        let label = read(|given| given.label = Some("Keycloak".to_owned())).unwrap();
        assert_eq!(label.identity(), before);
    }
}
