//! Names of types in the core. Owns that no two types have the same one: a reader who searches for a name finds one thing.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{Item, ItemEnum, ItemStruct, ItemTrait, ItemType};

use super::graph::{is_for_tests, module};
use super::tree::SourceFile;

/// Complains about names that several types of the core have.
pub fn repeated(files: &[SourceFile]) -> Vec<String> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        let Some(module) = module(&file.path) else {
            continue;
        };
        let parsed = syn::parse_file(&file.text).expect("rustc has read this file");
        let mut reader = Reader(Vec::new());
        reader.visit_file(&parsed);
        for name in reader.0 {
            found.entry(name).or_default().push(module.clone());
        }
    }
    found
        .into_iter()
        .filter(|(_, modules)| modules.len() > 1)
        .map(|(name, modules)| format!("{name} is a type in {}", modules.join(", ")))
        .collect()
}

struct Reader(Vec<String>);

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.0.push(item.ident.to_string());
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.0.push(item.ident.to_string());
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.0.push(item.ident.to_string());
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.0.push(item.ident.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    #[test]
    fn a_name_that_two_types_have_is_noticed_and_tests_do_not_count() {
        let core = |path: &str, text: &str| {
            let path = format!("crates/gateway-core/src/{path}");
            sample(&path, text)
        };
        let files = [
            core("a.rs", "pub struct Outcome;"),
            core("b/c.rs", "fn f() { enum Outcome { A } }"),
            core("d.rs", "#[cfg(test)]\nmod tests { struct Outcome; }"),
            core("d/tests.rs", "struct Outcome;"),
            core("e.rs", "impl T for U { type Outcome = V; }"),
            sample("crates/gateway-spin/src/a.rs", "struct Outcome;"),
        ];
        assert_eq!(repeated(&files), ["Outcome is a type in a, b::c"]);
    }
}
