//! The start of an instance: it reads its variables and applies the configuration in one of them. Owns when that is
//! repeated; what a variable means is decided where it is used.
//!
//! Hosts such as Spin and Workers have no start hook, so that the first request starts the instance.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::config::seal::{MasterKey, MasterKeyError, MasterKeyResult};
use crate::config::startup;
use crate::logging::LogPolicy;
use crate::ports::{Clock, Log, Random, UnreadableVariable, Variable, Variables, WriteStore};

/// The value that an instance creates at its start.
#[derive(Debug)]
pub struct Started<T>(OnceCell<Rc<T>>);

impl<T> Default for Started<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Started<T> {
    /// The value that is kept, or else the one that `make` returns for the master key when the start is done. Requests of one
    /// instance must not wait for each other, so the first ones may start it at the same time; the value of the first that
    /// is done is kept for all. A start that failed is repeated with the next request, and so is one whose configuration
    /// could not be applied since the store did not answer.
    pub async fn get<P, V>(
        &self,
        ports: &P,
        variables: &V,
        make: impl AsyncFnOnce(MasterKeyResult) -> Result<T, UnreadableVariable>,
    ) -> Result<Rc<T>, UnreadableVariable>
    where
        P: Clock + Random + Log + WriteStore,
        V: Variables,
    {
        if let Some(kept) = self.0.get() {
            return Ok(Rc::clone(kept));
        }
        set_log_policy(ports, variables).await?;
        let text = read(variables, Variable::MasterKey).await?;
        let master_key =
            MasterKey::parse(&text.unwrap_or_default()).map_err(MasterKeyError::Invalid);
        let is_final = match read(variables, Variable::Config).await? {
            Some(text) => {
                let protection = master_key.as_ref().map(Option::as_ref);
                startup::apply(ports, &text, protection).await
            }
            None => true,
        };
        let value = Rc::new(make(master_key).await?);
        if is_final {
            Ok(Rc::clone(self.0.get_or_init(|| value)))
        } else {
            Ok(value)
        }
    }
}

/// The variable's value; `None` when it is not set or empty, since manifests give secrets the empty string as their
/// default.
pub async fn read<V: Variables>(
    variables: &V,
    variable: Variable,
) -> Result<Option<String>, UnreadableVariable> {
    let value = variables.get(variable).await;
    let value = value.map_err(|error| UnreadableVariable { variable, error })?;
    Ok(value.filter(|text| !text.is_empty()))
}

async fn set_log_policy<P: Log, V: Variables>(
    ports: &P,
    variables: &V,
) -> Result<(), UnreadableVariable> {
    let text = read(variables, Variable::Log).await?.unwrap_or_default();
    match LogPolicy::parse(&text) {
        Ok(policy) => ports.set_policy(policy),
        Err(error) => ports.line(format_args!("{error}")),
    }
    Ok(())
}
