//! The one unsafe call of this program: running code that was compiled earlier.

use std::path::Path;

use anyhow::Result;
use wasmtime::{Engine, component::Component};

/// Maps a compiled component into memory.
///
/// # Errors
/// The file was made by another version or configuration of the engine, or is no compiled component.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot check that a file is the compiler's own output"
)]
pub fn load(engine: &Engine, path: &Path) -> Result<Component> {
    // SAFETY: the file lies in the state directory, which only this user can write (mode 0700, held by a lock), under a
    // name that this program gives to nothing but the compiler's output, whole (written aside and renamed).
    Ok(unsafe { Component::deserialize_file(engine, path) }?)
}
