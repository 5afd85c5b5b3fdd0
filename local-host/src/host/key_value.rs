//! `spin:key-value` and the `store` and `batch` interfaces of `wasi:keyvalue`.

use host_io::store::Store;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::{Host, Instance, sqlite_failed};
use crate::bindings::{
    spin::key_value::key_value::{self as spin, Error},
    wasi::keyvalue::{batch, store as wasi},
};

type Answer<T, E> = wasmtime::Result<Result<T, E>>;

impl Host {
    /// Runs `call` on the store behind a handle.
    async fn on<T, R>(
        accessor: &Accessor<T, Self>,
        store: &Resource<Store>,
        call: impl FnOnce(&Store) -> rusqlite::Result<R>,
    ) -> Answer<R, Error>
    where
        T: 'static,
    {
        let store = accessor.with(|mut access| access.get().table.get(store).cloned())?;
        if let Err(refused) = store.meet_fault().await {
            return Ok(Err(Error::Other(refused.to_string())));
        }
        Ok(call(&store).map_err(|e| Error::Other(sqlite_failed(&e))))
    }
}

impl spin::Host for Instance {}

impl spin::HostStore for Instance {
    fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl<T: Send> spin::HostStoreWithStore<T> for Host {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Answer<Resource<Store>, Error> {
        accessor.with(|mut access| {
            let instance = access.get();
            let Some(store) = instance.open_store(&label) else {
                return Ok(Err(Error::AccessDenied));
            };
            Ok(instance
                .table
                .push(store)
                .map_err(|_| Error::StoreTableFull))
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<Option<Vec<u8>>, Error> {
        Self::on(accessor, &store, |s| s.get(&key)).await
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<(), Error> {
        Self::on(accessor, &store, |s| s.set(&key, &value)).await
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<(), Error> {
        Self::on(accessor, &store, |s| s.delete(&key)).await
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<bool, Error> {
        Self::on(accessor, &store, |s| s.exists(&key)).await
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (keys, end) = match Self::on(accessor, &store, Store::keys).await? {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(end) })?;
            Ok((keys, end))
        })
    }
}

impl Instance {
    /// Runs `call` on the store behind a bucket.
    fn on_bucket<R>(
        &self,
        bucket: &Resource<Store>,
        call: impl FnOnce(&Store) -> rusqlite::Result<R>,
    ) -> Answer<R, wasi::Error> {
        Ok(call(self.table.get(bucket)?).map_err(|e| wasi::Error::Other(sqlite_failed(&e))))
    }
}

impl wasi::Host for Instance {
    fn open(&mut self, identifier: String) -> Answer<Resource<Store>, wasi::Error> {
        let Some(store) = self.open_store(&identifier) else {
            return Ok(Err(wasi::Error::AccessDenied));
        };
        Ok(self
            .table
            .push(store)
            .map_err(|_| wasi::Error::Other("too many open stores".to_owned())))
    }
}

impl wasi::HostBucket for Instance {
    fn get(
        &mut self,
        bucket: Resource<Store>,
        key: String,
    ) -> Answer<Option<Vec<u8>>, wasi::Error> {
        self.on_bucket(&bucket, |s| s.get(&key))
    }

    fn set(
        &mut self,
        bucket: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<(), wasi::Error> {
        self.on_bucket(&bucket, |s| s.set(&key, &value))
    }

    fn delete(&mut self, bucket: Resource<Store>, key: String) -> Answer<(), wasi::Error> {
        self.on_bucket(&bucket, |s| s.delete(&key))
    }

    fn exists(&mut self, bucket: Resource<Store>, key: String) -> Answer<bool, wasi::Error> {
        self.on_bucket(&bucket, |s| s.exists(&key))
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Store>,
        cursor: Option<String>,
    ) -> Answer<wasi::KeyResponse, wasi::Error> {
        // As in Spin: the first answer has every key, so no cursor was ever returned.
        if cursor.is_some() {
            return Ok(Err(wasi::Error::Other(
                "list_keys: cursor not supported".to_owned(),
            )));
        }
        self.on_bucket(&bucket, |s| {
            Ok(wasi::KeyResponse {
                keys: s.keys()?,
                cursor: None,
            })
        })
    }

    fn drop(&mut self, bucket: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for Instance {
    fn get_many(
        &mut self,
        bucket: Resource<Store>,
        keys: Vec<String>,
    ) -> Answer<Vec<(String, Option<Vec<u8>>)>, wasi::Error> {
        self.on_bucket(&bucket, |s| s.get_many(keys))
    }

    fn set_many(
        &mut self,
        bucket: Resource<Store>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Answer<(), wasi::Error> {
        self.on_bucket(&bucket, |s| s.set_many(&pairs))
    }

    fn delete_many(
        &mut self,
        bucket: Resource<Store>,
        keys: Vec<String>,
    ) -> Answer<(), wasi::Error> {
        self.on_bucket(&bucket, |s| s.delete_many(&keys))
    }
}
