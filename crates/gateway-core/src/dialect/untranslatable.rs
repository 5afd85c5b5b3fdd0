//! A request that cannot be said in the dialect of a channel. Owns its shape; the client's error is made from it.

use std::borrow::Cow;

/// Why a request cannot be translated. It is the request's fault: the channel's health is not affected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Untranslatable {
    /// The member of the client's request, such as `n` or `messages[3].content[0]`.
    pub param: Cow<'static, str>,
    /// What is wrong and what to do, in one or two sentences, without values of the request.
    pub message: Cow<'static, str>,
}

impl Untranslatable {
    /// A request with a member that cannot be translated.
    pub fn new(param: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            param: param.into(),
            message: message.into(),
        }
    }
}
