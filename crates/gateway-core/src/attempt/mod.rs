//! Which candidate is tried next ([`plan`]), and the response when none is left ([`exhausted`]). Pure and synchronous;
//! one async function in `proxy` drives it.

pub mod exhausted;
pub mod plan;
pub mod unsupported;
