//! What tests and benchmarks of the gateway share. Owns stand-ins for the outside world; holds no
//! assertion and no knowledge of how the gateway works inside.
#![forbid(unsafe_code)]

#[cfg(feature = "fakes")]
pub mod core_host;
#[cfg(feature = "fakes")]
pub mod differential;
#[cfg(feature = "fakes")]
pub mod fakes;
#[cfg(feature = "fakes")]
pub mod sim;
pub mod upstream;
