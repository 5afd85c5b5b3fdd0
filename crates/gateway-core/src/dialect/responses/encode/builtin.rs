//! Calls of tools that Responses' clients know by their kind: shells and patches. Owns the way from arguments to the items
//! of these kinds. Arguments that do not fit make the call a plain function call, which the client reports as an error.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::items::ItemOut;
use crate::dialect::registry::DeclaredKind;

#[derive(Deserialize, Serialize)]
struct LocalShellAction<'a> {
    #[serde(rename = "type", skip_deserializing, default = "exec")]
    kind: &'static str,
    #[serde(borrow)]
    command: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    env: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    user: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    working_directory: Option<&'a RawValue>,
}

const fn exec() -> &'static str {
    "exec"
}

#[derive(Deserialize, Serialize)]
struct ShellAction<'a> {
    commands: Vec<String>,
    #[serde(borrow, default)]
    timeout_ms: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_output_length: Option<&'a RawValue>,
}

#[derive(Deserialize, Serialize)]
struct PatchOperation<'a> {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    diff: Option<&'a RawValue>,
}

/// The prefix of an item's id and its type.
pub const fn names(kind: DeclaredKind) -> (&'static str, &'static str) {
    match kind {
        DeclaredKind::Function => ("fc", "function_call"),
        DeclaredKind::Custom => ("ctc", "custom_tool_call"),
        DeclaredKind::LocalShell => ("lsh", "local_shell_call"),
        DeclaredKind::Shell => ("sh", "shell_call"),
        DeclaredKind::ApplyPatch => ("apc", "apply_patch_call"),
    }
}

/// Fills in what the arguments say; `false` when they do not fit.
pub fn fill(item: &mut ItemOut, kind: DeclaredKind, arguments: &str) -> bool {
    match kind {
        DeclaredKind::LocalShell => item.action = local_shell(arguments),
        DeclaredKind::Shell => {
            let action = crate::wire::json::from_str::<ShellAction<'_>>(arguments).ok();
            item.action = action.and_then(|action| to_raw_value(&action).ok());
        }
        DeclaredKind::ApplyPatch => {
            let operation = crate::wire::json::from_str::<PatchOperation<'_>>(arguments).ok();
            item.operation = operation.and_then(|operation| to_raw_value(&operation).ok());
        }
        DeclaredKind::Function | DeclaredKind::Custom => return false,
    }
    item.action.is_some() || item.operation.is_some()
}

/// A command in one string is one for the shell.
fn local_shell(arguments: &str) -> Option<Box<RawValue>> {
    let mut action: LocalShellAction<'_> = crate::wire::json::from_str(arguments).ok()?;
    let line = crate::wire::json::from_str::<String>(action.command.get()).ok();
    let command: Vec<String> = match line {
        Some(line) => vec!["bash".to_owned(), "-lc".to_owned(), line],
        None => crate::wire::json::from_str(action.command.get()).ok()?,
    };
    let command = to_raw_value(&command).ok()?;
    let no_variables: Box<RawValue> = to_raw_value(&NoVariables {}).ok()?;
    action.command = &command;
    action.env = action.env.or(Some(&no_variables));
    to_raw_value(&action).ok()
}

#[derive(Serialize)]
struct NoVariables {}
