//! What the core requires of its host. Owns the contracts, no behaviour.
//!
//! The futures are not `Send`: every host runs one instance on one thread.
#![expect(
    async_fn_in_trait,
    reason = "the core is single-threaded by design; no caller may ask for Send futures"
)]

pub mod delegation;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::logging::LogPolicy;
use crate::sql::{SqlError, SqlRow, Statement};
use crate::units::Timestamp;

/// Time, as the host sees it.
pub trait Clock {
    /// Now, in UTC. May not advance while no I/O happens (Workers); never panics.
    fn now(&self) -> Timestamp;
    /// Returns after `duration`, or a little later.
    async fn sleep(&self, duration: Duration);
}

/// Randomness.
pub trait Random {
    /// A well-distributed number for balancing; fast, needs not be unpredictable.
    fn next_u64(&self) -> u64;
    /// Fills `bytes` from a cryptographic source; for keys, tokens and ids.
    fn fill_secure(&self, bytes: &mut [u8]);
}

/// A place to write one line of the gateway's own log.
pub trait Log: Clock {
    /// Writes one line, in the form and only if [`Log::policy`] says so: see [`LogPolicy::note`]. Never called with a
    /// secret in it. Provided; hosts implement the three below.
    fn line(&self, text: fmt::Arguments<'_>) {
        if let Some(text) = self.policy().note(self.now(), text) {
            self.finished_line(format_args!("{text}"));
        }
    }
    /// Writes one line as it is.
    fn finished_line(&self, text: fmt::Arguments<'_>);
    /// The policy that was last set; the default before one is.
    fn policy(&self) -> LogPolicy;
    /// Sets which lines the gateway writes, for the whole instance.
    fn set_policy(&self, policy: LogPolicy);
}

/// A setting that the operator gives to the host, outside the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The password of the panel.
    AdminPassword,
    /// Encrypts upstream keys at rest.
    MasterKey,
    /// Bearer token that reads the metrics.
    MetricsToken,
    /// A whole configuration, applied when an instance starts.
    Config,
    /// Which lines are written to the log, and in which form.
    Log,
    /// The OIDC provider that people can sign in with.
    OidcIssuer,
    /// The gateway's name at the provider.
    OidcClientId,
    /// The gateway's secret at the provider.
    OidcClientSecret,
    /// What is requested of the provider.
    OidcScopes,
    /// Where a user's roles or groups are in the claims.
    OidcRoleClaim,
    /// Values of the claim that make an owner.
    OidcOwnerValues,
    /// Values of the claim that make an admin.
    OidcAdminValues,
    /// Values of the claim that make a viewer.
    OidcViewerValues,
    /// What the provider is called on the login page.
    OidcLabel,
    /// The origin under which browsers reach the gateway.
    PublicUrl,
}

impl Variable {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::AdminPassword,
        Self::MasterKey,
        Self::MetricsToken,
        Self::Config,
        Self::Log,
        Self::OidcIssuer,
        Self::OidcClientId,
        Self::OidcClientSecret,
        Self::OidcScopes,
        Self::OidcRoleClaim,
        Self::OidcOwnerValues,
        Self::OidcAdminValues,
        Self::OidcViewerValues,
        Self::OidcLabel,
        Self::PublicUrl,
    ];

    /// The variable's name in lower case, as in a Spin manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdminPassword => "admin_password",
            Self::MasterKey => "master_key",
            Self::MetricsToken => "metrics_token",
            Self::Config => "config",
            Self::Log => "log",
            Self::OidcIssuer => "oidc_issuer",
            Self::OidcClientId => "oidc_client_id",
            Self::OidcClientSecret => "oidc_client_secret",
            Self::OidcScopes => "oidc_scopes",
            Self::OidcRoleClaim => "oidc_role_claim",
            Self::OidcOwnerValues => "oidc_owner_values",
            Self::OidcAdminValues => "oidc_admin_values",
            Self::OidcViewerValues => "oidc_viewer_values",
            Self::OidcLabel => "oidc_label",
            Self::PublicUrl => "public_url",
        }
    }

    /// The same in capitals, as in the environment of a process.
    pub fn upper_name(self) -> String {
        self.name().to_ascii_uppercase()
    }
}

