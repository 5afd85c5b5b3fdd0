//! The worker's variables and secrets. Owns the reading; what a value means is the core's.

use gateway_core::ports::{Variable, VariableError, Variables};

use crate::io;

/// Variables and secrets, under their names in capitals.
#[derive(Clone, Copy, Debug)]
pub struct WorkerVariables;

impl Variables for WorkerVariables {
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError> {
        // An unset variable cannot be distinguished from an unreadable one.
        Ok(io::variable(&variable.upper_name()))
    }
}
