//! Compiled components on disk: written whole, with a hash of what they are, and checked before they run. Has the one unsafe
//! call of this program: running code that was compiled earlier.

use std::{
    fs::{self, File},
    io::{Read, Write as _},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

/// No component compiles to more.
const MAX_BYTES: u64 = 1 << 30;
const HASH_BYTES: usize = 32;

/// Writes the compiler's output to `path`. Never leaves half a file under that name, also when several hosts that share the
/// folder write it at once.
pub fn store(path: &Path, compiled: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
    unfinished.write_all(compiled)?;
    unfinished.write_all(&hash(path, compiled))?;
    unfinished.persist(path)?;
    Ok(())
}

/// Loads a compiled component.
///
/// # Errors
/// The file is not what [`store`] has written under this name, or was made by another version or configuration of the engine.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot check that bytes are the compiler's own output"
)]
pub fn load(engine: &Engine, path: &Path) -> Result<Component> {
    let bytes = read(path)?;
    // SAFETY: the bytes have the hash that this program puts behind the compiler's output, so they are not damaged; and the
    // file lies in the state directory, which only this user can write (mode 0700, held by a lock). The bytes that were
    // checked are those that are loaded, not the file, which may change meanwhile.
    Ok(unsafe { Component::deserialize(engine, &bytes) }?)
}

/// The compiler's output, if the file is whole.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    let (compiled, expected) = bytes
        .split_last_chunk::<HASH_BYTES>()
        .context("the compiled file is too short")?;
    ensure!(
        hash(path, compiled) == *expected,
        "the compiled file is damaged"
    );
    bytes.truncate(bytes.len() - HASH_BYTES);
    Ok(bytes)
}

/// Of the content and the name: a file of another component is none of this one.
fn hash(path: &Path, compiled: &[u8]) -> [u8; HASH_BYTES] {
    let name = path.file_name().unwrap_or_default();
    Sha256::new_with_prefix(name.as_encoded_bytes())
        .chain_update([0_u8])
        .chain_update(compiled)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn hosts_that_compile_the_same_component_at_once_leave_a_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache/component.cwasm");
        let compiled = vec![7; 1024 * 1024];
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        store(&path, &compiled).unwrap();
                        assert!(read(&path).unwrap() == compiled, "half a file");
                    }
                });
            }
        });
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn any_damage_is_found_before_the_engine_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("component.cwasm");
        store(&path, &[7; 1000]).unwrap();
        let whole = fs::read(&path).unwrap();
        for place in (0..whole.len()).step_by(17) {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert!(read(&path).is_err(), "byte {place}");
        }
        for length in [0, 31, 32, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(read(&path).is_err(), "{length} bytes");
        }
        let other = folder.path().join("other.cwasm");
        fs::write(&other, whole).unwrap();
        assert!(read(&other).is_err(), "it is another component's");
    }
}
