//! The shared store: reads over Spin's key-value interface, conditional writes over `wasi:keyvalue`. Owns the handles
//! and the rules of atomic writing; must not interpret the values.
//!
//! Both components write: the admin component the configuration, the proxy the health of upstreams.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use gateway_core::ports::{ReadStore, StoreError, StoreKey, Swap, WriteStore};
use spin_sdk::experimental::wasi::keyvalue::atomics::{self, Cas, CasError};
use spin_sdk::experimental::wasi::keyvalue::store::{self as keyvalue, Bucket};
use spin_sdk::key_value::{Error, Store};
use spin_sdk::wasip3::clocks::monotonic_clock;

use crate::instance::SpinPorts;

/// The only store that exists without a runtime configuration.
const STORE: &str = "default";
/// How long another writer may take to create a record that it has claimed.
const CREATION_GRACE: Duration = Duration::from_secs(2);
/// Checks of the record within that time.
const CREATION_LOOKS: u32 = 20;

thread_local! {
    /// Opening costs as much as reading, so the handle is kept; an error drops it.
    static OPENED: RefCell<Option<Rc<Store>>> = const { RefCell::new(None) };
}

impl ReadStore for SpinPorts {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        let store = opened().await?;
        store.get(&*record.key()).await.map_err(forget)
    }
}

/// An error of the open store, which is opened again for the next call.
fn forget(error: Error) -> StoreError {
    OPENED.with_borrow_mut(Option::take);
    read_error(error)
}

async fn opened() -> Result<Rc<Store>, StoreError> {
    if let Some(store) = OPENED.with_borrow(Clone::clone) {
        return Ok(store);
    }
    let store = Store::open(STORE).await.map_err(read_error)?;
    let store = Rc::new(store);
    OPENED.with_borrow_mut(|opened| *opened = Some(Rc::clone(&store)));
    Ok(store)
}

impl WriteStore for SpinPorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let bucket = keyvalue::open(STORE).map_err(|error| store_error(&error))?;
        let (cas, current) = look(&bucket, record)?;
        if current.as_deref() != expected {
            return Ok(Swap::Conflict);
        }
        if current.is_some() {
            return swap(cas, new);
        }
        create(&bucket, record, cas, new).await
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        let store = opened().await?;
        store.set(&*record.key(), value).await.map_err(forget)
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        let store = opened().await?;
        store.delete(&*record.key()).await.map_err(forget)
    }
}

/// Creates the record. Spin's own store knows no "write if absent": its swap after an absent value
/// writes in any case. An atomic counter beside the record decides who may create it.
async fn create(
    bucket: &Bucket,
    record: StoreKey,
    cas: Cas,
    new: &[u8],
) -> Result<Swap, StoreError> {
    let claim = format!("{}/created", record.key());
    if atomics::increment(bucket, &claim, 1).map_err(|error| store_error(&error))? == 1 {
        return swap(cas, new);
    }
    let pause = CREATION_GRACE / CREATION_LOOKS;
    for _ in 0..CREATION_LOOKS {
        monotonic_clock::wait_for(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX)).await;
        if look(bucket, record)?.1.is_some() {
            return Ok(Swap::Conflict);
        }
    }
    // The claimant of the record has not created it: it died in between, or the record was removed by hand.
    let (cas, current) = look(bucket, record)?;
    if current.is_some() {
        Ok(Swap::Conflict)
    } else {
        swap(cas, new)
    }
}

/// The record's value, and a handle that swaps only while it is unchanged.
fn look(bucket: &Bucket, record: StoreKey) -> Result<(Cas, Option<Vec<u8>>), StoreError> {
    let cas = Cas::new(bucket, &record.key()).map_err(|error| store_error(&error))?;
    let current = cas.current().map_err(|error| store_error(&error))?;
    Ok((cas, current))
}

fn swap(cas: Cas, new: &[u8]) -> Result<Swap, StoreError> {
    match atomics::swap(cas, new) {
        Ok(()) => Ok(Swap::Done),
        // Spin's Redis store reports a failure after every swap, also after one that took place. The value
        // itself shows it, unless others have written since: the core finds its changes of the configuration by
        // their ids then.
        Err(CasError::CasFailed(cas)) => {
            match cas.current().map_err(|error| store_error(&error))? {
                Some(current) if current == new => Ok(Swap::Done),
                _ => Ok(Swap::Conflict),
            }
        }
        Err(CasError::StoreError(error)) => Err(store_error(&error)),
    }
}

fn read_error(error: Error) -> StoreError {
    StoreError(match error {
        Error::StoreTableFull => "too many stores are open".to_owned(),
        Error::NoSuchStore => "there is no such store".to_owned(),
        Error::AccessDenied => "the manifest does not allow the store".to_owned(),
        Error::Other(reason) => reason,
    })
}

fn store_error(error: &keyvalue::Error) -> StoreError {
    StoreError(match error {
        keyvalue::Error::NoSuchStore => "there is no such store".to_owned(),
        keyvalue::Error::AccessDenied => "the manifest does not allow the store".to_owned(),
        keyvalue::Error::Other(reason) => reason.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_errors_keep_the_hosts_words() {
        let error = store_error(&keyvalue::Error::Other("database is locked".to_owned()));
        assert_eq!(error, StoreError("database is locked".to_owned()));
        assert_eq!(
            read_error(Error::Other("database is locked".to_owned())),
            error
        );
        assert_eq!(
            store_error(&keyvalue::Error::AccessDenied).0,
            "the manifest does not allow the store"
        );
    }
}
