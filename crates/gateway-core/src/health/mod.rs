//! What is known of upstreams that failed: the cooldown of one key, channel or model ([`cooldown`]), and all of them as
//! the sum of events ([`record`]). Pure: services read and write the record.

pub mod cooldown;
pub mod record;
