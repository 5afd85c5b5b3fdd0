//! The component behind `/admin`: the built panel, embedded. Owns how static files are served; must
//! not know the admin API, which is another component.
#![forbid(unsafe_code)]

mod component;
pub mod files;
pub mod negotiate;
pub mod serve;
