//! The documentation agrees with the repository. Owns which files are checked for what; how is the modules' matter.

mod links;
mod markdown;
mod pages;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use self::links::Commands;
use self::links::{Tree, resolved};
use self::markdown::Page;
use super::expect_none;
use super::tree::{self, SourceFile};

const ERRORS: &str = "docs/operate/errors.md";
const ADMIN_API: &str = "docs/reference/admin-api.md";
const CONFIGURATION: &str = "docs/reference/configuration.md";
const VARIABLES: &str = "docs/reference/variables.md";
const USAGE: &str = "docs/operate/usage.md";
const CORE: &str = "crates/gateway-core/src";
/// Lines of a decision record.
const MAX_RECORD_LINES: usize = 60;

fn read(path: &str) -> String {
    let path = gateway_tests::workspace_root().join(path);
    std::fs::read_to_string(path).expect("the tree has this file")
}

fn page(path: &str) -> Page {
    Page::parse(&read(path))
}

fn openapi() -> Value {
    serde_json::from_str(&read(&format!("{CORE}/admin/openapi.json"))).expect("it is JSON")
}

/// All Markdown files, those of parts of the repository included.
fn markdown_files() -> Vec<SourceFile> {
    let files: Vec<_> = tree::files()
        .into_iter()
        .filter(|file| file.is("md"))
        .collect();
    assert!(files.len() > 40, "only {} files were found", files.len());
    files
}

/// What users and contributors read.
fn is_documentation(file: &SourceFile) -> bool {
    file.path.starts_with("docs/") || !file.path.contains('/')
}

#[test]
fn every_link_leads_somewhere() {
    let files = markdown_files();
    let files: Vec<_> = files.iter().collect();
    expect_none(&links::links(&files, &Tree::new(tree::paths())));
}

#[test]
fn every_picture_is_shown() {
    let files = markdown_files();
    let links = files.iter().flat_map(|file| {
        let links = Page::parse(&file.text).links();
        let paths = links
            .into_iter()
            .filter_map(|(_, link)| resolved(&file.path, &link));
        paths.collect::<Vec<_>>()
    });
    let shown: BTreeSet<String> = links.collect();
    let pictures = tree::paths().into_iter();
    let pictures: BTreeSet<_> = pictures
        .filter(|path| path.starts_with("docs/images/"))
        .collect();
    assert!(pictures.len() > 10);
    let unused: Vec<_> = pictures.difference(&shown).cloned().collect();
    expect_none(&unused);
}

#[test]
fn every_path_that_is_named_exists() {
    let tree = Tree::new(tree::paths());
    let files = markdown_files();
    let files = files.iter().filter(|file| is_documentation(file));
    expect_none(
        &files
            .flat_map(|file| links::paths(file, &tree))
            .collect::<Vec<_>>(),
    );
}

/// The commands of `xtask`, and the steps of its `test`.
pub fn commands() -> Commands {
    Commands::of(&read("xtask/src/options.rs"), &read("xtask/src/steps.rs"))
}

