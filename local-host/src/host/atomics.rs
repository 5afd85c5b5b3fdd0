//! `wasi:keyvalue/atomics`: increments and compare-and-swap.

use host_io::store::{IncrementError, Store};
use wasmtime::component::Resource;

use super::{Instance, sqlite_failed};
use crate::bindings::wasi::keyvalue::{
    atomics::{self, CasError},
    store::Error,
};

type Answer<T, E> = wasmtime::Result<Result<T, E>>;

/// A key and the value that its holder saw last; `None` is a missing key.
#[derive(Clone)]
pub struct Cas {
    store: Store,
    key: String,
    seen: Option<Vec<u8>>,
}

impl atomics::HostCas for Instance {
    async fn new(&mut self, bucket: Resource<Store>, key: String) -> Answer<Resource<Cas>, Error> {
        let store = self.table.get(&bucket)?.clone();
        let cas = self.table.push(Cas {
            store,
            key,
            seen: None,
        });
        Ok(cas.map_err(|_| Error::Other("too many open swaps".to_owned())))
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>, Error> {
        let store = self.table.get(&cas)?.store.clone();
        if let Err(refused) = store.meet_fault().await {
            return Ok(Err(Error::Other(refused.to_string())));
        }
        let cas = self.table.get_mut(&cas)?;
        Ok(match cas.store.get(&cas.key) {
            Ok(value) => {
                cas.seen.clone_from(&value);
                Ok(value)
            }
            Err(error) => Err(Error::Other(sqlite_failed(&error))),
        })
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl atomics::Host for Instance {
    async fn increment(
        &mut self,
        bucket: Resource<Store>,
        key: String,
        delta: i64,
    ) -> Answer<i64, Error> {
        let store = self.table.get(&bucket)?.clone();
        if let Err(refused) = store.meet_fault().await {
            return Ok(Err(Error::Other(refused.to_string())));
        }
        Ok(store.increment(&key, delta).map_err(|error| {
            Error::Other(match error {
                IncrementError::NotACounter => {
                    format!("{key:?} holds no counter that can take {delta}")
                }
                IncrementError::Sqlite(error) => sqlite_failed(&error),
            })
        }))
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Answer<(), CasError> {
        let Cas { store, key, seen } = self.table.delete(cas)?;
        if let Err(refused) = store.meet_fault().await {
            let error = Error::Other(refused.to_string());
            return Ok(Err(CasError::StoreError(error)));
        }
        let failed = |error| CasError::StoreError(Error::Other(sqlite_failed(&error)));
        match store.swap(&key, seen.as_deref(), &value) {
            Ok(true) => Ok(Ok(())),
            // The loser gets a handle with the winner's value, as in Spin.
            Ok(false) => match store.get(&key) {
                Ok(seen) => Ok(Err(CasError::CasFailed(self.table.push(Cas {
                    store,
                    key,
                    seen,
                })?))),
                Err(error) => Ok(Err(failed(error))),
            },
            Err(error) => Ok(Err(failed(error))),
        }
    }
}
