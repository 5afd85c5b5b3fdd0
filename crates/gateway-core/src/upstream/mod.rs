//! Calls to upstream services, for clients' requests and for the gateway itself. In this order, each using only those
//! before it: what each kind of provider needs ([`provider`]), a channel's address ([`endpoint`]), its requests
//! ([`request`], [`send`]), its bodies ([`decoded`], [`body`]), what a failure means ([`failure`], [`retry_after`],
//! [`classify`]), and the gateway's own complete calls ([`call`], [`model_list`]).

pub mod body;
pub mod call;
pub mod classify;
pub mod decoded;
pub mod endpoint;
pub mod failure;
pub mod model_list;
pub mod presets;
pub mod provider;
pub mod quirks;
pub mod request;
pub mod retry_after;
pub mod send;
