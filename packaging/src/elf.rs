//! Whether a program needs anything of the system that it runs on. Owns the few fields of ELF that say so.

use anyhow::{Context as _, Result, ensure};

/// The entry of a program header that names a dynamic linker.
const INTERPRETER: u32 = 3;

/// Complains about a program that a system without libraries cannot start.
pub fn check_static(program: &[u8]) -> Result<()> {
    ensure!(
        program.starts_with(b"\x7fELF\x02\x01"),
        "it is not a 64-bit program of Linux"
    );
    let number = |at: usize, length: usize| -> Result<usize> {
        let bytes = program.get(at..at + length).context("it is cut off")?;
        let value = bytes
            .iter()
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        Ok(usize::try_from(value)?)
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for entry in 0..count {
        let kind = number(table + entry * size, 4)?;
        ensure!(
            kind != INTERPRETER as usize,
            "it is linked dynamically: a system without its libraries cannot start it"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with one entry in its header.
    fn program(kind: u8) -> Vec<u8> {
        let mut program = vec![0; 64 + 56];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        program[32] = 64;
        program[54] = 56;
        program[56] = 1;
        program[64] = kind;
        program
    }

    #[test]
    fn a_dynamic_linker_is_noticed() {
        check_static(&program(1)).unwrap();
        assert!(check_static(&program(3)).is_err());
        assert!(check_static(&program(1)[..80]).is_ok());
        assert!(check_static(&program(1)[..60]).is_err());
        assert!(check_static(b"#!/bin/sh").is_err());
    }

    #[test]
    fn this_test_itself_is_linked_dynamically() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            assert!(check_static(&own).is_err());
        }
    }
}
