//! The application as a Spin manifest (version 2) describes it. Owns parsing, variables and templates; runs nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use host_io::hosts::AllowedHosts;
use serde::Deserialize;

use crate::{routes::Router, template};

/// A whole application, ready to load.
#[derive(Debug)]
pub struct App {
    /// The application's name.
    pub name: String,
    /// The components that a public route leads to, in the manifest's alphabetical order.
    pub components: Vec<Component>,
    /// Paths to indices of `components`.
    pub router: Router,
}

/// One component.
#[derive(Debug)]
pub struct Component {
    /// Its key in the manifest.
    pub id: String,
    /// The `.wasm` file.
    pub source: PathBuf,
    /// The command that builds it, for messages.
    pub build: Option<String>,
    /// Labels of the key-value stores that it may open.
    pub stores: BTreeSet<String>,
    /// Labels of the SQLite databases that it may open.
    pub databases: BTreeSet<String>,
    /// Where it may send requests.
    pub hosts: AllowedHosts,
    /// What it reads as variables. Values may be secret: never print them.
    pub variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawManifest {
    spin_manifest_version: toml::Value,
    application: RawApplication,
    #[serde(default)]
    variables: BTreeMap<String, RawVariable>,
    #[serde(default)]
    trigger: BTreeMap<String, Vec<RawTrigger>>,
    #[serde(default)]
    component: BTreeMap<String, RawComponent>,
}

#[derive(Deserialize)]
struct RawApplication {
    name: String,
}

#[derive(Deserialize)]
struct RawVariable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
struct RawTrigger {
    route: RawRoute,
    component: toml::Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawRoute {
    Public(String),
    Private { private: bool },
}

#[derive(Deserialize)]
struct RawComponent {
    source: toml::Value,
    #[serde(default)]
    key_value_stores: BTreeSet<String>,
    #[serde(default)]
    sqlite_databases: BTreeSet<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    build: Option<RawBuild>,
}

#[derive(Deserialize)]
struct RawBuild {
    command: Option<RawCommand>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawCommand {
    One(String),
    Several(Vec<String>),
}

impl RawCommand {
    fn text(&self) -> String {
        match self {
            Self::One(command) => command.clone(),
            Self::Several(commands) => commands.join(" && "),
        }
    }
}

impl App {
    /// Reads the manifest at `path`; `environment` looks a variable up by its `SPIN_VARIABLE_…` name.
    ///
    /// # Errors
    /// Anything that keeps the application from starting, with the file, the key and what to do about it.
    pub fn load(path: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read the manifest {}: name another with --manifest",
                path.display()
            )
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, environment)
            .with_context(|| format!("in the manifest {}", path.display()))
    }

    fn parse(
        text: &str,
        folder: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let raw: RawManifest = toml::from_str(text)?;
        ensure!(
            raw.spin_manifest_version.as_integer() == Some(2),
            "spin_manifest_version: only version 2 is supported"
        );
        let variables = resolve_variables(&raw.variables, environment)?;
        let (ids, patterns) = routes(&raw)?;
        let components = ids
            .iter()
            .map(|id| {
                component(id, &raw.component[*id], folder, &variables)
                    .with_context(|| format!("[component.{id}]"))
            })
            .collect::<Result<_>>()?;
        let index = |id: &str| ids.iter().position(|known| *known == id);
        let router = Router::new(
            patterns
                .into_iter()
                .filter_map(|(p, id)| Some((p, index(id)?))),
        )?;
        Ok(Self {
            name: raw.application.name,
            components,
            router,
        })
    }
}

/// A route's pattern and the id of its component.
type PublicRoute<'a> = (String, &'a str);

/// The ids that public routes lead to, in order and once each, and the routes themselves.
fn routes(raw: &RawManifest) -> Result<(Vec<&str>, Vec<PublicRoute<'_>>)> {
    for kind in raw.trigger.keys() {
        ensure!(
            kind == "http",
            "[[trigger.{kind}]]: only http triggers are supported"
        );
    }
    let mut patterns = Vec::new();
    for trigger in raw
        .trigger
        .get("http")
        .map(Vec::as_slice)
        .unwrap_or_default()
    {
        let Some(id) = trigger.component.as_str() else {
            bail!(
                "[[trigger.http]]: component must be the id of a [component.…] table, inline components are not supported"
            );
        };
        ensure!(
            raw.component.contains_key(id),
            "[[trigger.http]]: component = {id:?} has no [component.{id}] table"
        );
        match &trigger.route {
            RawRoute::Public(pattern) => patterns.push((pattern.clone(), id)),
            RawRoute::Private { private: true } => {}
            RawRoute::Private { private: false } => {
                bail!("[[trigger.http]] of {id:?}: route must be a path or {{ private = true }}")
            }
        }
    }
    ensure!(
        !patterns.is_empty(),
        "no [[trigger.http]] has a public route, there is nothing to serve"
    );
    let ids: BTreeSet<&str> = patterns.iter().map(|(_, id)| *id).collect();
    Ok((ids.into_iter().collect(), patterns))
}

fn resolve_variables(
    declared: &BTreeMap<String, RawVariable>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for (name, variable) in declared {
        let key = format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
        match environment(&key).or_else(|| variable.default.clone()) {
            Some(value) => {
                values.insert(name.clone(), value);
            }
            None if variable.required => {
                bail!("[variables] {name} is required: set {key} in the environment")
            }
            None => bail!("[variables] {name} needs a default or required = true"),
        }
    }
    Ok(values)
}

fn component(
    id: &str,
    raw: &RawComponent,
    folder: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<Component> {
    let Some(source) = raw.source.as_str() else {
        bail!("source must be a path, components from a URL or a registry are not supported");
    };
    let hosts = raw
        .allowed_outbound_hosts
        .iter()
        .map(|entry| template::resolve(entry, variables))
        .collect::<Result<Vec<_>>>()
        .context("allowed_outbound_hosts")?;
    let own = raw
        .variables
        .iter()
        .map(|(name, text)| {
            let value =
                template::resolve(text, variables).with_context(|| format!("variables.{name}"))?;
            Ok((name.clone(), value))
        })
        .collect::<Result<_>>()?;
    let command = raw.build.as_ref().and_then(|build| build.command.as_ref());
    Ok(Component {
        id: id.to_owned(),
        source: folder.join(source),
        build: command.map(RawCommand::text),
        stores: raw.key_value_stores.clone(),
        databases: raw.sqlite_databases.clone(),
        hosts: AllowedHosts::parse(hosts.iter().map(String::as_str))?,
        variables: own,
    })
}

#[cfg(test)]
mod tests;
