//! The module graph of the core, drawn from its paths. Owns which folder may use which, that no modules use each other in a
//! ring, and that pure files know no port.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Path, UseTree};

use super::tree::SourceFile;
use rows::{DATA, EVERYWHERE, PURE, ROWS, SERVICES};

/// Where the core is.
const ROOT: &str = "crates/gateway-core/src/";

/// What each module of the core uses.
#[derive(Debug)]
pub struct Graph {
    /// Modules, each with the modules it uses.
    edges: BTreeMap<String, BTreeSet<String>>,
    /// Modules, each with the paths it names, items included.
    paths: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// The graph of the files of the core among `files`.
    pub fn of(files: &[SourceFile]) -> Self {
        let sources: BTreeMap<String, &SourceFile> = files
            .iter()
            .filter_map(|file| Some((module(&file.path)?, file)))
            .collect();
        let mut graph = Self {
            edges: BTreeMap::new(),
            paths: BTreeMap::new(),
        };
        for (module, file) in &sources {
            let parsed = syn::parse_file(&file.text).expect("rustc has read this file");
            let mut reader = Reader {
                module: module.split("::").map(str::to_owned).collect(),
                found: BTreeSet::new(),
            };
            reader.visit_file(&parsed);
            let used = reader
                .found
                .iter()
                .filter_map(|path| nearest(path, &sources));
            let used = used.filter(|other| other != module).collect();
            graph.edges.insert(module.clone(), used);
            graph.paths.insert(module.clone(), reader.found);
        }
        graph
    }

    /// Complains about modules that use each other in a ring. A file may use what its folder's `mod.rs` has.
    pub fn rings(&self) -> Vec<String> {
        let mut rings = BTreeSet::new();
        for start in self.edges.keys() {
            let mut way = vec![start.clone()];
            self.walk(start, &mut way, &mut BTreeSet::new(), &mut rings);
        }
        rings.into_iter().collect()
    }

    fn walk(
        &self,
        start: &str,
        way: &mut Vec<String>,
        seen: &mut BTreeSet<String>,
        rings: &mut BTreeSet<String>,
    ) {
        let here = way.last().cloned().unwrap_or_default();
        for next in self.edges.get(&here).into_iter().flatten() {
            if is_inside(&here, next) {
                continue;
            }
            if next == start {
                // Reported once, from its first member.
                if way.iter().min() == Some(&way[0]) {
                    rings.insert(format!("{} -> {start}", way.join(" -> ")));
                }
            } else if seen.insert(next.clone()) {
                way.push(next.clone());
                self.walk(start, way, seen, rings);
                way.pop();
            }
        }
    }

    /// Complains about folders that use what their row does not allow, and about rows that are not true any more.
    pub fn arrows(&self) -> Vec<String> {
        self.arrows_by(ROWS)
    }

    fn arrows_by(&self, rows: &[(&str, &[&str])]) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut needed: BTreeSet<(&str, &str)> = BTreeSet::new();
        for (module, used) in &self.edges {
            let folder = folder(module);
            let Some((row, allowed)) = rows.iter().find(|(name, _)| *name == folder) else {
                complaints.push(format!("{folder} has no row of what it may use"));
                continue;
            };
            for other in used {
                if self::folder(other) == folder || EVERYWHERE.contains(&self::folder(other)) {
                    continue;
                }
                let entry = allowed
                    .iter()
                    .find(|entry| other == *entry || is_inside(other, entry));
                match entry {
                    Some(entry) => drop(needed.insert((row, entry))),
                    None => complaints.push(format!("{module} must not use {other}")),
                }
            }
        }
        for (row, allowed) in rows {
            for entry in *allowed {
                if !needed.contains(&(*row, *entry)) {
                    complaints.push(format!("{row} does not use {entry} any more"));
                }
            }
        }
        complaints
    }

    /// Complains about pure files that know a port.
    pub fn ports(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (module, paths) in &self.paths {
            if !PURE.contains(&folder(module)) || SERVICES.contains(&module.as_str()) {
                continue;
            }
            for path in paths {
                if path.starts_with("ports") && !DATA.contains(&path.as_str()) {
                    complaints.push(format!("{module} must not know {path}"));
                }
            }
        }
        complaints
    }
}

/// The module of a file of the core that is no test; `None` for other files.
pub fn module(path: &str) -> Option<String> {
    let path = path.strip_prefix(ROOT)?.strip_suffix(".rs")?;
    let is_test = path
        .split('/')
        .any(|part| part == "tests" || part == "fixtures");
    if is_test || path == "lib" {
        return None;
    }
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(path.replace('/', "::"))
}

