//! What is wrong in a Chat client's request. Owns the path to the member at fault, which is put together on the way out,
//! so that requests without a fault pay nothing for it.

use crate::dialect::untranslatable::Untranslatable;

/// A member at fault and the rule that it breaks.
#[derive(Debug)]
pub struct RequestProblem {
    path: String,
    /// Completes a sentence that begins with the path.
    rule: &'static str,
}

impl RequestProblem {
    /// The member itself breaks the rule.
    pub const fn here(rule: &'static str) -> Self {
        Self {
            path: String::new(),
            rule,
        }
    }

    /// The member at `path` below breaks the rule.
    pub fn at(path: &str, rule: &'static str) -> Self {
        Self::here(rule).inside(path)
    }

    /// The same, seen from the object that has the member `name`.
    pub fn inside(self, name: &str) -> Self {
        let separator = match self.path.bytes().next() {
            None | Some(b'[') => "",
            Some(_) => ".",
        };
        Self {
            path: format!("{name}{separator}{}", self.path),
            ..self
        }
    }

    /// The same, seen from the list that has it at `index`.
    pub fn within(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }

    /// What the client gets.
    pub fn into_untranslatable(self) -> Untranslatable {
        let message = format!("`{}` {}", self.path, self.rule);
        Untranslatable::new(self.path, message)
    }
}

/// Demands a value.
pub trait Fit<T> {
    /// The value; otherwise the member itself breaks the rule.
    fn fit(self, rule: &'static str) -> Result<T, RequestProblem>;
    /// The value; otherwise the member at `path` breaks the rule.
    fn fit_at(self, path: &str, rule: &'static str) -> Result<T, RequestProblem>;
}

impl<T> Fit<T> for Option<T> {
    fn fit(self, rule: &'static str) -> Result<T, RequestProblem> {
        self.ok_or(RequestProblem::here(rule))
    }

    fn fit_at(self, path: &str, rule: &'static str) -> Result<T, RequestProblem> {
        self.ok_or_else(|| RequestProblem::at(path, rule))
    }
}
