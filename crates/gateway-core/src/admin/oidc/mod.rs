//! Sign-in with OIDC: the authorization code flow with PKCE, from the login page to the provider and back. Owns the two steps
//! and their order; sessions are [`super::session`]'s.
//!
//! # What is guaranteed
//!
//! - **An answer belongs to the browser that asked**: `state` is made of a signed cookie of that browser ([`attempt`]), `nonce`
//!   and the verifier of PKCE as well. An answer is taken once.
//! - **No open redirect**: after the provider the browser goes to `/admin/` and nowhere else. The address that the provider
//!   redirects to is made of `public_url`, or of the host that the browser itself has called; no header that a proxy adds
//!   (`X-Forwarded-Host`, `Forwarded`) has any part in it, no answer with it may be cached, and the provider redirects only to
//!   addresses that are registered there.
//! - **Attempts are counted** as those of passwords are ([`super::throttle`]), before the provider is called.
//! - **What the provider says is never shown**: the login page gets a code of ours, the log a bounded and escaped text.

mod attempt;
mod failure;
pub mod id_token;
mod metadata;
mod provider;
mod roles;
mod settings;

use std::rc::Rc;

use http::header::{CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY};
use http::request::Parts;
use http::{StatusCode, Uri};
use url::form_urlencoded;

use self::attempt::SignInAttempt;
use self::failure::{FailureCode, SignInFailure};
use self::id_token::Expected;
use self::provider::TIME_LIMIT;
use super::device::Device;
use super::login_client::LoginClient;
use super::principal::Role;
use super::session_check::signing_password;
use super::session_secret::{self, SessionSecret, derive};
use super::session_token::{STAMP_BYTES, Subject, SubjectKind};
use super::{AdminSettings, guard, revoked, session};
use crate::error::{ErrorCode, GatewayError, printable};
use crate::ports::AdminPorts;
use crate::reply::{self, Reply, ReplyBody};

pub use failure::RefusedSignIn;
pub use provider::OidcProvider;
pub use roles::{Claims, RoleMap, display_name};
pub use settings::{OidcSettings, OidcSettingsError, OidcVariables};

/// Sentences of the API's document.
#[cfg(feature = "schema")]
pub(super) mod sentences {
    pub const START: &str =
        "For browsers: the login page links to it. 404 unless the variable `oidc_issuer` is set.";
    pub const STARTED: &str = "To the provider; or to the panel, whose query then has `sign_in` with the code of what went \
        wrong: `provider_failed`, `misconfigured` or `unavailable`.";
    pub const COOKIE: &str = "That of the sign-in, for ten minutes: HttpOnly and SameSite=Lax.";
    pub const FINISH: &str =
        "For browsers: the provider redirects to it, with its answer in the query.";
    pub const FINISHED: &str = "To the panel, with a session; or without one, and its query has `sign_in` with the code of \
        what went wrong: `expired`, `denied`, `no_role`, `too_many`, `provider_failed`, `misconfigured` or `unavailable`.";
    pub const COOKIES: &str = "As those of a login; that of the sign-in is removed.";
}

/// Where the provider sends the browser back to.
const CALLBACK: &str = "/admin/api/oidc/callback";
/// The panel. The query says how a sign-in failed.
const PANEL: &str = "/admin/";
/// Bytes of a code or a state that are read.
const MAX_PARAMETER_BYTES: usize = 8 * 1024;
/// All attempts of a client are the same guess, so that an appointment of the throttle is good for the next one.
const GUESS: &str = "oidc";

/// Whether there is sign-in with OIDC.
#[derive(Clone, Debug, Default)]
pub enum OidcSignIn {
    /// `oidc_issuer` is not set.
    #[default]
    Off,
    /// A variable is wrong.
    Misconfigured(OidcSettingsError),
    /// With this provider.
    On(Rc<OidcProvider>),
}

impl OidcSignIn {
    /// What the variables say.
    pub fn read(variables: OidcVariables) -> Self {
        match OidcSettings::read(variables) {
            Ok(None) => Self::Off,
            Ok(Some(settings)) => Self::On(Rc::new(OidcProvider::new(settings))),
            Err(error) => Self::Misconfigured(error),
        }
    }

