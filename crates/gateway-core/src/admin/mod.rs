//! The admin API: from HTTP request to HTTP response. Owns the routes, in one place, and the order in which a
//! request is judged. Each noun has its own file; none of them sees an HTTP request.

mod body;
mod channels;
mod document;
mod guard;
mod keys;
mod revoked;
mod session;
mod throttle;

use std::fmt;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, StatusCode};
use http_body::Body;

use crate::config::seal::MasterKey;
use crate::error::{Case, GatewayError};
use crate::ids;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::secret::Secret;

/// Where the API lives.
const ROOT: &str = "/admin/api/";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the host's variables say to the admin API.
#[derive(Clone, Debug, Default)]
pub struct AdminSettings {
    /// The password of the panel; `None` or empty: nobody can log in.
    pub password: Option<Secret<String>>,
    /// Encrypts upstream keys at rest; `None`: they are stored in clear.
    pub master_key: Option<MasterKey>,
    /// Why the master key that is set cannot be used. Then no key is stored at all, since storing it in clear is
    /// not what was asked for.
    pub master_key_error: Option<String>,
}

/// A path of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'r> {
    Login,
    Logout,
    Session,
    Channels,
    Channel(&'r str),
    Keys,
    Key(&'r str),
}

impl<'r> Place<'r> {
    /// Every route of the admin API: the place and the methods that it has.
    fn find(path: &'r str) -> Option<(Self, &'static str)> {
        let (noun, id) = match path.strip_prefix(ROOT)?.split_once('/') {
            Some((noun, id)) => (noun, Some(id)),
            None => (path.strip_prefix(ROOT)?, None),
        };
        Some(match (noun, id) {
            ("login", None) => (Self::Login, "POST"),
            ("logout", None) => (Self::Logout, "POST"),
            ("session", None) => (Self::Session, "GET, HEAD"),
            ("channels", None) => (Self::Channels, "GET, HEAD, POST"),
            ("channels", Some(id)) if is_id(id) => (Self::Channel(id), "GET, HEAD, PATCH, DELETE"),
            ("keys", None) => (Self::Keys, "GET, HEAD, POST"),
            ("keys", Some(id)) if is_id(id) => (Self::Key(id), "GET, HEAD, PATCH, DELETE"),
            _ => return None,
        })
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Answers one request to `/admin/api/…`. Needs no particular method, path or body: whatever is wrong with them
/// becomes an error response.
pub async fn handle<P: AdminPorts, B>(
    ports: &P,
    settings: &AdminSettings,
    request: Request<B>,
) -> Reply
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let head_only = request.method() == Method::HEAD;
    let mut reply = match answer(ports, settings, request).await {
        Ok(reply) => reply,
        Err(error) => error.into_reply(),
    };
    if head_only {
        *reply.body_mut() = reply::ReplyBody::Whole(Bytes::new());
    }
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::try_from(ids::request_id(ports)) {
        headers.insert(REQUEST_ID, id);
    }
    reply
}

async fn answer<P: AdminPorts, B>(
    ports: &P,
    settings: &AdminSettings,
    request: Request<B>,
) -> Result<Reply, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let (head, body) = request.into_parts();

    // 1. Is there such a place, and has it such a method? That needs no secret to be told.
    let (place, allow) = Place::find(head.uri.path())
        .ok_or_else(|| Case::NotFound.error("There is no such path in the admin API."))?;
    let method = if head.method == Method::HEAD {
        Method::GET
    } else {
        head.method.clone()
    };
    if !allow.split(", ").any(|name| name == method.as_str()) {
        return Err(Case::MethodNotAllowed
            .error(format!("This path has these methods: {allow}."))
            .with_allow(allow));
    }

    // 2. A page of another origin may do nothing, not even log in.
    guard::same_origin(&head)?;

    // 3. Logging in is what the others need a session for.
    if place == Place::Login {
        let password = session::read_password(body::object(&head.headers, body).await?)?;
        return session::login(ports, settings, &head, &password).await;
    }

    // 4. Who asks? A cookie is sent by the browser unasked, so writes with it must be of a type no form has.
    let caller = guard::authenticate(ports, settings, &head).await?;
    if method != Method::GET {
        guard::cookie_writes_json(&caller, &head.headers)?;
    }

    // 5. The work. Bodies are read only where there is something to read.
    match (place, method.as_str()) {
        (Place::Logout, _) => session::logout(ports, &caller, &head).await,
        (Place::Session, _) => Ok(session::describe(settings, &caller)),
        (Place::Channels, "POST") => {
            channels::create(ports, settings, body::object(&head.headers, body).await?).await
        }
        (Place::Channels, _) => channels::list(ports).await,
        (Place::Channel(id), "PATCH") => {
            channels::change(
                ports,
                settings,
                id,
                body::object(&head.headers, body).await?,
            )
            .await
        }
        (Place::Channel(id), "DELETE") => channels::delete(ports, id).await,
        (Place::Channel(id), _) => channels::show(ports, id).await,
        (Place::Keys, "POST") => {
            keys::create(ports, body::object(&head.headers, body).await?).await
        }
        (Place::Keys, _) => keys::list(ports).await,
        (Place::Key(id), "PATCH") => {
            keys::change(ports, id, body::object(&head.headers, body).await?).await
        }
        (Place::Key(id), "DELETE") => keys::delete(ports, id).await,
        (Place::Key(id), _) => keys::show(ports, id).await,
        (Place::Login, _) => Ok(reply::empty(StatusCode::NO_CONTENT)),
    }
}
