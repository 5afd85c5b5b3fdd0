//! The contract's table of failures, read independently of the core: which attempts a request makes, in which order,
//! and what its client gets. Knows no upstream and no gateway.

/// A row of the table, by what it goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Connect, DNS or TLS error, reset, first-byte timeout: next channel; other keys of this one last.
    Unreachable,
    /// 5xx, 408: next key, then next channel.
    ServerError,
    /// 429: next key, then next channel.
    Throttled {
        /// What the upstream says in `Retry-After`.
        retry_after_s: Option<u64>,
    },
    /// 401, 402, 403: next key, then next channel.
    Refused,
    /// 404, or 400 that says the model is unknown or degraded: next channel.
    ModelUnknown,
    /// 400, 413, 422, content filter: returned to the client.
    RequestAtFault {
        /// The client's status.
        status: u16,
        /// The client's error code.
        code: Option<&'static str>,
    },
}

/// Who fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The first call, whichever key it comes with.
    FirstCall,
    /// Every key of the first channel.
    FirstChannel,
    /// Every key of every channel.
    Everyone,
}

/// The channels of a cell: priorities in the order of their numbers, so that the first is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many channels.
    pub channels: usize,
    /// How many keys each has.
    pub keys: usize,
    /// Who of them fails.
    pub extent: Extent,
}

impl Shape {
    /// A shape.
    pub const fn new(channels: usize, keys: usize, extent: Extent) -> Self {
        Self {
            channels,
            keys,
            extent,
        }
    }
}

/// What a client gets in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The answer of this channel.
    Of(usize),
    /// The upstream's rejection of the request itself.
    Refusal {
        /// The status.
        status: u16,
        /// The error code, if the upstream gave one.
        code: Option<&'static str>,
    },
    /// The gateway's own error, when no candidate is left.
    Exhausted {
        /// The status.
        status: u16,
        /// The error code.
        code: &'static str,
        /// Its `Retry-After`.
        wait: Wait,
    },
}

/// The client's `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// None.
    No,
    /// The gateway's own guess.
    Some,
    /// What the upstream said, in seconds.
    Stated(u64),
}

/// The attempts of one request: the channel of each. Inside a channel, keys are in rotation over the whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Attempts whose order the contract states.
    pub ordered: Vec<usize>,
    /// Attempts after those, in any order of channels: the contract says no more than "last".
    pub last: Vec<usize>,
    /// How it ends.
    pub answer: Answer,
}

impl Expected {
    /// How many attempts there are.
    pub const fn len(&self) -> usize {
        self.ordered.len() + self.last.len()
    }

    /// How many of them a channel gets.
    pub fn count_of(&self, channel: usize) -> usize {
        let all = self.ordered.iter().chain(&self.last);
        all.filter(|attempt| **attempt == channel).count()
    }
}

/// What a request does that meets a fault of `row` in channels of `shape`.
pub fn of(row: Row, shape: Shape) -> Expected {
    let fails = |channel: usize, attempts_before: usize| match shape.extent {
        Extent::FirstCall => attempts_before == 0,
        Extent::FirstChannel => channel == 0,
        Extent::Everyone => true,
    };
    let mut expected = Expected {
        ordered: Vec::new(),
        last: Vec::new(),
        answer: exhausted(row),
    };
    let mut left_for_last = Vec::new();
    for channel in 0..shape.channels {
        for key in 0..shape.keys {
            let fails = fails(channel, expected.len());
            expected.ordered.push(channel);
            if !fails {
                expected.answer = Answer::Of(channel);
                return expected;
            }
            match row {
                Row::ServerError | Row::Throttled { .. } | Row::Refused => {}
                Row::Unreachable => {
                    left_for_last.extend((key + 1..shape.keys).map(|_| channel));
                    break;
                }
                Row::ModelUnknown => break,
                Row::RequestAtFault { status, code } => {
                    expected.answer = Answer::Refusal { status, code };
                    return expected;
                }
            }
        }
    }
    for channel in left_for_last {
        let fails = fails(channel, expected.len());
        expected.last.push(channel);
        if !fails {
            expected.answer = Answer::Of(channel);
            return expected;
        }
    }
    expected
}

/// The contract's answers when every candidate failed in the same way.
const fn exhausted(row: Row) -> Answer {
    let (status, code, wait) = match row {
        Row::Throttled {
            retry_after_s: None,
        } => (429, "rate_limit_exceeded", Wait::Some),
        Row::Throttled {
            retry_after_s: Some(seconds),
        } => (429, "rate_limit_exceeded", Wait::Stated(seconds)),
        Row::Refused => (502, "upstream_credentials_exhausted", Wait::No),
        Row::ModelUnknown => (404, "model_not_found", Wait::No),
        Row::Unreachable | Row::ServerError | Row::RequestAtFault { .. } => {
            (502, "upstream_failed", Wait::No)
        }
    };
    Answer::Exhausted { status, code, wait }
}
