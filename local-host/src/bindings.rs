//! The generated bindings of the interfaces that this host implements itself; what they do is in `host`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "gateway:local-host/imports",
    imports: {
        "spin:key-value/key-value.[static]store.open": async | store | trappable | tracing,
        "spin:key-value/key-value.[method]store.get": async | store | trappable | tracing,
        "spin:key-value/key-value.[method]store.set": async | store | trappable | tracing,
        "spin:key-value/key-value.[method]store.delete": async | store | trappable | tracing,
        "spin:key-value/key-value.[method]store.exists": async | store | trappable | tracing,
        "spin:key-value/key-value.[method]store.get-keys": async | store | trappable | tracing,
        "spin:sqlite/sqlite.[static]connection.open": async | trappable | tracing,
        "spin:sqlite/sqlite.[static]connection.open-async": async | store | trappable | tracing,
        "spin:sqlite/sqlite.[method]connection.execute": async | trappable | tracing,
        "spin:sqlite/sqlite.[method]connection.execute-async": async | store | trappable | tracing,
        "spin:sqlite/sqlite.[method]connection.last-insert-rowid": async | trappable | tracing,
        "spin:sqlite/sqlite.[method]connection.last-insert-rowid-async": async | store | trappable | tracing,
        "spin:sqlite/sqlite.[method]connection.changes": async | trappable | tracing,
        "spin:sqlite/sqlite.[method]connection.changes-async": async | store | trappable | tracing,
        "spin:variables/variables.get": async | store | trappable | tracing,
        "wasi:keyvalue/atomics.[static]cas.new": async | trappable | tracing,
        "wasi:keyvalue/atomics.[method]cas.current": async | trappable | tracing,
        "wasi:keyvalue/atomics.increment": async | trappable | tracing,
        "wasi:keyvalue/atomics.swap": async | trappable | tracing,
        default: trappable | tracing,
    },
    with: {
        "spin:key-value/key-value.store": host_io::store::Store,
        "spin:sqlite/sqlite.connection": crate::host::OpenConnection,
        "wasi:keyvalue/store.bucket": host_io::store::Store,
        "wasi:keyvalue/atomics.cas": crate::host::Cas,
    },
});