#[test]
fn every_command_that_is_named_exists() {
    let commands = commands();
    let files = markdown_files();
    expect_none(
        &files
            .iter()
            .flat_map(|file| commands.check(file))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_row_of_a_table_has_all_its_cells() {
    let complaints = |file: &SourceFile| {
        let ragged = pages::ragged_tables(&Page::parse(&file.text));
        let path = file.path.clone();
        ragged.into_iter().map(move |row| format!("{path}: {row}"))
    };
    expect_none(
        &markdown_files()
            .iter()
            .flat_map(complaints)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_page_can_be_reached_from_the_index() {
    let files = markdown_files();
    let docs = files.iter().filter(|file| file.path.starts_with("docs/"));
    let links: BTreeMap<_, _> = docs
        .map(|file| {
            let links = Page::parse(&file.text).links();
            let paths = links.iter().filter_map(|(_, link)| link.split('#').next());
            let targets = paths.filter_map(|path| resolved(&file.path, path));
            (file.path.clone(), targets.collect())
        })
        .collect();
    expect_none(&pages::unreachable("docs/README.md", &links));
}

#[test]
fn both_languages_of_the_readme_are_in_step() {
    let (one, other) = (page("README.md"), page("README.zh-CN.md"));
    assert!(one.headings().len() > 3 && one.fences.len() > 3 && one.tables().len() > 1);
    expect_none(&pages::out_of_step(&one, &other));
    let links = |page: &Page, to: &str| page.links().iter().any(|(_, link)| link == to);
    assert!(links(&one, "README.zh-CN.md") && links(&other, "README.md"));
}

#[test]
fn every_error_code_has_its_cause_and_remedy() {
    let mut actual = pages::codes_of_the_enum(&read(&format!("{CORE}/error.rs")));
    assert!(actual.len() >= 25, "only {} codes were found", actual.len());
    // The one error that is an event of a stream.
    let relay = pages::literal_codes(&read(&format!("{CORE}/proxy/relay.rs")), "code: Some(\"");
    assert_eq!(relay, BTreeSet::from(["stream_incomplete".to_owned()]));
    actual.insert(("502".to_owned(), "stream_incomplete".to_owned()));
    // Those of the hosts, of which they share one with the core.
    let host: BTreeSet<_> = [
        "local-host/src/failures.rs",
        "crates/host-io/src/framing.rs",
    ]
    .iter()
    .flat_map(|file| pages::literal_codes(&read(file), "code: \""))
    .collect();
    assert!(host.len() >= 3);
    let documented = pages::documented_codes(&page(ERRORS));
    let (of_the_host, of_the_core): (BTreeSet<_>, BTreeSet<_>) = documented
        .into_iter()
        .partition(|pair| host.contains(&pair.1) && !actual.contains(pair));
    expect_none(&pages::differences(ERRORS, &of_the_core, &actual));
    let known = actual
        .iter()
        .chain(&of_the_host)
        .map(|(_, code)| code.clone());
    expect_none(&pages::differences(ERRORS, &known.collect(), &{
        let codes = actual.iter().map(|(_, code)| code.clone());
        codes.chain(host).collect()
    }));
}

#[test]
fn every_outcome_end_and_reason_is_described() {
    let document = openapi();
    let words = |schema: &Value| -> BTreeSet<String> {
        let words = schema["enum"].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let schemas = &document["components"]["schemas"];
    let outcomes = words(&schemas["AttemptOutcome"]);
    let mut ends = words(&schemas["RequestEnd"]);
    ends.extend(words(&schemas["Reason"]));
    assert!(outcomes.len() > 5 && ends.len() > 20);
    let documented = pages::documented_names(&page(ERRORS), "Outcomes of attempts");
    expect_none(&pages::differences(ERRORS, &documented, &outcomes));
    let documented = pages::documented_names(&page(USAGE), "What is recorded");
    expect_none(&pages::differences(USAGE, &documented, &ends));
}

#[test]
fn every_operation_of_the_admin_api_is_listed() {
    let actual = pages::operations(&openapi());
    assert!(
        actual.len() > 20,
        "only {} operations were found",
        actual.len()
    );
    let documented = pages::documented_operations(&page(ADMIN_API));
    expect_none(&pages::differences(ADMIN_API, &documented, &actual));
}

#[test]
fn every_field_of_the_configuration_is_listed() {
    let (document, page) = (openapi(), page(CONFIGURATION));
    for (heading, schema, ignored) in [
        ("Rules", "AlertRules", &[][..]),
        (
            "Destinations",
            "AlertDestinationChange",
            &["hint", "has_secret"][..],
        ),
        ("Channels", "ConfigChannelInput", &["revision"][..]),
        (
            "Client keys",
            "ConfigClientKeyInput",
            &["last_used_at", "revision"],
        ),
        ("Limits", "Limits", &[]),
        ("Settings", "SettingsInput", &[]),
        ("Prices", "Price", &[]),
    ] {
        let actual = pages::properties(&document, schema, ignored);
        assert!(actual.len() >= 3, "{schema} has only {actual:?}");
        let documented = pages::documented_names(&page, heading);
        let place = format!("{CONFIGURATION}, {heading}");
        expect_none(&pages::differences(&place, &documented, &actual));
    }
}

#[test]
fn every_variable_is_listed() {
    let manifest: toml::Table = read("spin.toml").parse().expect("it is TOML");
    let declared = manifest["variables"].as_table().expect("it is a table");
    let actual: BTreeSet<String> = declared
        .keys()
        .flat_map(|name| {
            [
                name.clone(),
                format!("SPIN_VARIABLE_{}", name.to_uppercase()),
            ]
        })
        .collect();
    let documented = pages::documented_names(&page(VARIABLES), "Variables");
    let is_spins = |name: &String| name.starts_with("SPIN_") || *name == name.to_lowercase();
    let documented = documented.into_iter().filter(is_spins).collect();
    expect_none(&pages::differences(VARIABLES, &documented, &actual));
}

#[test]
fn decision_records_have_their_parts_and_stay_short() {
    let files = markdown_files();
    let records = files
        .iter()
        .filter(|file| file.path.starts_with("docs/adr/") && file.name() != "README.md");
    let mut complaints = Vec::new();
    for (index, file) in records.enumerate() {
        let number = format!("{:04}-", index + 1);
        let headings = Page::parse(&file.text).headings();
        let headings: Vec<_> = headings.iter().map(|(_, text)| text.as_str()).collect();
        let is_whole = headings.get(1..) == Some(&["Context", "Decision", "Consequences"])
            && file.text.contains("\nStatus: ")
            && file.name().starts_with(&number)
            && headings[0].starts_with(&format!("{}. ", index + 1));
        if !is_whole || file.text.lines().count() > MAX_RECORD_LINES {
            complaints.push(format!("{}: not a record of the agreed form", file.path));
        }
    }
    expect_none(&complaints);
}
