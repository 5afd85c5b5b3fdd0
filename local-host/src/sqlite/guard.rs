//! What a component's statements may do: anything to its own database, nothing to other files, and within bounds.

use std::{
    os::raw::c_int,
    sync::{Arc, atomic::Ordering},
};

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};

use super::session::Flags;

/// Longest text, blob or row.
const MAX_VALUE_BYTES: i32 = 16 << 20;
/// Longest statement.
const MAX_STATEMENT_BYTES: i32 = 1 << 20;
/// Steps of SQLite's machine between two checks whether the connection is still in use; well below a millisecond.
const STEPS: c_int = 10_000;

/// How the file is stored and locked is up to the host: these have no effect. A change of the journal would need a turn
/// to write, and an exclusive lock would block all others.
const OF_THE_HOST: [&str; 4] = [
    "busy_timeout",
    "journal_mode",
    "locking_mode",
    "synchronous",
];
/// These name folders of the machine, and one allows forging the schema.
const FORBIDDEN: [&str; 3] = [
    "data_store_directory",
    "temp_store_directory",
    "writable_schema",
];

/// Restricts a connection; its statements end when the flags mark it as closed, and the flags are set when a statement
/// may alter the connection itself.
pub fn restrict(connection: &Connection, flags: Arc<Flags>) -> rusqlite::Result<()> {
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_STATEMENT_BYTES)?;
    let of_statements = Arc::clone(&flags);
    let is_closed = move || of_statements.is_closed.load(Ordering::Relaxed);
    connection.progress_handler(STEPS, Some(is_closed))?;
    connection.authorizer(Some(move |asked: AuthContext<'_>| {
        let answer = authorize(asked.action);
        if answer == Authorization::Allow && alters(asked.action) {
            flags.is_altered.store(true, Ordering::Relaxed);
        }
        answer
    }))
}

/// Whether the connection keeps state that is not in the database.
const fn alters(action: AuthAction<'_>) -> bool {
    matches!(
        action,
        AuthAction::Attach { .. }
            | AuthAction::Pragma { .. }
            | AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. }
    )
}

fn authorize(action: AuthAction<'_>) -> Authorization {
    match action {
        // As in Spin: a temporary database and one in memory, the first of which VACUUM needs.
        AuthAction::Attach {
            filename: "" | ":memory:",
        } => Authorization::Allow,
        // A file name that is an expression is reported as unknown; so is any action that a newer SQLite adds.
        AuthAction::Attach { .. } | AuthAction::Unknown { .. } => Authorization::Deny,
        AuthAction::Function { function_name }
            if function_name.eq_ignore_ascii_case("load_extension") =>
        {
            Authorization::Deny
        }
        AuthAction::Pragma { pragma_name, .. } if is_one_of(pragma_name, &FORBIDDEN) => {
            Authorization::Deny
        }
        AuthAction::Pragma { pragma_name, .. } if is_one_of(pragma_name, &OF_THE_HOST) => {
            Authorization::Ignore
        }
        _ => Authorization::Allow,
    }
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}
