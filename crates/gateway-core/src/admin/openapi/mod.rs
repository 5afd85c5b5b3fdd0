//! The description of the admin API as an `OpenAPI` 3.1 document, made of the table of routes and of the types of
//! requests and responses. What is said of an operation is in [`super::routes`], what is said of a value is at its type.
//! Only tests need it: what is served is the stored document, which a test holds to this one.

pub(super) mod description;
pub mod document;
pub(super) mod errors;
mod layout;
pub(super) mod parameters;
pub(super) mod requests;
pub(super) mod schemas;
