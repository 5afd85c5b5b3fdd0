//! Calls to upstream services: what each kind of provider wants ([`provider`]), how a body is read ([`decoded`]), and
//! what a failure means ([`failure`], [`classify`], [`retry_after`]).

pub mod classify;
pub mod decoded;
pub mod failure;
pub mod provider;
pub mod retry_after;
