//! The configuration: what is stored, and the form that the proxy uses.
//!
//! [`model`] is the stored document, [`alerts`] its alerts, [`snapshot`] its form for routing, [`cache`] the copy in instance memory, which
//! [`service`] keeps up to date, [`seal`] the encryption of upstream keys at rest. [`import`] makes a document of an
//! imported one, [`startup`] reads one from a variable. [`key_shards`] keeps many client keys outside of the document's
//! record, [`rewrite`] makes the record's next state. [`model_map`] is what upstreams call models, [`network`] how
//! settings name IP addresses, [`price`] the price of a model, [`prices`] which one applies, [`price_list`] a public list
//! of them and what an import of it changes.

pub mod alerts;
pub mod base_url;
pub mod bounds;
pub mod cache;
pub mod changes;
pub mod identity;
pub mod import;
pub mod key_shards;
pub mod model;
pub mod model_map;
pub mod network;
pub mod price;
pub mod price_list;
pub mod prices;
pub mod rewrite;
pub mod seal;
pub mod service;
#[cfg(feature = "schema")]
pub mod shapes;
pub mod snapshot;
pub mod startup;
pub mod stored;
pub mod validate;
