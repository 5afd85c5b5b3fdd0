//! The wasmtime engine and the components compiled for it. Compiles each file once and keeps the result on disk.

use std::{
    fmt::Write as _,
    fs,
    hash::{Hash, Hasher},
    io::ErrorKind,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, component::Component,
};

use crate::{logs, manifest, options::Limits, precompiled};

/// How often a running component yields to others.
pub const TICK: Duration = Duration::from_millis(10);

/// An engine whose instances come from a pool big enough for `components` under `limits`.
///
/// # Errors
/// The machine cannot reserve the addresses, even without a pool.
pub fn new(limits: &Limits, components: usize) -> Result<Engine> {
    let total = limits
        .instances
        .saturating_mul(u32::try_from(components)?)
        .max(1);
    let mut pool = PoolingAllocationConfig::new();
    // A Rust component has a few core modules (itself and adapters), one of which has the memory.
    pool.total_component_instances(total)
        .total_core_instances(total.saturating_mul(8))
        .total_memories(total.saturating_mul(2))
        .total_tables(total.saturating_mul(8))
        .total_stacks(total.saturating_mul(2))
        .max_core_instances_per_component(64)
        .max_tables_per_component(64)
        .max_memories_per_component(8)
        .table_elements(100_000)
        .max_memory_size(limits.memory_bytes)
        .linear_memory_keep_resident(64 * 1024)
        .table_keep_resident(16 * 1024);
    let engine = match Engine::new(
        config().allocation_strategy(InstanceAllocationStrategy::Pooling(pool)),
    ) {
        Ok(engine) => engine,
        Err(error) => {
            // Typical under an address-space limit (ulimit -v).
            logs::error(&format!(
                "no instance pool, requests will be slower: {error:#}"
            ));
            Engine::new(&config())?
        }
    };
    start_clock(&engine)?;
    Ok(engine)
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true);
    config
}

/// Ends with the engine.
fn start_clock(engine: &Engine) -> Result<()> {
    let engine = engine.weak();
    let clock = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new()
        .name("epochs".to_owned())
        .spawn(clock)?;
    Ok(())
}

/// Loads a component, from `cache` if it was compiled before.
///
/// # Errors
/// The file is missing (the message names the command that builds it) or is no component.
pub fn load(engine: &Engine, component: &manifest::Component, cache: &Path) -> Result<Component> {
    let wasm = match fs::read(&component.source) {
        Ok(wasm) => wasm,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "component {}: {} does not exist, build it first{}",
            component.id,
            component.source.display(),
            component
                .build
                .as_ref()
                .map(|command| format!(": {command}"))
                .unwrap_or_default()
        ),
        Err(error) => return Err(error).with_context(|| component.source.display().to_string()),
    };
    let path = cache.join(cache_key(engine, &wasm));
    if path.exists() {
        match precompiled::load(engine, &path) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => logs::info(&format!("{} is compiled again: {error:#}", component.id)),
        }
    }
    logs::info(&format!("compiling {}", component.id));
    let compiled = engine
        .precompile_component(&wasm)
        .map_err(anyhow::Error::from)
        .with_context(|| {
            format!(
                "component {}: {} is no usable component",
                component.id,
                component.source.display()
            )
        })?;
    precompiled::store(&path, &compiled)
        .with_context(|| format!("cannot write {}", path.display()))?;
    precompiled::load(engine, &path)
}

/// The file's content and everything of the engine that compiled code depends on.
fn cache_key(engine: &Engine, wasm: &[u8]) -> PathBuf {
    /// Feeds what the engine hashes into SHA-256, which unlike the standard hasher is the same in every build.
    struct Stable(Sha256);
    impl Hasher for Stable {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Stable(Sha256::new_with_prefix(wasm));
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let mut name = String::new();
    for byte in hasher.0.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    PathBuf::from(name + ".cwasm")
}
