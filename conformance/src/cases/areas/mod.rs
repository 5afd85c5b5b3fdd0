//! What agents need of a gateway beside translation. Owns the list of areas.

mod azure;
mod counting;
mod documents;
mod failover;
mod leaving;
mod refusals;
mod stored;

use super::matrix::{Pair, Template};
use crate::case::Case;
use crate::dialect::{CLIENTS, Dialect, UPSTREAMS};

/// All cases of all areas.
pub fn all() -> Vec<Case> {
    let areas = [
        failover::cases(),
        documents::cases(),
        counting::cases(),
        stored::cases(),
        leaving::cases(),
        azure::cases(),
        refusals::cases(),
    ];
    areas.into_iter().flatten().collect()
}

/// Whether a case is one of these.
pub fn is_one(case: &Case) -> bool {
    let template = case.name.split('/').next().unwrap_or_default();
    let area = template.split('-').next().unwrap_or_default();
    [
        "failover", "document", "count", "stored", "leave", "azure", "own",
    ]
    .contains(&area)
}

/// A template for pairs of these clients and all upstreams.
fn pairs(clients: &[Dialect], template: &Template) -> Vec<Case> {
    let all = clients.iter().flat_map(|client| {
        UPSTREAMS.map(|upstream| Pair {
            client: *client,
            upstream,
        })
    });
    all.map(|pair| case(pair, template)).collect()
}

/// A template for one pair.
fn case(pair: Pair, (name, about, step): &Template) -> Case {
    let Pair { client, upstream } = pair;
    let name = format!("{name}/{client}-to-{upstream}");
    Case::new(&name, client, upstream, about, step(pair))
}

/// A template for each client and the upstream of Chat Completions.
fn clients(template: &Template) -> Vec<Case> {
    let upstream = Dialect::Chat;
    let all = CLIENTS.map(|client| Pair { client, upstream });
    all.map(|pair| case(pair, template)).into()
}
