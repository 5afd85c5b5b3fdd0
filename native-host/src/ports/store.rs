//! The records over the key-value file, in the layout of Spin and the local host. Reads take microseconds and run where they
//! are called; writes may meet a checkpoint and run on a thread that may block.

use gateway_core::ports::{ReadStore, StoreError, StoreKey, Swap, WriteStore};
use host_io::store::Store;
use tokio::task::spawn_blocking;

use super::NativePorts;

/// The store of Spin manifests without a runtime configuration.
pub const LABEL: &str = "default";

impl ReadStore for NativePorts {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        let store = &self.0.shared.store;
        store.meet_fault().await.map_err(failed)?;
        store.get(&record.key()).map_err(failed)
    }
}

impl WriteStore for NativePorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let (expected, new) = (expected.map(<[u8]>::to_vec), new.to_vec());
        let swapping =
            self.write(move |store| store.swap(&record.key(), expected.as_deref(), &new));
        let is_swapped = swapping.await?;
        Ok(if is_swapped {
            Swap::Done
        } else {
            Swap::Conflict
        })
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        let value = value.to_vec();
        self.write(move |store| store.set(&record.key(), &value))
            .await
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        self.write(move |store| store.delete(&record.key())).await
    }
}

impl NativePorts {
    async fn write<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.0.shared.store.clone();
        store.meet_fault().await.map_err(failed)?;
        let written = spawn_blocking(move || run(&store)).await;
        written.map_err(failed)?.map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError(error.to_string())
}