/// A variable could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct VariableError(
    /// The host's message; contains no value.
    pub String,
);

/// A variable that could not be read; the next request tries again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the variable `{}` cannot be read: {error}", .variable.name())]
pub struct UnreadableVariable {
    /// Its name.
    pub variable: Variable,
    /// The host's error.
    pub error: VariableError,
}

/// The host's variables. Their values do not change while an instance lives; each is read once.
pub trait Variables {
    /// The variable's value; `None` when it is not set. An empty value means the same.
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError>;
}

/// Work that goes on after the response.
pub trait Background {
    /// Runs `work` to its end, after the response where the host can, and never delays the response.
    fn spawn(&self, work: impl Future<Output = ()> + 'static);
}

/// The store did not perform the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(
    /// The host's message, for the log; never sent to a client.
    pub String,
);

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "store: {}", self.0)
    }
}

impl std::error::Error for StoreError {}

/// The names of the values that the gateway keeps in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKey {
    /// The configuration document: channels and settings, and either the client keys or the names of the records that
    /// have them. One value, so that no write can be torn.
    Config,
    /// The last configuration that was damaged, and that an import has replaced; for repair by hand.
    DamagedConfig,
    /// A part of the client keys, under a name that is used once: it never changes, until it is removed.
    ClientKeys(u64),
    /// The random secret that session tokens are signed with.
    SessionSecret,
    /// Failed logins, for the throttle.
    LoginFailures,
    /// Failed logins of devices that have logged in before. Separate from the others', so that strangers cannot cause
    /// conflicts of its writes.
    DeviceFailures,
    /// Sessions that were logged out before their time.
    EndedSessions,
    /// The last one-time code that each account has used, so that none works twice.
    UsedCodes,
    /// The health of upstream keys, channels and models that failed.
    Health,
    /// How many records of requests were lost because the database did not accept them, in decimal digits.
    DroppedRecords,
    /// The model lists of upstreams.
    ModelLists,
    /// How many entries of the audit log were lost because the database did not accept them, in decimal digits.
    LostAuditEntries,
}

impl StoreKey {
    /// The record's key in the store.
    pub fn key(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::ClientKeys(name) => return Cow::Owned(format!("gateway/keys/{name:016x}")),
            Self::Config => "gateway/config",
            Self::DamagedConfig => "gateway/damaged-config",
            Self::SessionSecret => "gateway/session-secret",
            Self::LoginFailures => "gateway/login-failures",
            Self::DeviceFailures => "gateway/device-failures",
            Self::EndedSessions => "gateway/ended-sessions",
            Self::UsedCodes => "gateway/used-codes",
            Self::Health => "gateway/health",
            Self::DroppedRecords => "gateway/dropped-records",
            Self::ModelLists => "gateway/model-lists",
            Self::LostAuditEntries => "gateway/lost-audit-entries",
        })
    }
}

/// How far the store is from an instance. It decides how often an instance reads it, and when requests wait for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreDistance {
    /// A read takes a few milliseconds and costs nothing.
    #[default]
    Near,
    /// A read may go to another part of the world and is charged for: requests do not wait for one while no upstream fails.
    Far,
}

/// Reads of the shared store.
pub trait ReadStore {
    /// How far the store is. Does not change while an instance lives.
    fn distance(&self) -> StoreDistance {
        StoreDistance::Near
    }

    /// The record's newest value, or `None` when it was never written. At most as stale as the host's store is.
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError>;
}

/// How a compare-and-swap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The new value is in the store.
    Done,
    /// Another writer came in between; nothing was changed. Read again and repeat.
    Conflict,
}

/// Writes to the shared store.
pub trait WriteStore: ReadStore {
    /// Replaces the record by `new` if it still is `expected` (`None`: absent), atomically: of two
    /// writers that expect the same value exactly one succeeds. Not idempotent.
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError>;
    /// Writes a record whatever it was: one that no other writer knows of, since its name is new and random, or one of
    /// which the last write counts. Idempotent.
    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError>;
    /// Removes a record that nothing refers to. Idempotent; does nothing if it is absent.
    async fn remove(&self, record: StoreKey) -> Result<(), StoreError>;
}

