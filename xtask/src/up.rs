//! `cargo xtask up`: build, choose the admin password, become the local host.
//!
//! Owns the start only. Serving, and saying what is wrong with an address or a state directory, is the host's.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::build;
use crate::job::{Progress, shown};
use crate::options::Up;
use crate::password::{self, Source};
use crate::workspace::Workspace;

/// Returns only if something went wrong: otherwise this process has become the host.
pub fn run(workspace: &Workspace, options: &Up) -> Result<()> {
    let state = state_directory(workspace, options)?;
    // Before the build, which may take minutes: an invalid password should be rejected at once.
    let given = password::given(env::var(password::VARIABLE).ok())?;
    build::everything(workspace, &Progress::new(options.quiet))?;
    // After it: a password that is shown only once must not be made by a start that fails.
    let (password, source) = password::choose(&state, given)?;
    if let Source::Made(file) = &source {
        println!(
            "Admin password (shown this once, kept in {}): {password}",
            near(file)
        );
    }
    let mut host = host(workspace, options, &state, &source);
    host.env(password::VARIABLE, password);
    // Replaced, not started: the process that a supervisor signals is then the one that serves.
    let error = host.exec();
    Err(error).with_context(|| format!("cannot start `{}`", shown(&host)))
}

fn state_directory(workspace: &Workspace, options: &Up) -> Result<PathBuf> {
    let state = match &options.state {
        Some(state) => env::current_dir()?.join(state),
        None => workspace.path(".gateway"),
    };
    Ok(state)
}

fn host(workspace: &Workspace, options: &Up, state: &Path, source: &Source) -> Command {
    let mut host = Command::new(workspace.program("local-host"));
    host.arg("--manifest").arg(workspace.path("spin.toml"));
    host.args(["--listen", &options.listen]);
    host.arg("--state").arg(state);
    if options.quiet {
        host.arg("--quiet");
    }
    host.arg("--ready-message").arg(ready_message(source));
    host
}

/// The host's line; it fills in the address. Never the password itself: arguments are visible to other users.
fn ready_message(source: &Source) -> String {
    let log_in = match source {
        Source::Environment => format!("the password in {}", password::VARIABLE),
        Source::File(file) => format!("the password in {}", near(file)),
        Source::Made(_) => "the password above".to_owned(),
    };
    format!("AI Gateway: http://{{addr}}/v1  panel: http://{{addr}}/admin  log in with {log_in}")
}

/// A path as the reader would type it from where they are.
fn near(file: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    file.strip_prefix(here)
        .unwrap_or(file)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_says_how_to_log_in_and_leaves_the_address_to_the_host() {
        let message = ready_message(&Source::File("/srv/state/admin-password".into()));
        assert_eq!(
            message,
            "AI Gateway: http://{addr}/v1  panel: http://{addr}/admin  \
             log in with the password in /srv/state/admin-password"
        );
    }
}
