//! The tidy test: the tree keeps its shape. Owns what can be checked by reading files; runs nothing.
//!
//! Each check is a function from text to complaints, with a test that shows it a bad sample: a check that cannot fail
//! is useless.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "a tree that cannot be read is a failed test"
)]

mod arrows;
mod docs;
mod graph;
mod manifests;
mod names;
mod sizes;
mod tree;
mod watch;
mod words;
mod workflows;

use std::sync::LazyLock;

use graph::Graph;
use tree::{SourceFile, files};

/// The modules of the core, read once for all checks of them.
static CORE: LazyLock<Graph> = LazyLock::new(|| Graph::of(&files()));

/// Fails with all complaints at once, so that one run shows everything there is to fix.
fn expect_none(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

fn of_all(check: fn(&SourceFile) -> Vec<String>) {
    let files = files();
    assert!(files.len() > 50, "only {} files were found", files.len());
    let complaints: Vec<_> = files.iter().flat_map(check).collect();
    expect_none(&complaints);
}

#[test]
fn files_are_of_a_size_that_can_be_read() {
    of_all(sizes::of_file);
}

#[test]
fn functions_are_of_a_size_that_can_be_read() {
    of_all(sizes::of_functions);
}

#[test]
fn the_components_are_shells() {
    expect_none(&sizes::of_shells(&files()));
}

#[test]
fn every_module_says_what_it_owns() {
    of_all(words::header);
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    of_all(words::forbidden);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    of_all(words::local_paths);
}

#[test]
fn unsafe_code_is_forbidden_outside_the_hosts() {
    of_all(words::unsafe_forbidden);
}

#[test]
fn crates_depend_on_each_other_only_along_the_arrows() {
    expect_none(&arrows::between_crates(&files()));
}

#[test]
fn folders_of_the_core_use_only_what_their_row_allows() {
    expect_none(&CORE.arrows());
}

#[test]
fn no_modules_of_the_core_use_each_other_in_a_ring() {
    expect_none(&CORE.rings());
}

#[test]
fn no_two_types_of_the_core_have_the_same_name() {
    expect_none(&names::repeated(&files()));
}

#[test]
fn pure_files_of_the_core_know_no_port() {
    expect_none(&CORE.ports());
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    of_all(manifests::lints);
}

#[test]
fn every_dependency_of_the_workspace_is_used() {
    expect_none(&manifests::unused_dependencies(&files()));
}

#[test]
fn spin_toml_names_what_is_built_and_what_it_may_reach() {
    let files = files();
    let manifest = files.iter().find(|file| file.path == "spin.toml");
    expect_none(&manifests::spin(
        &manifest.expect("there is a spin.toml").text,
    ));
}

#[test]
fn workflows_run_the_commands_of_the_repository() {
    let commands = docs::commands();
    let files = files();
    let workflows: Vec<_> = files
        .iter()
        .filter(|file| file.path.starts_with(workflows::FOLDER))
        .collect();
    assert!(workflows.len() >= 2, "there are workflows");
    let complaints = workflows
        .iter()
        .flat_map(|file| workflows::of_file(file, &commands));
    expect_none(&complaints.collect::<Vec<_>>());
}

/// Otherwise `spin watch` builds for ever.
#[test]
fn no_build_writes_what_is_watched() {
    let read = |path: &str| {
        let path = gateway_tests::workspace_root().join(path);
        std::fs::read_to_string(path).expect("the tree has this file")
    };
    let ignored = read(".gitignore");
    expect_none(&watch::matched(
        &read("spin.toml"),
        &watch::made(&ignored, &files()),
    ));
    // What the panel's build makes beside `dist` is among what was checked.
    expect_none(&watch::kept(
        &ignored,
        &read("admin-ui/web/tools/api-types.mjs"),
    ));
}
