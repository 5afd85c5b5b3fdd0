//! The description of the admin API as an `OpenAPI` 3.1 document, made of the table of routes and of the types of
//! requests and responses. What is said of an operation is in [`super::routes`], what is said of a value is at its type.
//! Only tests need it: what is served is the stored document, which a test holds to this one.

/// Makes types that only have a schema, which is made by a function and then described.
macro_rules! schema_types {
    ($($(#[$doc:meta])* $type:ident as $name:literal: $description:literal, $schema:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $type;

            impl JsonSchema for $type {
                fn schema_name() -> Cow<'static, str> {
                    $name.into()
                }

                fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                    $schema(generator).described($description)
                }
            }
        )*
    };
}

pub(super) mod bulk;
pub(super) mod description;
pub mod document;
pub(super) mod errors;
mod layout;
pub(super) mod parameters;
pub(super) mod requests;
pub(super) mod schemas;
