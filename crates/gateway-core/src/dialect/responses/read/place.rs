//! Where in a request something is, for errors that name it. Owns the reading of single values: of a wrong type they are
//! an error that says what is expected and holds none of the request's text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::dialect::json;
use crate::dialect::untranslatable::Untranslatable;

/// A member or an element of the request; made on the stack, written out only for an error.
#[derive(Clone, Copy)]
pub struct RequestPlace<'p> {
    parent: Option<&'p RequestPlace<'p>>,
    step: RequestStep<'p>,
}

#[derive(Clone, Copy)]
enum RequestStep<'p> {
    Member(&'p str),
    Element(usize),
}

impl fmt::Display for RequestPlace<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(formatter)?;
        }
        match (self.parent, self.step) {
            (None, RequestStep::Member(name)) => formatter.write_str(name),
            (Some(_), RequestStep::Member(name)) => write!(formatter, ".{name}"),
            (_, RequestStep::Element(index)) => write!(formatter, "[{index}]"),
        }
    }
}

impl<'p> RequestPlace<'p> {
    /// A member of the request.
    pub const fn of(name: &'p str) -> Self {
        Self {
            parent: None,
            step: RequestStep::Member(name),
        }
    }

    /// A member of the object that is here.
    pub const fn member<'q>(&'q self, name: &'q str) -> RequestPlace<'q>
    where
        'p: 'q,
    {
        RequestPlace {
            parent: Some(self),
            step: RequestStep::Member(name),
        }
    }

    /// An element of the list that is here.
    pub const fn element<'q>(&'q self, index: usize) -> RequestPlace<'q>
    where
        'p: 'q,
    {
        RequestPlace {
            parent: Some(self),
            step: RequestStep::Element(index),
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
        raw.map(|raw| crate::wire::json::from_str(raw.get()).map_err(|_| self.must_be("a number")))
            .transpose()
    }

    /// A count of tokens.
    pub fn count(&self, raw: Option<&RawValue>) -> Result<Option<u64>, Untranslatable> {
        raw.map(|raw| {
            crate::wire::json::from_str(raw.get()).map_err(|_| self.must_be("a whole number"))
        })
        .transpose()
    }

    /// A list, its elements unread.
    pub fn list<'a>(&self, raw: &'a RawValue) -> Result<Vec<&'a RawValue>, Untranslatable> {
        crate::wire::json::from_str(raw.get()).map_err(|_| self.must_be("a list"))
    }

    /// An object with the members of `T`.
    pub fn object<'a, T: Deserialize<'a>>(&self, raw: &'a RawValue) -> Result<T, Untranslatable> {
        if !raw.get().starts_with('{') {
            return Err(self.must_be("an object"));
        }
        crate::wire::json::from_str(raw.get())
            .map_err(|_| self.must_be("an object with each member once"))
    }
}
