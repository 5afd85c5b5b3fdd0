//! All routes of the admin API, in one table. Owns paths and methods; the handlers are called by [`super`].

use http::Method;

#[cfg(feature = "schema")]
use super::openapi::description::Description;
#[cfg(feature = "schema")]
use super::openapi::errors::ErrorResponse;
#[cfg(feature = "schema")]
use super::openapi::{bulk as bulk_bodies, parameters, requests as bodies};
#[cfg(feature = "schema")]
use super::{
    accounts, alerts, audit_log, bulk, channel_test, channels, config, key_tests, keys,
    limit_usage, login, me, move_in, oidc, own_account, price_import, requests, route_preview,
    sentences, session, status, upstream_models, usage,
};
use crate::error::{ErrorCode, GatewayError};

/// Where the API lives.
pub const ROOT: &str = "/admin/api/";

/// A method that operations have. HEAD is answered like GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Creates, or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

/// How the body of a request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// It is not read.
    None,
    /// A JSON object.
    Object,
    /// A JSON object, or nothing.
    OptionalObject,
    /// A JSON object that may have the size of a whole configuration.
    Configuration,
    /// A JSON object that holds a file of another gateway.
    Import,
    /// A file of that size, which the operation reads itself.
    File,
}

/// Makes the enum of operations and its table out of one list, so that neither can lack an entry of the other. What is
/// said of each operation is for the API's document only.
macro_rules! routes {
    ($($operation:ident: $verb:ident $path:literal, $body:ident => $description:expr;)*) => {
        /// What a request asks for: one for each pair of path and method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($verb), " ", $path, "`")] $operation,)*
        }

        impl Operation {
            /// All operations, those of one path side by side.
            pub const ALL: &'static [Self] = &[$(Self::$operation,)*];

            /// The path below the root; `{id}` is one id.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$operation => $path,)*
                }
            }

            /// The method.
            pub const fn verb(self) -> Verb {
                match self {
                    $(Self::$operation => Verb::$verb,)*
                }
            }

            /// The body.
            pub const fn body(self) -> BodyKind {
                match self {
                    $(Self::$operation => BodyKind::$body,)*
                }
            }

            /// What the document says of it.
            #[cfg(feature = "schema")]
            pub fn description(self) -> Description {
                match self {
                    $(Self::$operation => $description,)*
                }
            }

            /// Its name in the document.
            #[cfg(feature = "schema")]
            pub fn id(self) -> String {
                let name = match self {
                    $(Self::$operation => stringify!($operation),)*
                };
                let mut id = name.to_owned();
                id.get_mut(..1).map(str::make_ascii_lowercase);
                id
            }
        }
    };
}

