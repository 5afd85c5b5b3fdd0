//! The records over a Durable Object and KV. Owns which of the two is used.
//!
//! The object `Records` has every record, and compares and swaps. It also brings the configuration to KV, from where the
//! proxy reads it: KV is near every location, has no compare-and-swap and may be up to a minute behind.

use gateway_core::ports::{ReadStore, StoreError, StoreKey, Swap, WriteStore};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::instance::{Reads, WorkerPorts, binding};
use crate::io::{self, Records};

/// The one object's name.
const OBJECT: &str = "gateway";
/// How long a location serves what it has read from KV without checking again; KV accepts no less.
const CACHE_SECONDS: u64 = 30;

impl ReadStore for WorkerPorts {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        if record == StoreKey::Config && self.0 == Reads::Near {
            let namespace = binding(|env| env.kv("CONFIGURATION")).map_err(StoreError)?;
            let asked = namespace.get(&record.key()).cache_ttl(CACHE_SECONDS);
            let value = asked.bytes().await;
            if let Some(value) = value.map_err(|error| StoreError(error.to_string()))? {
                return Ok(Some(value));
            }
            // Never written, or not there yet: the object is read.
        }
        let value = settled(records()?.read(&record.key())).await?;
        Ok((!value.is_null()).then(|| Uint8Array::new(&value).to_vec()))
    }
}

impl WriteStore for WorkerPorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let expected = expected.map(Uint8Array::from);
        let swapping = records()?.swap(&record.key(), expected, Uint8Array::from(new));
        if settled(swapping).await?.is_truthy() {
            Ok(Swap::Done)
        } else {
            Ok(Swap::Conflict)
        }
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        let putting = records()?.put(&record.key(), Uint8Array::from(value));
        settled(putting).await.map(|_| ())
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        settled(records()?.remove(&record.key())).await.map(|_| ())
    }
}

fn records() -> Result<Records, StoreError> {
    binding(|env| env.durable_object("RECORDS")?.get_by_name(OBJECT))
        .map(worker::Stub::into_rpc)
        .map_err(StoreError)
}

async fn settled(call: Result<Promise, JsValue>) -> Result<JsValue, StoreError> {
    let failed = |error: JsValue| StoreError(io::words(&error));
    JsFuture::from(call.map_err(failed)?).await.map_err(failed)
}
