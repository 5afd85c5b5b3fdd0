//! The admin password of a state directory. Owns the file `admin-password`; starts nothing.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The variable through which Spin and the local host get the password.
pub const VARIABLE: &str = "SPIN_VARIABLE_ADMIN_PASSWORD";

/// Fewer characters than this are rejected here and by the gateway.
const SHORTEST: usize = 8;

/// Letters and digits that are not confused with each other; 32 of them, so that each byte maps to one without bias.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Characters of a generated password: 26 of five bits each are 130 bits.
const LENGTH: usize = 26;

/// Where the password in force comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// The caller's environment.
    Environment,
    /// The state directory, from an earlier start.
    File(PathBuf),
    /// Generated now and kept in the file.
    Made(PathBuf),
}

/// The password that the environment gives; an empty one counts as none, as for the gateway.
pub fn given(variable: Option<String>) -> Result<Option<String>> {
    let password = variable.filter(|password| !password.is_empty());
    if let Some(password) = &password {
        check(password, VARIABLE)?;
    }
    Ok(password)
}

/// The password to serve with, and where it comes from: the given one, the kept one, or a new one.
pub fn choose(state: &Path, given: Option<String>) -> Result<(String, Source)> {
    if let Some(password) = given {
        return Ok((password, Source::Environment));
    }
    let file = state.join("admin-password");
    if let Some(password) = read(&file)? {
        return Ok((password, Source::File(file)));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)
        .with_context(|| format!("cannot make the state directory {}", state.display()))?;
    let password = random()?;
    if publish(&file, &password)? {
        return Ok((password, Source::Made(file)));
    }
    // Another start on the same directory was faster: its password is the one that was printed.
    let password = read(&file)?.context("the password file disappeared while it was read")?;
    Ok((password, Source::File(file)))
}

/// The password of an earlier start on this state directory.
pub fn kept(state: &Path) -> Result<Option<String>> {
    read(&state.join("admin-password"))
}

fn check(password: &str, whence: &str) -> Result<()> {
    let length = password.chars().count();
    if length < SHORTEST {
        bail!(
            "the admin password in {whence} has {length} characters; at least {SHORTEST} are needed"
        );
    }
    Ok(())
}

fn read(file: &Path) -> Result<Option<String>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let password = text.trim_end_matches(['\r', '\n']);
    check(password, &file.display().to_string())
        .context("delete the file to have a new password made, or write a longer one into it")?;
    Ok(Some(password.to_owned()))
}

/// Stores the password atomically; `false` if there is one already.
fn publish(file: &Path, password: &str) -> Result<bool> {
    let draft = file.with_extension(format!("new-{}", std::process::id()));
    let write = || -> io::Result<bool> {
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        writeln!(out, "{password}")?;
        out.sync_all()?;
        // A link, unlike a rename, never replaces what another start has put there.
        match fs::hard_link(&draft, file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    };
    let outcome = write().with_context(|| format!("cannot write {}", file.display()));
    // Also after a failure; an error here would only hide the first one.
    let _ = fs::remove_file(&draft);
    outcome
}

fn random() -> Result<String> {
    let mut bytes = [0; LENGTH];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read random bytes from /dev/urandom")?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_first_start_makes_a_password_and_later_ones_find_it() {
        let state = Folder::new("first");
        let (made, source) = choose(&state.0, None).unwrap();
        let file = state.0.join("admin-password");
        assert_eq!(source, Source::Made(file.clone()));
        assert_eq!(made.len(), LENGTH);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(&state.0).unwrap().count(),
            1,
            "no draft is left behind"
        );
        let unset = given(Some(String::new())).unwrap();
        let again = choose(&state.0, unset).unwrap();
        assert_eq!(again, (made, Source::File(file)));
    }

    #[test]
    fn two_made_passwords_differ() {
        assert_ne!(random().unwrap(), random().unwrap());
    }

    #[test]
    fn the_environment_wins_and_makes_no_file() {
        let state = Folder::new("environment");
        let chosen = choose(&state.0, Some("long enough".to_owned())).unwrap();
        assert_eq!(chosen, ("long enough".to_owned(), Source::Environment));
        assert!(!state.0.exists());
    }

    #[test]
    fn short_passwords_are_refused_without_being_shown() {
        let state = Folder::new("short");
        let error = given(Some("hunter2".to_owned())).unwrap_err();
        assert!(error.to_string().contains("has 7 characters"), "{error}");
        assert!(!format!("{error:#}").contains("hunter2"));
        fs::create_dir_all(&state.0).unwrap();
        fs::write(state.0.join("admin-password"), "\n").unwrap();
        let error = choose(&state.0, None).unwrap_err();
        assert!(
            format!("{error:#}").contains("has 0 characters"),
            "{error:#}"
        );
    }

    #[test]
    fn a_password_that_is_there_is_never_replaced() {
        let state = Folder::new("race");
        fs::create_dir_all(&state.0).unwrap();
        let file = state.0.join("admin-password");
        assert!(publish(&file, "the first one").unwrap());
        assert!(!publish(&file, "the second one").unwrap());
        assert_eq!(read(&file).unwrap().as_deref(), Some("the first one"));
    }
}
