//! The records over a Durable Object and KV. Owns which of the two is read, and the isolate's copies.
//!
//! The object `Records` has every record, counts its versions, and compares and swaps. The proxy asks it for what has
//! changed. It also brings the configuration to KV, which is near every location and up to a minute behind: an isolate
//! that has no copy yet begins with that one if the object does not answer.

use std::cell::RefCell;
use std::collections::HashMap;

use gateway_core::ports::{ReadStore, StoreDistance, StoreError, StoreKey, Swap, WriteStore};

use crate::instance::{Reads, WorkerPorts};
use crate::io;
use crate::ticket::{Outcome, Ticket};

/// A record as it was last read.
struct Copy {
    version: f64,
    value: Vec<u8>,
}

/// The length of a version before a value.
const VERSION_BYTES: usize = 8;
/// No record has this version.
const UNKNOWN: f64 = -1.0;

thread_local! {
    /// What the isolate has read of the records, by their names.
    static COPIES: RefCell<HashMap<&'static str, Copy>> = RefCell::default();
}

impl ReadStore for WorkerPorts {
    /// The object is in one location of the world, and its calls are charged for.
    fn distance(&self) -> StoreDistance {
        StoreDistance::Far
    }

    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        let name = record.key();
        if self.0 == Reads::Exact {
            let ticket = Ticket::new();
            io::read_record(ticket.number(), name);
            return bytes(ticket.await);
        }
        let error = match read_changes(name).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let is_known = COPIES.with_borrow(|copies| copies.contains_key(name));
        if record != StoreKey::Config || is_known {
            return Err(error);
        }
        let ticket = Ticket::new();
        io::nearby(ticket.number(), name);
        bytes(ticket.await)?.map_or(Err(error), |value| Ok(Some(value)))
    }
}

/// Asks for the record unless it has the version that is known.
async fn read_changes(name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
    let known = COPIES.with_borrow(|copies| copies.get(name).map_or(UNKNOWN, |copy| copy.version));
    let ticket = Ticket::new();
    io::changed(ticket.number(), name, known);
    let mut value = match ticket.await {
        Outcome::Failed(error) => return Err(StoreError(error)),
        Outcome::Nothing => return Ok(None),
        Outcome::Text(_) => {
            // Another task may have replaced the copy meanwhile, by a newer one.
            let copy = COPIES.with_borrow(|copies| copies.get(name).map(|copy| copy.value.clone()));
            return copy
                .map(Some)
                .ok_or_else(|| StoreError("a copy is missing".to_owned()));
        }
        Outcome::Bytes(value) => value,
    };
    let Some((version, _)) = value.split_first_chunk::<VERSION_BYTES>() else {
        return Err(StoreError("a record came without its version".to_owned()));
    };
    let version = f64::from_be_bytes(*version);
    let value = value.split_off(VERSION_BYTES);
    COPIES.with_borrow_mut(|copies| {
        let is_older = copies.get(name).is_some_and(|copy| copy.version > version);
        if !is_older {
            let value = value.clone();
            copies.insert(name, Copy { version, value });
        }
    });
    Ok(Some(value))
}

impl WriteStore for WorkerPorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let ticket = Ticket::new();
        io::swap(
            ticket.number(),
            record.key(),
            expected.is_some(),
            expected.unwrap_or_default(),
            new,
        );
        match ticket.await {
            Outcome::Failed(error) => Err(StoreError(error)),
            Outcome::Text(_) => Ok(Swap::Done),
            Outcome::Nothing | Outcome::Bytes(_) => Ok(Swap::Conflict),
        }
    }
}

fn bytes(outcome: Outcome) -> Result<Option<Vec<u8>>, StoreError> {
    match outcome {
        Outcome::Failed(error) => Err(StoreError(error)),
        Outcome::Bytes(value) => Ok(Some(value)),
        Outcome::Nothing | Outcome::Text(_) => Ok(None),
    }
}
