//! How a client's tools are called on the wire. Owns the mapping of names from the request to the upstream and back:
//! custom tools become functions, namespaces become prefixes, and names that upstreams reject become ones that they
//! accept. It is built from the request alone, so that no state is kept between requests.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ids;

/// The longest name of a tool that every upstream accepts.
const MAX_NAME_BYTES: usize = 64;
/// What joins a namespace and the name of a tool in it.
const SEPARATOR: &str = "__";
/// The namespace whose tools keep their bare names.
const BARE_NAMESPACE: &str = "functions";

/// What kind of tool a client declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeclaredKind {
    /// A function.
    Function,
    /// A custom (freeform) tool: its input is a text. On the wire it is a function with the one string `input`.
    Custom,
    /// Codex' `local_shell`, which is called with an action and not by name.
    LocalShell,
    /// The `shell` tool of Responses.
    Shell,
    /// The `apply_patch` tool of Responses.
    ApplyPatch,
}

/// A tool as the client declared it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredTool {
    /// Its kind.
    pub kind: DeclaredKind,
    /// Its name in its namespace.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
}

/// Names on the wire with the tools that the client knows them by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolRegistry {
    by_wire_name: BTreeMap<String, DeclaredTool>,
}

impl ToolRegistry {
    /// The name on the wire of a tool; registers it when it is new. The same tool always gets the same name, and no two
    /// tools of one request share a name.
    pub fn wire_name(&mut self, tool: DeclaredTool) -> String {
        let plain = plain_name(tool.namespace.as_deref(), &tool.name);
        let name = ids::fit(&plain, MAX_NAME_BYTES).into_owned();
        match self.by_wire_name.get(&name) {
            Some(known) if *known == tool => name,
            None => {
                self.by_wire_name.insert(name.clone(), tool);
                name
            }
            // Two tools whose names become one, such as `a__b` and `b` in the namespace `a`.
            Some(_) => {
                let salted = format!("{plain}\u{0}{:?}", tool.kind);
                let name = ids::hashed(&plain, &salted, MAX_NAME_BYTES);
                self.by_wire_name.entry(name.clone()).or_insert(tool);
                name
            }
        }
    }

    /// The tool that a name on the wire means; `None` for one that the client has not declared.
    pub fn declared(&self, wire_name: &str) -> Option<&DeclaredTool> {
        self.by_wire_name.get(wire_name)
    }

    /// The client's name for a name on the wire, for dialects without namespaces.
    pub fn client_name<'n>(&'n self, wire_name: &'n str) -> &'n str {
        self.declared(wire_name)
            .map_or(wire_name, |tool| tool.name.as_str())
    }
}

fn plain_name<'n>(namespace: Option<&str>, name: &'n str) -> Cow<'n, str> {
    match namespace {
        None | Some("" | BARE_NAMESPACE) => Cow::Borrowed(name),
        Some(namespace) => Cow::Owned(format!("{namespace}{SEPARATOR}{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(namespace: Option<&str>, name: &str, kind: DeclaredKind) -> DeclaredTool {
        DeclaredTool {
            kind,
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        }
    }

    #[test]
    fn every_tool_has_a_unique_name_that_leads_back_to_it() {
        let long = "x".repeat(90);
        let tools = [
            tool(None, "shell", DeclaredKind::Function),
            tool(Some("functions"), "read", DeclaredKind::Function),
            tool(Some("mcp__docs"), "search", DeclaredKind::Function),
            tool(None, "mcp__docs__search", DeclaredKind::Function),
            tool(Some("mcp__docs"), "search", DeclaredKind::Custom),
            tool(Some("mcp__docs"), &long, DeclaredKind::Function),
            tool(None, "name with spaces.and.dots", DeclaredKind::Function),
        ];
        let mut registry = ToolRegistry::default();
        for tool in &tools {
            let name = registry.wire_name(tool.clone());
            assert_eq!(registry.declared(&name), Some(tool));
            assert_eq!(registry.wire_name(tool.clone()), name);
            assert!(
                name.len() <= MAX_NAME_BYTES && ids::is_plain(&name),
                "{name}"
            );
        }
        assert_eq!(registry.by_wire_name.len(), tools.len());
        assert_eq!(registry.client_name("mcp__docs__search"), "search");
        assert_eq!(registry.client_name("unknown"), "unknown");
    }
}
