//! The records over the key-value file, in the layout of Spin and the local host. Reads take microseconds and run where they
//! are called; writes may meet a checkpoint and run on a thread that may block.

use gateway_core::ports::{ReadStore, StoreError, StoreKey, Swap, WriteStore};
use tokio::task::spawn_blocking;

use super::NativePorts;

/// The store of Spin manifests without a runtime configuration.
pub const LABEL: &str = "default";

impl ReadStore for NativePorts {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        let store = &self.0.shared.store;
        store.meet_fault().await.map_err(failed)?;
        store.get(record.key()).map_err(failed)
    }
}

impl WriteStore for NativePorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let store = self.0.shared.store.clone();
        store.meet_fault().await.map_err(failed)?;
        let (expected, new) = (expected.map(<[u8]>::to_vec), new.to_vec());
        let swapping =
            spawn_blocking(move || store.swap(record.key(), expected.as_deref(), &new)).await;
        let is_swapped = swapping.map_err(failed)?.map_err(failed)?;
        Ok(if is_swapped {
            Swap::Done
        } else {
            Swap::Conflict
        })
    }
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError(error.to_string())
}
