//! `spin:variables`: the values that the manifest gives the component.

use wasmtime::component::Accessor;

use super::{Host, Instance};
use crate::bindings::spin::variables::variables::{self, Error};

impl variables::Host for Instance {}

impl<T: Send> variables::HostWithStore<T> for Host {
    async fn get(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, Error>> {
        let valid = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !valid || name.is_empty() {
            return Ok(Err(Error::InvalidName(name)));
        }
        let value =
            accessor.with(|mut access| access.get().shared.component.variables.get(&name).cloned());
        Ok(value.ok_or(Error::Undefined(name)))
    }
}