fn folder(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// Whether a module is below another one.
fn is_inside(module: &str, other: &str) -> bool {
    module
        .strip_prefix(other)
        .is_some_and(|rest| rest.starts_with("::"))
}

/// The module that a path leads into.
fn nearest(path: &str, modules: &BTreeMap<String, &SourceFile>) -> Option<String> {
    let mut path = path;
    loop {
        if modules.contains_key(path) {
            return Some(path.to_owned());
        }
        path = path.rsplit_once("::")?.0;
    }
}

/// Gathers the paths of one file from the core's root.
struct Reader {
    module: Vec<String>,
    found: BTreeSet<String>,
}

impl Reader {
    /// Notes a path that begins at the root, a parent or the module itself.
    fn note(&mut self, parts: &[String]) {
        let mut base = self.module.clone();
        let mut parts = parts;
        match parts.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                parts = &parts[1..];
            }
            Some("self") => parts = &parts[1..],
            Some("super") => {
                while let Some("super") = parts.first().map(String::as_str) {
                    base.pop();
                    parts = &parts[1..];
                }
            }
            // A child, or something from outside, which is found nowhere.
            _ => {}
        }
        base.extend_from_slice(parts);
        self.found.insert(base.join("::"));
    }

    fn tree(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before);
                }
            }
            UseTree::Name(name) if name.ident == "self" => self.note(before),
            UseTree::Name(name) => self.leaf(name.ident.to_string(), before),
            UseTree::Rename(rename) => self.leaf(rename.ident.to_string(), before),
            UseTree::Glob(_) => self.note(before),
        }
    }

    fn leaf(&mut self, name: String, before: &mut Vec<String>) {
        before.push(name);
        self.note(before);
        before.pop();
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if matches!(parts[0].as_str(), "crate" | "super" | "self") && parts.len() > 1 {
            self.note(&parts);
        }
        visit::visit_path(self, path);
    }
}

/// Whether an item is compiled for tests only.
pub fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        let is_cfg = attribute.path().is_ident("cfg");
        is_cfg
            && attribute
                .parse_args::<Path>()
                .is_ok_and(|it| it.is_ident("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn graph(files: &[(&str, &str)]) -> Graph {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| sample(&format!("{ROOT}{path}"), *text))
            .collect();
        Graph::of(&files)
    }

    #[test]
    fn a_ring_is_found_however_its_members_name_each_other() {
        for second in [
            "use crate::a::one::X;",
            "use super::one;",
            "fn f() { super::one::g() }",
            "use super::{one::{self, X}};",
        ] {
            let rings = graph(&[
                ("a/mod.rs", "mod one; mod two;"),
                ("a/one.rs", "use super::two;"),
                ("a/two.rs", second),
            ])
            .rings();
            assert_eq!(rings, ["a::one -> a::two -> a::one"], "{second}");
        }
    }

    #[test]
    fn a_long_ring_is_found_and_tests_make_none() {
        let files = [
            ("a.rs", "use crate::b::X;"),
            ("b.rs", "use crate::c::X;"),
            ("c.rs", "fn f(_: crate::a::Y) {}"),
        ];
        assert_eq!(graph(&files).rings(), ["a -> b -> c -> a"]);
        let files = [
            ("a.rs", "use crate::b::X;"),
            (
                "b.rs",
                "#[cfg(test)]\nmod tests { use crate::a::Y; }\n/// [`crate::a`]\nfn f() {}",
            ),
        ];
        assert_eq!(graph(&files).rings(), [""; 0]);
    }

    #[test]
    fn a_file_and_its_folder_may_use_each_other() {
        let files = [
            ("a/mod.rs", "use self::one::X;"),
            ("a/one.rs", "use super::Y;"),
        ];
        assert_eq!(graph(&files).rings(), [""; 0]);
    }

    #[test]
    fn arrows_that_no_row_allows_are_noticed_and_so_are_rows_that_nothing_needs() {
        let graph = graph(&[
            (
                "proxy/relay.rs",
                "use crate::admin::X; use crate::wire::sse::Y; use crate::units::Z;",
            ),
            ("admin/mod.rs", ""),
            ("wire/sse.rs", ""),
            ("wire/scan.rs", ""),
            ("units.rs", ""),
        ]);
        let rows: &[(&str, &[&str])] = &[
            ("proxy", &["wire::sse", "ports"]),
            ("admin", &[]),
            ("units", &[]),
        ];
        assert_eq!(
            graph.arrows_by(rows),
            [
                "proxy::relay must not use admin",
                "wire has no row of what it may use",
                "wire has no row of what it may use",
                "proxy does not use ports any more",
            ]
        );
    }

    #[test]
    fn a_pure_file_that_knows_a_port_is_noticed() {
        let complaints = |text| {
            let files = [("wire/sse.rs", text), ("ports.rs", "")];
            graph(&files).ports().len()
        };
        assert_eq!(complaints("use crate::ports::Clock;"), 1);
        assert_eq!(
            complaints("use crate::ports::{SendErrorKind, Upstream};"),
            1
        );
        assert_eq!(complaints("fn f(_: &impl crate::ports::Log) {}"), 1);
        assert_eq!(complaints("use crate::ports::SendErrorKind;"), 0);
    }
}