    /// What the provider is called on the login page; `None`: it is not offered.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Off => None,
            // Offered all the same, so that what is wrong does not stay unseen.
            Self::Misconfigured(_) => Some("SSO"),
            Self::On(provider) => Some(&provider.settings.label),
        }
    }

    fn provider(&self) -> Result<&OidcProvider, SignInFailure> {
        match self {
            Self::On(provider) => Ok(provider),
            Self::Misconfigured(error) => Err(SignInFailure::new(
                FailureCode::Misconfigured,
                error.to_string(),
            )),
            Self::Off => Err(SignInFailure::new(FailureCode::Misconfigured, "it is off")),
        }
    }

    /// Whether a session that says this is of the provider and of the rules that are in force now.
    pub fn accepts(&self, subject: &Subject, secret: &SessionSecret) -> bool {
        match self {
            Self::On(provider) => stamp(&provider.settings, secret) == subject.stamp,
            Self::Off | Self::Misconfigured(_) => false,
        }
    }
}

/// `GET oidc/start`: sends the browser to the provider.
pub async fn start<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
) -> Result<Reply, GatewayError> {
    if settings.oidc.label().is_none() {
        return Err(ErrorCode::NotFound.error("Sign-in with OIDC is not set up: `oidc_issuer`."));
    }
    Ok(match begin(ports, settings, head).await {
        Ok(reply) => reply,
        Err(failure) => failed(ports, &failure, ""),
    })
}

async fn begin<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
) -> Result<Reply, SignInFailure> {
    let provider = settings.oidc.provider()?;
    let origin = origin(&provider.settings, head)?;
    let secret = session_secret::load(ports, signing_password(settings)).await?;
    let deadline = ports.now().plus(TIME_LIMIT);
    let metadata = provider.metadata(ports, deadline).await?;
    let attempt = SignInAttempt::new(ports, Device::of(&head.headers, &secret, ports));
    let mut address = metadata.authorization.clone();
    address
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.settings.client_id)
        .append_pair("redirect_uri", &format!("{origin}{CALLBACK}"))
        .append_pair("scope", &provider.settings.scopes)
        .append_pair("state", &attempt.state(&secret))
        .append_pair("nonce", &attempt.nonce(&secret))
        .append_pair("code_challenge", &attempt.challenge(&secret))
        .append_pair("code_challenge_method", "S256");
    let mut reply = redirect(address.as_str());
    attempt.set_cookie(&mut reply, is_secure(&origin), &secret);
    Ok(reply)
}

/// `GET oidc/callback`: the browser comes back from the provider. It goes on to the panel, with a session or with the code of
/// what went wrong.
pub async fn callback<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
) -> Result<Reply, GatewayError> {
    if settings.oidc.label().is_none() {
        return Err(ErrorCode::NotFound.error("Sign-in with OIDC is not set up: `oidc_issuer`."));
    }
    let mut client = None;
    let outcome = complete(ports, settings, head, &mut client).await;
    let address = client.as_ref().map_or("", |it| it.address.as_str());
    let mut reply = match outcome {
        Ok(reply) => reply,
        Err(failure) => {
            let mut reply = failed(ports, &failure, address);
            // Strangers can cause all others without end.
            if matches!(failure.code, FailureCode::Denied | FailureCode::NoRole) {
                reply
                    .extensions_mut()
                    .insert(RefusedSignIn { who: failure.who });
            }
            reply
        }
    };
    if let Ok(provider) = settings.oidc.provider()
        && let Ok(origin) = origin(&provider.settings, head)
    {
        attempt::remove_cookie(&mut reply, is_secure(&origin));
    }
    Ok(reply)
}