routes! {
    Login: Post "login", Object =>
        Description::new("session", "Log in", 200, "A session.")
            .takes::<bodies::LoginBody>().gives::<session::LoginView<'_>>()
            .sets_cookies("Two cookies, HttpOnly and SameSite=Strict: the session's, and that of a known device.")
            .fails(&[ErrorResponse::TooManyLogins, ErrorResponse::Misconfigured]);
    LoginOptions: Get "login/options", None =>
        Description::new("session", "Show the ways to log in", 200, "Which of them this gateway has.")
            .gives::<login::LoginOptionsView<'_>>();
    StartSignIn: Get "oidc/start", None =>
        Description::new("session", "Sign in with the OIDC provider", 303, oidc::sentences::STARTED)
            .details(oidc::sentences::START).sets_cookies(oidc::sentences::COOKIE).fails(&[ErrorResponse::NotFound]);
    FinishSignIn: Get "oidc/callback", None =>
        Description::new("session", "Come back from the OIDC provider", 303, oidc::sentences::FINISHED)
            .details(oidc::sentences::FINISH).sets_cookies(oidc::sentences::COOKIES).fails(&[ErrorResponse::NotFound]);
    Logout: Post "logout", None =>
        Description::new("session", "End the session", 204, "It has ended.");
    Session: Get "session", None =>
        Description::new("session", "Show the session", 200, "The session of this request.")
            .gives::<session::SessionView<'_>>();
    ListChannels: Get "channels", None =>
        Description::new("channels", "List channels", 200, "All of them, or one page.")
            .asks::<parameters::ChannelListParameters>().gives::<channels::ChannelsView<'_>>();
    CreateChannel: Post "channels", Object =>
        Description::new("channels", "Create a channel", 201, "The new channel.")
            .asks::<parameters::CreationParameters>().takes::<bodies::ChannelCreateBody>()
            .gives::<channels::SingleChannel<'_>>().names_state().fails(&[ErrorResponse::Misconfigured]);
    GetChannel: Get "channels/{id}", None =>
        Description::new("channels", "Show a channel", 200, "The channel.")
            .gives::<channels::SingleChannel<'_>>().names_state();
    ChangeChannel: Patch "channels/{id}", Object =>
        Description::new("channels", "Change a channel", 200, sentences::CHANNEL_CHANGED)
            .asks::<parameters::CreationParameters>().takes::<bodies::ChannelChangeBody>()
            .gives::<channels::SingleChannel<'_>>().names_state().checks_state().fails(&[ErrorResponse::Misconfigured]);
    DeleteChannel: Delete "channels/{id}", None =>
        Description::new("channels", "Delete a channel", 204, "It is gone.").checks_state();
    TestChannel: Post "channels/{id}/test", OptionalObject =>
        Description::new("channels", "Test a channel with one real call", 200, sentences::TESTED).details(sentences::TEST)
            .takes::<channel_test::Wish>().gives::<key_tests::TestAnswer<'_>>().fails(&[ErrorResponse::Misconfigured]);
    ChangeChannels: Post "channels/bulk", Configuration =>
        Description::new("channels", "Change or delete many channels", 200, sentences::CHANGED_MANY)
            .details(sentences::CHANGE_MANY_CHANNELS)
            .takes::<bulk_bodies::BulkBody<bulk_bodies::ChannelBulkChange>>().gives::<bulk::BulkView>()
            .fails(&[ErrorResponse::ChangedMeanwhile]);
    ListUpstreamModels: Get "channels/{id}/models", None =>
        Description::new("channels", "List the upstream's models", 200, "The models.").details(sentences::AZURE_MODELS)
            .gives::<upstream_models::UpstreamModelsView>()
            .fails(&[ErrorResponse::BadRequest, ErrorResponse::Misconfigured, ErrorResponse::UpstreamFailed]);
    PreviewUpstreamModels: Post "models", Object =>
        Description::new("channels", sentences::MODELS_OF_DRAFT, 200, "The models.").details(sentences::MODELS_WITHOUT_STORING)
            .takes::<bodies::ModelsBody>().gives::<upstream_models::UpstreamModelsView>()
            .fails(&[ErrorResponse::NotFound, ErrorResponse::Misconfigured, ErrorResponse::UpstreamFailed]);
    ListKeys: Get "keys", None =>
        Description::new("keys", "List client keys", 200, "All of them, or one page.")
            .asks::<parameters::KeyListParameters>().gives::<keys::ClientKeysView<'_>>();
    CreateKey: Post "keys", Object =>
        Description::new("keys", "Create a client key", 201, "The new key; it is never shown again.")
            .takes::<bodies::ClientKeyCreateBody>().gives::<keys::CreatedKeyView<'_>>().names_state();
    ListAllowances: Get "keys/allowances", None =>
        Description::new("keys", "Show what client keys have used of their limits", 200, "The use of each limit that they have.")
            .asks::<parameters::AllowancesParameters>().gives::<limit_usage::LimitUsagesView<'_>>();
    GetKey: Get "keys/{id}", None =>
        Description::new("keys", "Show a client key", 200, "The client key.")
            .gives::<keys::ClientKeyView<'_>>().names_state();
    ChangeKey: Patch "keys/{id}", Object =>
        Description::new("keys", "Change a client key", 200, "The client key as it is now.")
            .takes::<bodies::ClientKeyChangeBody>().gives::<keys::ClientKeyView<'_>>()
            .names_state().checks_state();
    DeleteKey: Delete "keys/{id}", None =>
        Description::new("keys", "Delete a client key", 204, "It is gone.").checks_state();
    ChangeKeys: Post "keys/bulk", Configuration =>
        Description::new("keys", "Change or delete many client keys", 200, sentences::CHANGED_MANY)
            .details(sentences::CHANGE_MANY)
            .takes::<bulk_bodies::BulkBody<bulk_bodies::KeyBulkChange>>().gives::<bulk::BulkView>()
            .fails(&[ErrorResponse::ChangedMeanwhile]);
    RotateKey: Post "keys/{id}/rotate", OptionalObject =>
        Description::new("keys", "Replace a client key by a new one", 200, sentences::ROTATED).details(sentences::ROTATE)
            .takes::<bodies::RotateBody>().gives::<keys::CreatedKeyView<'_>>().names_state().checks_state();
    GetKeyAllowance: Get "keys/{id}/allowance", None =>
        Description::new("keys", "Show what a client key has used of its limits", 200, "The use of each limit that it has.")
            .gives::<limit_usage::LimitUsageView>();
    PlaygroundKey: Post "playground/key", OptionalObject =>
        Description::new("keys", "Show the key of the playground", 200, sentences::PLAYGROUND_KEY_SHOWN)
            .details(sentences::PLAYGROUND_KEY).takes::<bodies::PlaygroundKeyBody>().gives::<keys::CreatedKeyView<'_>>().names_state();
    ExportConfig: Get "config", None =>
        Description::new("config", "Export the whole configuration", 200, "The configuration.")
            .asks::<parameters::ExportParameters>().gives::<config::DocumentView<'_>>()
            .names_state().fails(&[ErrorResponse::Misconfigured]);
    ImportConfig: Put "config", Configuration =>
        Description::new("config", "Import a whole configuration", 200, sentences::CONFIG_IMPORTED).details(sentences::IMPORT)
            .takes::<bodies::ConfigBody>().gives::<config::DocumentView<'_>>()
            .names_state().checks_state().fails(&[ErrorResponse::Misconfigured]);
    ImportPrices: Post "prices/import", File =>
        Description::new("config", "Import prices from a price list", 200, sentences::PRICES_IMPORTED)
            .details(sentences::IMPORT_PRICES)
            .asks::<parameters::PriceImportParameters>().takes::<bodies::PriceListBody>()
            .gives::<price_import::PriceImportView>().names_state().checks_state();
    PreviewImport: Post "import/preview", Import =>
        Description::new("config", "Show what an import from another gateway would create", 200, sentences::MOVE_PREVIEW)
            .details(sentences::MOVE).takes::<bodies::MoveBody>().gives::<move_in::MoveView>().names_state()
            .fails(&[ErrorResponse::Misconfigured]);
    ImportFile: Post "import", Import =>
        Description::new("config", "Import from another gateway", 200, sentences::MOVED).details(sentences::MOVE)
            .takes::<bodies::MoveBody>().gives::<move_in::MoveView>().names_state().checks_state()
            .fails(&[ErrorResponse::Misconfigured]);
    GetAlerts: Get "alerts", None =>
        Description::new("alerts", "Show alerts, and what is firing", 200, "Rules, destinations and alerts.")
            .gives::<alerts::AlertsView<'_>>();
    ChangeAlerts: Patch "alerts", Object =>
        Description::new("alerts", "Change rules and destinations of alerts", 200, "The alerts as they are now.")
            .takes::<bodies::AlertsChangeBody>().gives::<alerts::AlertsView<'_>>()
            .checks_state().fails(&[ErrorResponse::Misconfigured]);
    TestUnsavedAlerts: Post "alerts/test", Object =>
        Description::new("alerts", "Send a test message to a destination before it is saved", 200, sentences::ALERT_TESTED)
            .takes::<bodies::DestinationBody>().gives::<alerts::AlertTestView>()
            .fails(&[ErrorResponse::Misconfigured]);
    TestAlerts: Post "alerts/{id}/test", None =>
        Description::new("alerts", "Send a test message to a destination", 200, sentences::ALERT_TESTED)
            .gives::<alerts::AlertTestView>();
    Route: Get "route", None =>
        Description::new("health", "Preview the routing of a request", 200, sentences::ROUTE)
            .asks::<parameters::RouteParameters>().gives::<route_preview::RouteView<'_>>();
    Status: Get "status", None =>
        Description::new("health", "Health of every channel, key and model", 200, "The state that the proxies have observed.")
            .gives::<status::StatusView<'_>>();
    Usage: Get "usage", None =>
        Description::new("ledger", "Usage by hour or day", 200, "Rows by bucket and subject.").details(sentences::USAGE)
            .asks::<parameters::UsageParameters>().gives::<usage::UsageView<'_>>();
    ExportUsage: Get "usage.csv", None =>
        Description::new("ledger", "Usage as CSV", 200, "One row by bucket and subject.").details(sentences::USAGE_CSV)
            .asks::<parameters::UsageParameters>().gives_csv();
    Requests: Get "requests", None =>
        Description::new("ledger", "The request log, newest first", 200, "One page.").details(sentences::REQUESTS)
            .asks::<parameters::RequestsParameters>().gives::<requests::PageView<'_>>();
    ExportRequests: Get "requests.csv", None =>
        Description::new("ledger", "The request log as CSV, newest first", 200, "One row by request.")
            .details(sentences::REQUESTS_CSV).asks::<parameters::RequestsCsvParameters>().gives_csv();
    GetRequest: Get "requests/{id}", None =>
        Description::new("ledger", "Show a request of the log", 200, "The request.").details(sentences::REQUEST)
            .gives::<requests::RequestView<'_>>();
    Audit: Get "audit", None =>
        Description::new("audit", "The audit log, newest first", 200, "One page.").details(sentences::AUDIT)
            .asks::<parameters::AuditParameters>().gives::<audit_log::AuditLogView<'_>>();
    AuditFile: Get "audit.csv", None =>
        Description::new("audit", "The audit log as a file", 200, sentences::AUDIT_FILE).details(sentences::AUDIT_ROWS)
            .asks::<parameters::AuditParameters>().gives_csv();
    ListAccounts: Get "accounts", None =>
        Description::new("accounts", "List accounts", 200, "All of them.").gives::<accounts::AccountsView<'_>>();
    CreateAccount: Post "accounts", Object =>
        Description::new("accounts", "Create an account", 201, "The new account.")
            .takes::<bodies::AccountCreateBody>().gives::<accounts::AccountView<'_>>().names_state();
    ChangeAccount: Patch "accounts/{id}", Object =>
        Description::new("accounts", "Change an account", 200, "The account as it is now.").details(sentences::ACCOUNT)
            .takes::<bodies::AccountChangeBody>().gives::<accounts::AccountView<'_>>()
            .names_state().checks_state();
    DeleteAccount: Delete "accounts/{id}", None =>
        Description::new("accounts", "Delete an account", 204, "It is gone.").details(sentences::ACCOUNT).checks_state();
    ChangeOwnPassword: Post "account/password", Object =>
        Description::new("accounts", "Change the caller's password", 200, "A new session; all others of the account have ended.")
            .takes::<bodies::OwnPasswordBody>().gives::<session::LoginView<'_>>()
            .sets_cookies("That of the new session.").fails(&[ErrorResponse::TooManyLogins]);
    NewTotpSecret: Post "account/totp", None =>
        Description::new("accounts", "Make a secret for one-time codes", 200, "The secret, which is not stored yet.")
            .gives::<own_account::TotpSecretView>();
    SetTotp: Put "account/totp", Object =>
        Description::new("accounts", "Switch one-time codes on or off", 200, "The recovery codes; they are never shown again.")
            .takes::<bodies::TotpBody>().gives::<own_account::RecoveryCodesView>()
            .fails(&[ErrorResponse::TooManyLogins, ErrorResponse::Misconfigured]);
    OwnKey: Get "me", None =>
        Description::new("me", "Show the caller's client key", 200, "The client key.")
            .gives::<keys::ClientKeyView<'_>>().names_state();
    OwnAllowance: Get "me/allowance", None =>
        Description::new("me", "Show what the caller's client key has used of its limits", 200, "The use of each limit that it has.")
            .gives::<limit_usage::LimitUsageView>();
    OwnUsage: Get "me/usage", None =>
        Description::new("me", "Usage of the caller's client key", 200, "Rows by bucket and model.")
            .asks::<parameters::OwnUsageParameters>().gives::<usage::UsageView<'_>>();
    OwnRequests: Get "me/requests", None =>
        Description::new("me", "Requests of the caller's client key, newest first", 200, "One page.")
            .asks::<parameters::OwnRequestsParameters>().gives::<me::OwnPageView<'_>>();
    Openapi: Get "openapi.json", None =>
        Description::new("health", "This document", 200, "An OpenAPI 3.1 document.")
            .gives::<std::collections::BTreeMap<String, serde_json::Value>>();
}

