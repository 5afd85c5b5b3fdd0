//! The generated bindings of the interfaces that this host implements itself; what they do is in `host`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "gateway:local-host/imports",
    imports: {
        "spin:key-value/key-value.[static]store.open": async | store | trappable,
        "spin:key-value/key-value.[method]store.get": async | store | trappable,
        "spin:key-value/key-value.[method]store.set": async | store | trappable,
        "spin:key-value/key-value.[method]store.delete": async | store | trappable,
        "spin:key-value/key-value.[method]store.exists": async | store | trappable,
        "spin:key-value/key-value.[method]store.get-keys": async | store | trappable,
        "spin:variables/variables.get": async | store | trappable,
        default: trappable,
    },
    with: {
        "spin:key-value/key-value.store": crate::store::Store,
        "wasi:keyvalue/store.bucket": crate::store::Store,
        "wasi:keyvalue/atomics.cas": crate::host::Cas,
    },
});