async fn complete<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
    known_client: &mut Option<LoginClient>,
) -> Result<Reply, SignInFailure> {
    let provider = settings.oidc.provider()?;
    let origin = origin(&provider.settings, head)?;
    let answer = ProviderAnswer::read(&head.uri)?;
    let secret = session_secret::load(ports, signing_password(settings)).await?;

    // 1. Is it the answer to what this browser asked, and the first one?
    let expired = |detail| SignInFailure::new(FailureCode::Expired, detail);
    let attempt = SignInAttempt::of(&head.headers, is_secure(&origin), &secret, ports)
        .ok_or_else(|| expired("there is no valid cookie of it"))?;
    if answer.state != attempt.state(&secret) {
        return Err(expired("`state` is another one"));
    }
    if revoked::contains(ports, &attempt.session).await? {
        return Err(expired("it has been completed before"));
    }

    // 2. It is counted before the provider is called.
    let client = LoginClient::of(ports, head, attempt.device.clone()).await;
    let client = known_client.insert(client);
    let counted = client.admit(ports, &secret, GUESS).await?;

    // 3. Who is it?
    let claims = claims(ports, provider, &answer, (&attempt, &secret, &origin)).await?;
    let (subject, role) = subject(provider, &claims, &secret)?;

    // 4. The session. The same answer is of no use any more.
    revoked::add(ports, &attempt.session).await?;
    client.forgive(ports, counted).await;
    let address = &client.address;
    ports.line(format_args!(
        "admin: sign-in of {:?} as {} from {address:?}",
        subject.id,
        role.word()
    ));
    let session = session::begin(ports, settings, head, &secret, Some(subject));
    let mut reply = into_redirect(session, PANEL);
    if let Some(client) = known_client.take() {
        client.remember(ports, &mut reply, head, &secret);
    }
    Ok(reply)
}

/// What the provider says of the user: the claims of the ID token, and those of the userinfo endpoint where the role claim is
/// not among them.
async fn claims<P: AdminPorts>(
    ports: &P,
    provider: &OidcProvider,
    answer: &ProviderAnswer,
    (attempt, secret, origin): (&SignInAttempt, &SessionSecret, &str),
) -> Result<Claims, SignInFailure> {
    let deadline = ports.now().plus(TIME_LIMIT);
    let metadata = provider.metadata(ports, deadline).await?;
    // One answer of another provider would be enough to mix up two of them (RFC 9207).
    let is_of_issuer = match &answer.issuer {
        Some(issuer) => *issuer == metadata.issuer,
        None => !metadata.names_issuer,
    };
    if !is_of_issuer {
        return Err(SignInFailure::of_provider(
            "the answer is of another issuer (`iss`)",
        ));
    }
    let code = answer.code()?;
    let (redirect_uri, verifier) = (format!("{origin}{CALLBACK}"), attempt.verifier(secret));
    let tokens = provider
        .exchange(ports, &metadata, (code, &redirect_uri, &verifier), deadline)
        .await?;
    let expected = Expected {
        issuer: &metadata.issuer,
        client_id: &provider.settings.client_id,
        nonce: &attempt.nonce(secret),
        now: ports.now(),
    };
    let mut claims = id_token::accept(&tokens.id_token, expected)
        .map_err(|error| SignInFailure::of_provider(format!("the ID token: {error}")))?;
    if !provider.settings.roles.is_in(&claims)
        && let (Some(address), Some(token)) = (&metadata.userinfo, &tokens.access_token)
    {
        let user = claims.get("sub").and_then(|sub| sub.as_str());
        let user = user.unwrap_or_default().to_owned();
        let more = provider
            .userinfo(ports, (address.as_str(), token), &user, deadline)
            .await?;
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
    }
    Ok(claims)
}

/// The user, if the claims make a role.
fn subject(
    provider: &OidcProvider,
    claims: &Claims,
    secret: &SessionSecret,
) -> Result<(Subject, Role), SignInFailure> {
    let settings = &provider.settings;
    let sub = claims.get("sub").and_then(|sub| sub.as_str());
    let id = format!("oidc:{}", sub.unwrap_or_default());
    let name = display_name(claims);
    let Some(role) = settings.roles.role(claims) else {
        let detail = format!(
            "{id:?} has no role: no value of the claim {:?} is in a list",
            settings.roles.claim
        );
        return Err(SignInFailure {
            who: Some((id, name)),
            ..SignInFailure::new(FailureCode::NoRole, detail)
        });
    };
    let subject = Subject {
        kind: SubjectKind::OidcUser { name, role },
        id,
        stamp: stamp(settings, secret),
    };
    Ok((subject, role))
}

