//! The application's variables. Owns the reading; what a value means is the core's.

use gateway_core::ports::{Variable, VariableError, Variables};
use spin_sdk::variables::{self, Error};

/// The variables that the manifest gives to the component.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpinVariables;

impl Variables for SpinVariables {
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError> {
        match variables::get(variable.name()).await {
            Ok(value) => Ok(Some(value)),
            Err(Error::Undefined(_)) => Ok(None),
            Err(error) => Err(VariableError(error.to_string())),
        }
    }
}
