//! The state directory as a host finds it: damaged, open to others, copied.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::support::{self, Host};

/// Flips bits of 64 bytes, spread over the file.
fn flip_bytes(path: &Path) -> std::io::Result<()> {
    let mut bytes = fs::read(path)?;
    let step = bytes.len() / 65;
    for number in 1..=64 {
        bytes[number * step] ^= 0xa5;
    }
    fs::write(path, bytes)
}

#[test]
fn compiled_code_that_was_damaged_never_runs() {
    let host = Host::start(&[]);
    let cache = host.state().join("cache");
    let folder = host.stop();
    let compiled = fs::read_dir(cache).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&compiled).unwrap();
    flip_bytes(&compiled).unwrap();
    let host = Host::start_in(folder, &[]);
    assert_eq!(host.get("/variable").status, 200);
    assert!(
        host.stderr().contains("compiled again"),
        "{}",
        host.stderr()
    );
    assert_eq!(fs::read(&compiled).unwrap().len(), whole.len());
}

#[test]
fn an_empty_key_value_file_is_not_a_new_one() {
    let host = Host::start(&[]);
    host.get("/key-value");
    let file = host.state().join("sqlite_key_value.db");
    let folder = host.stop();
    fs::write(&file, "").unwrap();
    let refusal = Host::refusal(folder.path());
    assert!(refusal.contains("is damaged (it is empty)"), "{refusal}");
    assert!(refusal.contains("restore FOLDER"), "{refusal}");
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[test]
fn what_others_could_read_they_cannot_after_a_start() {
    let folder = Host::start(&[]).stop();
    let state = folder.path().join("state");
    let file = state.join("sqlite_key_value.db");
    for (path, mode) in [(&state, 0o755), (&file, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let host = Host::start_in(folder, &[]);
    host.get("/key-value");
    assert_eq!(
        state.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", path.display());
    }
}

#[test]
fn a_backup_of_a_running_host_is_restored_elsewhere() {
    let host = Host::start(&[]);
    host.get("/key-value");
    let backup = host.folder().join("backup");
    let run = |words: [&str; 2], state: &Path| {
        Command::new(env!("CARGO_BIN_EXE_local-host"))
            .args(words)
            .arg("--state")
            .arg(state)
            .output()
            .unwrap()
    };
    let made = run(["backup", backup.to_str().unwrap()], &host.state());
    assert!(made.status.success(), "{made:?}");
    let elsewhere = support::folder(support::probe());
    let state = elsewhere.path().join("state");
    let restored = run(["restore", backup.to_str().unwrap()], &state);
    assert!(restored.status.success(), "{restored:?}");
    let in_use = run(["restore", backup.to_str().unwrap()], &host.state());
    assert!(!in_use.status.success(), "{in_use:?}");
    let other = Host::start_in(elsewhere, &[]);
    let kept = other.get("/key-value").text();
    assert!(kept.starts_with("Some([118])"), "{kept}");
}