/// What sessions of these settings have; those of other settings end with them.
fn stamp(settings: &OidcSettings, secret: &SessionSecret) -> [u8; STAMP_BYTES] {
    let mut stamp = [0; STAMP_BYTES];
    let hash = derive(secret, "oidc user", settings.identity().as_bytes());
    stamp.copy_from_slice(&hash[..STAMP_BYTES]);
    stamp
}

/// What the provider has put into the address.
#[derive(Debug, Default)]
struct ProviderAnswer {
    state: String,
    code: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl ProviderAnswer {
    /// Parameters that are not ours are ignored, as RFC 6749 (4.1.2) requires; none of ours may come twice.
    fn read(uri: &Uri) -> Result<Self, SignInFailure> {
        let wrong = |what| SignInFailure::new(FailureCode::Expired, format!("the answer {what}"));
        let mut answer = Self::default();
        let mut state = None;
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            let place = match name.as_ref() {
                "state" => &mut state,
                "code" => &mut answer.code,
                "error" => &mut answer.error,
                "iss" => &mut answer.issuer,
                _ => continue,
            };
            if place.is_some() || value.len() > MAX_PARAMETER_BYTES {
                return Err(wrong("has a parameter twice, or one that is too long"));
            }
            *place = Some(value.into_owned());
        }
        answer.state = state.ok_or_else(|| wrong("has no `state`"))?;
        Ok(answer)
    }

    fn code(&self) -> Result<&str, SignInFailure> {
        match (&self.error, &self.code) {
            (None, Some(code)) => Ok(code),
            (Some(error), _) => {
                let detail = format!("the provider said {:?}", printable(error));
                let code = match error.as_str() {
                    "server_error" | "temporarily_unavailable" => FailureCode::ProviderFailed,
                    _ => FailureCode::Denied,
                };
                Err(SignInFailure::new(code, detail))
            }
            (None, None) => Err(SignInFailure::of_provider("the answer has no `code`")),
        }
    }
}

/// Under which the browser reaches the gateway.
fn origin(settings: &OidcSettings, head: &Parts) -> Result<String, SignInFailure> {
    if let Some(origin) = &settings.public_origin {
        return Ok(origin.clone());
    }
    let scheme = if guard::is_https(head) {
        "https"
    } else {
        "http"
    };
    let host = guard::host(head).filter(|host| !host.as_str().contains('@'));
    let host = host.ok_or_else(|| {
        let detail = "the request names no host; set `public_url`";
        SignInFailure::new(FailureCode::Misconfigured, detail)
    })?;
    Ok(format!("{scheme}://{host}"))
}

fn is_secure(origin: &str) -> bool {
    origin.starts_with("https:")
}

fn failed<P: AdminPorts>(ports: &P, failure: &SignInFailure, address: &str) -> Reply {
    ports.line(format_args!(
        "admin: sign-in refused, {}, from {address:?}: {}",
        failure.code.word(),
        failure.detail
    ));
    redirect(&format!("{PANEL}?sign_in={}", failure.code.word()))
}

/// 303: whatever the browser asked with, it goes on with GET.
fn redirect(address: &str) -> Reply {
    into_redirect(reply::empty(StatusCode::SEE_OTHER), address)
}

/// The reply with its cookies, as a redirect without a body.
fn into_redirect(mut reply: Reply, address: &str) -> Reply {
    *reply.status_mut() = StatusCode::SEE_OTHER;
    *reply.body_mut() = ReplyBody::Whole(bytes::Bytes::new());
    let headers = reply.headers_mut();
    headers.remove(CONTENT_TYPE);
    if let Ok(address) = HeaderValue::try_from(address) {
        headers.insert(LOCATION, address);
    }
    // The address of the answer has the code in it.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}
