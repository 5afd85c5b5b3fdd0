//! The task: a project with a bug that its check finds. Owns the files, and whether they are repaired.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The file with the bug.
pub const SOURCE: &str = "sum.mjs";
/// The file that finds it.
pub const CHECK: &str = "check.mjs";
/// How the check is run.
pub const COMMAND: &str = "node check.mjs";
/// What is wrong.
pub const WRONG: &str = "return a - b;";
/// What belongs in its place.
pub const RIGHT: &str = "return a + b;";
/// What the check prints when it passes.
pub const PASSED: &str = "1 check passed: größer";
/// What the client asks the model.
pub const PROMPT: &str = "The check in check.mjs fails. Repair sum.mjs and run the check.";

const SOURCE_TEXT: &str = "// Die Summe: größer als beide – „immer“ 🙂\nexport function sum(a, b) {\n  return a - b;\n}\n";
const CHECK_TEXT: &str = "import assert from \"node:assert\";\nimport { sum } from \"./sum.mjs\";\n\
     assert.equal(sum(2, 3), 5);\nconsole.log(\"1 check passed: größer\");\n";

/// Writes the project.
pub fn write(folder: &Path) -> Result<()> {
    std::fs::write(folder.join(SOURCE), SOURCE_TEXT)?;
    std::fs::write(folder.join(CHECK), CHECK_TEXT)?;
    Ok(())
}

/// Fails unless the bug is gone, nothing else has changed, and the check passes.
pub fn verify(folder: &Path) -> Result<()> {
    let source = std::fs::read_to_string(folder.join(SOURCE))?;
    let wanted = SOURCE_TEXT.replace(WRONG, RIGHT);
    ensure!(source == wanted, "{SOURCE} is not repaired:\n{source}");
    let check = std::fs::read_to_string(folder.join(CHECK))?;
    ensure!(check == CHECK_TEXT, "{CHECK} was changed:\n{check}");
    let status = Command::new("node").arg(CHECK).current_dir(folder).output();
    let output = status.context("running node")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && said.trim() == PASSED,
        "the check fails: {said}"
    );
    Ok(())
}
