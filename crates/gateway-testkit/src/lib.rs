//! What tests and benchmarks of the gateway share. Owns fakes for the outside world; holds no assertion and no
//! knowledge of the gateway's internals.
#![forbid(unsafe_code)]

#[cfg(feature = "fakes")]
pub mod core_host;
#[cfg(feature = "fakes")]
pub mod demo;
#[cfg(feature = "fakes")]
pub mod differential;
#[cfg(feature = "fakes")]
pub mod fakes;
#[cfg(feature = "fakes")]
pub mod growth;
pub mod packed;
#[cfg(feature = "fakes")]
pub mod sim;
pub mod upstream;
