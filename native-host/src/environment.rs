//! The settings of the process outside the configuration: environment variables, and the options that take their place.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use gateway_core::ports::{Variable, VariableError, Variables};
use host_io::hosts::AllowedHosts;

use crate::options::Options;

/// The prefix of variables on Spin and the local host.
const SPIN_PREFIX: &str = "SPIN_VARIABLE_";
/// One more origin for upstreams without TLS; the core does not read it.
const HTTP_UPSTREAM: &str = "HTTP_UPSTREAM";
/// What may be called besides: everything with TLS, and this machine. As in `spin.toml`.
const ALLOWED: [&str; 4] = [
    "https://*:*",
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
];

/// The variables. Clones are the same.
#[derive(Clone, Debug)]
pub struct Environment {
    config: Option<Arc<PathBuf>>,
    logs_json: Option<bool>,
}

impl Environment {
    /// Those of the process, with these options.
    pub fn new(options: &Options) -> Self {
        Self {
            config: options.config.clone().map(Arc::new),
            logs_json: options.logs_json,
        }
    }

    /// Whether lines of the log are JSON.
    pub fn logs_json(&self) -> bool {
        self.logs_json.unwrap_or_else(|| {
            let log = variable(&Variable::Log.upper_name()).ok().flatten();
            let log = log.unwrap_or_default().to_ascii_lowercase();
            log.split(|letter: char| letter == ',' || letter.is_whitespace())
                .any(|word| word == "json")
        })
    }

    /// The value of a variable.
    pub fn value(&self, variable_: Variable) -> Result<Option<String>, VariableError> {
        if variable_ == Variable::Config
            && let Some(path) = self.config.as_deref()
        {
            let text = fs::read_to_string(path);
            return text
                .map(Some)
                .map_err(|error| VariableError(format!("{}: {error}", path.display())));
        }
        let value = variable(&variable_.upper_name())?;
        Ok(match (variable_, self.logs_json) {
            // Of two words about the form the last one counts.
            (Variable::Log, Some(is_json)) => {
                let form = if is_json { "json" } else { "text" };
                Some(format!("{},{form}", value.unwrap_or_default()))
            }
            _ => value,
        })
    }
}

impl Variables for Environment {
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError> {
        self.value(variable)
    }
}

/// Where calls may go.
pub fn allowed_hosts() -> Result<AllowedHosts> {
    let more = variable(HTTP_UPSTREAM)?.filter(|more| !more.is_empty());
    AllowedHosts::parse(ALLOWED.into_iter().chain(more.as_deref()))
        .context("the variable `http_upstream`")
}

fn variable(name: &str) -> Result<Option<String>, VariableError> {
    for name in [format!("{SPIN_PREFIX}{name}"), name.to_owned()] {
        match env::var(&name) {
            Ok(value) => return Ok(Some(value)),
            Err(env::VarError::NotPresent) => {}
            Err(env::VarError::NotUnicode(_)) => {
                return Err(VariableError(format!("{name} is not UTF-8")));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use gateway_core::logging::LogPolicy;

    use super::*;

    #[test]
    fn options_take_the_place_of_variables() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "{}").unwrap();
        let environment = Environment::new(&Options {
            config: Some(file.path().to_owned()),
            logs_json: Some(true),
            ..Options::default()
        });
        let value = |variable| environment.value(variable).unwrap().unwrap();
        assert_eq!(value(Variable::Config), "{}");
        assert!(LogPolicy::parse(&value(Variable::Log)).unwrap().is_json());
        assert!(environment.logs_json());
    }

    #[test]
    fn a_configuration_that_cannot_be_read_names_its_file() {
        let environment = Environment::new(&Options {
            config: Some("/nowhere/config.json".into()),
            ..Options::default()
        });
        let error = environment.value(Variable::Config).unwrap_err();
        assert!(error.0.contains("/nowhere/config.json"), "{error}");
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        let allowed = AllowedHosts::parse(ALLOWED).unwrap();
        for (url, is_allowed) in [
            ("https://example.com/v1", true),
            ("http://127.0.0.1:8000/v1", true),
            ("http://localhost/v1", true),
            ("http://[::1]:1/v1", true),
            ("http://10.0.0.5:8000/v1", false),
        ] {
            assert_eq!(allowed.allow(&url.parse().unwrap()), is_allowed, "{url}");
        }
    }
}
