//! The native host as a process: restarts, signals, watched files, and the state that it shares with the local host. What
//! requests get is `e2e`'s, which runs on it too.

mod backup;
mod files;
mod restart;
mod state;

/// What a test returns: an error is a failure of the machinery, an assertion one of the host.
type Outcome = anyhow::Result<()>;