impl Verb {
    /// As requests have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn is(self, method: &Method) -> bool {
        method == self.name() || (self == Self::Get && method == Method::HEAD)
    }
}

/// The operation of a request and the id in its path, which is empty where the path has none. Fails with 404 for a path
/// that no operation has, and with 405 for a method that the path does not have.
pub fn find<'p>(method: &Method, path: &'p str) -> Result<(Operation, &'p str), GatewayError> {
    let mut allow: Vec<&str> = Vec::new();
    if let Some(path) = path.strip_prefix(ROOT) {
        for operation in Operation::ALL.iter().copied() {
            let Some(id) = id_in(operation.path(), path) else {
                continue;
            };
            let verb = operation.verb();
            if verb.is(method) {
                return Ok((operation, id));
            }
            let heads = (verb == Verb::Get).then_some("HEAD");
            for name in [verb.name()].into_iter().chain(heads) {
                if !allow.contains(&name) {
                    allow.push(name);
                }
            }
        }
    }
    if allow.is_empty() {
        return Err(ErrorCode::NotFound.error("There is no such path in the admin API."));
    }
    let allow = allow.join(", ");
    Err(ErrorCode::MethodNotAllowed
        .error(format!("This path has these methods: {allow}."))
        .with_allow(allow))
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
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys();
            let methods = methods.filter(|name| *name != "parameters");
            described.extend(methods.map(|name| (name.to_uppercase(), path.clone())));
        }
        let routed: BTreeSet<_> = Operation::ALL
            .iter()
            .map(|operation| {
                (
                    operation.verb().name().to_owned(),
                    format!("/{}", operation.path()),
                )
            })
            .collect();
        // As many as entries: none of them hides another one.
        assert_eq!(routed.len(), Operation::ALL.len());
        assert_eq!(described, routed);
    }

    #[test]
    fn every_operation_is_found_by_its_own_method_and_path() {
        for operation in Operation::ALL.iter().copied() {
            let path = format!("{ROOT}{}", operation.path().replace("{id}", "x_1"));
            let id = if operation.path().contains("{id}") {
                "x_1"
            } else {
                ""
            };
            let method: Method = operation.verb().name().parse().unwrap();
            assert_eq!(find(&method, &path).unwrap(), (operation, id));
            if operation.verb() == Verb::Get {
                assert_eq!(find(&Method::HEAD, &path).unwrap(), (operation, id));
            }
            let error = find(&Method::OPTIONS, &path).unwrap_err();
            assert_eq!(error.status.as_u16(), 405);
            assert!(error.allow.unwrap().contains(operation.verb().name()));
        }
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
        for path in [
            "/admin/api/nothing",
            "/admin/apichannels",
            "/admin/api",
            "/",
        ] {
            assert_eq!(find(&Method::GET, path).unwrap_err().status.as_u16(), 404);
        }
    }
}
