//! Where in a request something is, for errors that name it. Owns the reading of single values: of a wrong type they are
//! an error that says what is expected and holds none of the request's text. Google's servers also read numbers in
//! quotes, and one element in place of a list; so does this.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::dialect::json;
use crate::dialect::untranslatable::Untranslatable;
use crate::wire::walk;

/// A member or an element of the request; made on the stack, written out only for an error.
#[derive(Clone, Copy)]
pub struct GeminiPlace<'p> {
    parent: Option<&'p GeminiPlace<'p>>,
    step: GeminiStep<'p>,
}

#[derive(Clone, Copy)]
enum GeminiStep<'p> {
    /// The request itself.
    Root,
    Member(&'p str),
    Element(usize),
}

/// The request itself.
pub const ROOT: GeminiPlace<'static> = GeminiPlace {
    parent: None,
    step: GeminiStep::Root,
};

impl fmt::Display for GeminiPlace<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_inside = self
            .parent
            .is_some_and(|parent| !matches!(parent.step, GeminiStep::Root));
        if let Some(parent) = self.parent {
            parent.fmt(formatter)?;
        }
        match self.step {
            GeminiStep::Root => Ok(()),
            GeminiStep::Member(name) if is_inside => write!(formatter, ".{name}"),
            GeminiStep::Member(name) => formatter.write_str(name),
            GeminiStep::Element(index) => write!(formatter, "[{index}]"),
        }
    }
}

impl GeminiPlace<'_> {
    /// A member of the object that is here.
    pub const fn member<'q>(&'q self, name: &'q str) -> GeminiPlace<'q> {
        GeminiPlace {
            parent: Some(self),
            step: GeminiStep::Member(name),
        }
    }

    /// An element of the list that is here.
    pub const fn element(&self, index: usize) -> GeminiPlace<'_> {
        GeminiPlace {
            parent: Some(self),
            step: GeminiStep::Element(index),
        }
    }

    /// What is here cannot be translated. The message begins with the place.
    pub fn rejected(&self, why: &str) -> Untranslatable {
        Untranslatable::new(self.to_string(), format!("`{self}` {why}"))
    }

    /// What is here is of a wrong type.
    pub fn must_be(&self, what: &str) -> Untranslatable {
        self.rejected(&format!("must be {what}."))
    }

    /// A string.
    pub fn string<'a>(
        &self,
        raw: Option<&'a RawValue>,
    ) -> Result<Option<Cow<'a, str>>, Untranslatable> {
        raw.map(|raw| json::text(raw).ok_or_else(|| self.must_be("a string")))
            .transpose()
    }

    /// A string that must be there; `name` is the member of the object that is here.
    pub fn needed<'a>(
        &self,
        name: &str,
        raw: Option<&'a RawValue>,
    ) -> Result<Cow<'a, str>, Untranslatable> {
        let member = self.member(name);
        member
            .string(raw)?
            .ok_or_else(|| member.must_be("a string"))
    }

    /// A boolean.
    pub fn boolean(&self, raw: Option<&RawValue>) -> Result<Option<bool>, Untranslatable> {
        match raw.map(RawValue::get) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.must_be("true or false")),
        }
    }

    /// A number.
    pub fn number(&self, raw: Option<&RawValue>) -> Result<Option<Number>, Untranslatable> {
        raw.map(|raw| {
            let text = walk::inside(raw.get()).unwrap_or(raw.get());
            crate::wire::json::from_str(text).map_err(|_| self.must_be("a number"))
        })
        .transpose()
    }

    /// A whole number, perhaps below 0.
    pub fn integer(&self, raw: Option<&RawValue>) -> Result<Option<i64>, Untranslatable> {
        raw.map(|raw| {
            let text = walk::inside(raw.get()).unwrap_or(raw.get());
            text.parse().map_err(|_| self.must_be("a whole number"))
        })
        .transpose()
    }

    /// The elements of a list, unread; one object counts as a list of it.
    pub fn list<'a>(&self, raw: Option<&'a RawValue>) -> Result<Vec<&'a RawValue>, Untranslatable> {
        match raw {
            None => Ok(Vec::new()),
            Some(raw) if raw.get().starts_with('{') => Ok(vec![raw]),
            Some(raw) => crate::wire::json::from_str(raw.get()).map_err(|_| self.must_be("a list")),
        }
    }

    /// A list of strings.
    pub fn strings<'a>(
        &self,
        raw: Option<&'a RawValue>,
    ) -> Result<Vec<Cow<'a, str>>, Untranslatable> {
        let list = self.list(raw)?.into_iter().enumerate();
        list.map(|(index, raw)| {
            json::text(raw).ok_or_else(|| self.element(index).must_be("a string"))
        })
        .collect()
    }

    /// An object with the members of `T`; absent members where there is none.
    pub fn object<'a, T: Deserialize<'a> + Default>(
        &self,
        raw: Option<&'a RawValue>,
    ) -> Result<T, Untranslatable> {
        let Some(raw) = raw else {
            return Ok(T::default());
        };
        if !raw.get().starts_with('{') {
            return Err(self.must_be("an object"));
        }
        crate::wire::json::from_str(raw.get())
            .map_err(|_| self.must_be("an object with each member once, in one spelling"))
    }
}
