//! What the document says of one operation beside its path and method. Owns the words that the table of routes uses for it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::errors::ErrorResponse;

/// The schema of a type, as a function so that a table can hold it.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What the document says of an operation beside its path and method.
#[derive(Clone, Debug)]
pub struct Description {
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) details: &'static str,
    pub(super) status: u16,
    pub(super) answer: &'static str,
    pub(super) response: Option<SchemaOf>,
    pub(super) is_csv: bool,
    pub(super) request: Option<SchemaOf>,
    pub(super) query: Option<SchemaOf>,
    pub(super) names_state: bool,
    pub(super) checks_state: bool,
    pub(super) cookies: Option<&'static str>,
    pub(super) errors: Vec<ErrorResponse>,
}

impl Description {
    /// An operation that answers with `status` and no body, and what that means.
    pub fn new(
        tag: &'static str,
        summary: &'static str,
        status: u16,
        answer: &'static str,
    ) -> Self {
        Self {
            tag,
            summary,
            details: "",
            status,
            answer,
            response: None,
            is_csv: false,
            request: None,
            query: None,
            names_state: false,
            checks_state: false,
            cookies: None,
            errors: Vec::new(),
        }
    }

    /// More than the summary says.
    #[must_use]
    pub fn details(mut self, details: &'static str) -> Self {
        self.details = details;
        self
    }

    /// The type of the response's body.
    #[must_use]
    pub fn gives<T: JsonSchema>(mut self) -> Self {
        self.response = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// The response is a file of comma-separated values.
    #[must_use]
    pub fn gives_csv(mut self) -> Self {
        self.is_csv = true;
        self
    }

    /// The type of the request's body.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.request = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// The type whose members are the parameters of the query.
    #[must_use]
    pub fn asks<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    /// The response names the state of the object in `ETag`.
    #[must_use]
    pub fn names_state(mut self) -> Self {
        self.names_state = true;
        self
    }

    /// `If-Match` binds the write to a state of the object.
    #[must_use]
    pub fn checks_state(mut self) -> Self {
        self.checks_state = true;
        self
    }

    /// The response sets cookies.
    #[must_use]
    pub fn sets_cookies(mut self, what: &'static str) -> Self {
        self.cookies = Some(what);
        self
    }

    /// Errors beside those that follow from the operation's form.
    #[must_use]
    pub fn fails(mut self, errors: &[ErrorResponse]) -> Self {
        self.errors.extend(errors);
        self
    }
}
