//! Which upstreams serve a model, in which order. Owns the names of models: they choose the script.

use std::fmt;

use crate::dialect::{Dialect, UPSTREAMS};

/// The upstreams of a model: one, or a first and one that is only called when the first fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Who is called.
    pub first: Dialect,
    /// Who is called when the first fails.
    pub second: Option<Dialect>,
}

impl Route {
    /// The second is called when the first fails.
    pub const fn failover(first: Dialect, second: Dialect) -> Self {
        Self {
            first,
            second: Some(second),
        }
    }

    /// Every route that cases use: each upstream, and each with another one behind it.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = UPSTREAMS.map(Self::from).into();
        for first in UPSTREAMS {
            let others = UPSTREAMS.into_iter().filter(|second| *second != first);
            all.extend(others.map(|second| Self::failover(first, second)));
        }
        all
    }

    /// The model that makes the upstreams play the script of a case.
    pub fn model(self, number: usize) -> String {
        format!("conf-{self}-{number:04}")
    }
}

impl From<Dialect> for Route {
    fn from(first: Dialect) -> Self {
        Self {
            first,
            second: None,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first)?;
        match self.second {
            Some(second) => write!(formatter, "-then-{second}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::script_key;

    #[test]
    fn models_name_their_upstreams_in_order() {
        let route = Route::failover(Dialect::Chat, Dialect::Messages);
        assert_eq!(route.model(7), "conf-chat-then-messages-0007");
        assert_eq!(
            script_key(&route.model(7)),
            Some("conf-chat-then-messages-0007")
        );
        assert_eq!(
            Route::from(Dialect::Responses).model(12),
            "conf-responses-0012"
        );
        assert_eq!(Route::all().len(), 9);
    }
}