/// Which database a transaction is about. Hosts with one database (Spin) keep both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlTarget<'a> {
    /// The ledger: requests and their usage.
    Ledger,
    /// The usage of the client key with this id against its limits. Transactions of one key take effect one after the
    /// other, also between instances; on Workers each key has its own Durable Object.
    Limits(&'a str),
}

/// The host's SQL database.
pub trait Sql {
    /// Whether the usage of all client keys is in one database, so that one transaction can be about any of them.
    const LIMITS_ARE_TOGETHER: bool = true;

    /// Whether the host charges for each row that is written, rows of indexes included (D1): the ledger then writes as few
    /// as it can. Does not change while an instance lives, nor while a database does.
    fn charges_for_rows(&self) -> bool {
        false
    }

    /// Runs the statements in order, in one transaction: all of them take effect, or none does. Returns the rows of
    /// each. Other instances see the effects as soon as this returns. Not idempotent: after an error the caller does
    /// not know whether the transaction took place, unless the error says so. Dropped early, it takes effect entirely
    /// or not at all.
    async fn transact(
        &self,
        target: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError>;
}

/// How long an upstream may take, per phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// From the call to an established connection, TLS included.
    pub connect: Duration,
    /// From the sent request to the response's head.
    pub first_byte: Duration,
    /// Between two pieces of the response's body.
    pub idle: Duration,
}

/// Which part of a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    /// The name did not resolve.
    Dns,
    /// No connection: refused, unreachable, or not within the connect timeout.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke, or the peer did not speak HTTP.
    Reset,
    /// The same before anything of the response, on a connection that the host may have kept from an earlier call: its
    /// peer may just have closed it for being idle. Only from [`Upstream::send`], by hosts that cannot distinguish the
    /// two.
    MaybeStale,
    /// The response's head, or a further piece of its body, did not arrive in time.
    Timeout,
    /// The host does not allow calls to this origin.
    Denied,
    /// The host ended the call because its client disconnected. Says nothing about the upstream.
    ClientGone,
}

impl SendErrorKind {
    /// The phase of a connection that broke again.
    #[must_use]
    pub const fn repeated(self) -> Self {
        match self {
            Self::MaybeStale => Self::Reset,
            kind => kind,
        }
    }
}

/// A call that got no whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// The phase that failed.
    pub kind: SendErrorKind,
    /// The host's message, for the log and for error messages; contains no secret.
    pub detail: String,
}

/// Calls to upstream services.
pub trait Upstream {
    /// The response's body; dropping it ends the upstream's connection.
    type Body: http_body::Body<Data = Bytes, Error = SendError> + Unpin + 'static;

    /// Sends the request and returns as soon as the response's head is there. Follows no redirect,
    /// repeats nothing. Enforces all three timeouts, the idle one while the body is read.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<http::Response<Self::Body>, SendError>;
}

/// What the proxy needs. Cheap to clone: response bodies and background work keep a copy.
pub trait ProxyPorts:
    Clock + Random + Log + Background + WriteStore + Sql + Upstream + Clone + 'static
{
}

impl<T: Clock + Random + Log + Background + WriteStore + Sql + Upstream + Clone + 'static>
    ProxyPorts for T
{
}

/// What the admin API needs.
pub trait AdminPorts: Clock + Random + Log + WriteStore + Sql + Upstream {}

impl<T: Clock + Random + Log + WriteStore + Sql + Upstream> AdminPorts for T {}

impl<P: Clock> Clock for &P {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    async fn sleep(&self, duration: Duration) {
        (**self).sleep(duration).await;
    }
}

impl<P: Sql> Sql for &P {
    const LIMITS_ARE_TOGETHER: bool = P::LIMITS_ARE_TOGETHER;

    fn charges_for_rows(&self) -> bool {
        (**self).charges_for_rows()
    }

    async fn transact(
        &self,
        target: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        (**self).transact(target, statements).await
    }
}
