//! What is known of upstreams that failed. [`cooldown`] is the state of one key, channel or model, [`record`] all of them
//! as the sum of events, [`findings`] what operators see of it: these three are pure. [`service`] is the instance's copy,
//! kept in step with the store; [`stored`] is the record in the store as the admin API uses it.

mod cache;
pub mod cooldown;
pub mod findings;
pub mod record;
pub mod service;
pub mod stored;
