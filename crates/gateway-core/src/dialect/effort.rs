//! How much a model reasons. Owns the steps of effort, the budgets of tokens that they mean in the dialects with budgets,
//! and the way back.

/// A step of effort, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Does not reason.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// More than `high`.
    Xhigh,
    /// As much as possible.
    Max,
}

/// The steps with budgets (agentgateway's), from least to most.
const BUDGETS: [(Effort, u64); 5] = [
    (Effort::Low, 1_024),
    (Effort::Medium, 2_048),
    (Effort::High, 4_096),
    (Effort::Xhigh, 8_192),
    (Effort::Max, 16_384),
];
/// The smallest budget that Anthropic accepts.
pub const MIN_BUDGET_TOKENS: u64 = 1_024;

impl Effort {
    const NAMES: [(&'static str, Self); 7] = [
        ("none", Self::None),
        ("minimal", Self::Minimal),
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("xhigh", Self::Xhigh),
        ("max", Self::Max),
    ];

    /// The step of a name; `None` for words that mean none, such as `auto`.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, effort)| *effort)
    }

    /// The name in all dialects.
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, effort)| *effort == self);
        found.map_or("medium", |(name, _)| name)
    }

    /// The step and those above it, from the least.
    pub fn and_higher(self) -> impl Iterator<Item = Self> {
        let steps = Self::NAMES.iter().map(|(_, effort)| *effort);
        steps.filter(move |effort| *effort >= self)
    }

    /// The budget of the step; `None`: it has none, and reasoning is left out.
    pub fn budget_tokens(self) -> Option<u64> {
        let found = BUDGETS.iter().find(|(effort, _)| *effort == self);
        found.map(|(_, tokens)| *tokens)
    }

    /// The highest step whose budget is reached.
    pub fn of_budget(tokens: u64) -> Self {
        let reached = BUDGETS.iter().rev().find(|(_, least)| tokens >= *least);
        reached.map_or(Self::Minimal, |(effort, _)| *effort)
    }
}

/// What a request says about reasoning. Both forms are kept, since each direction loses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// The effort; made from the budget where only that was given.
    pub effort: Effort,
    /// The budget in tokens, where one was given.
    pub budget_tokens: Option<u64>,
    /// Whether the client requests the reasoning or its summary.
    pub is_shown: bool,
}

impl Reasoning {
    /// Reasoning by effort.
    pub const fn of_effort(effort: Effort) -> Self {
        Self {
            effort,
            budget_tokens: None,
            is_shown: true,
        }
    }

    /// Reasoning by budget.
    pub fn of_budget(tokens: u64) -> Self {
        Self {
            effort: Effort::of_budget(tokens),
            budget_tokens: Some(tokens),
            is_shown: true,
        }
    }

    /// Whether the model reasons at all.
    pub fn is_on(&self) -> bool {
        self.effort > Effort::Minimal || self.budget_tokens.is_some_and(|tokens| tokens > 0)
    }

    /// The budget for a target with budgets that must be below `max_tokens`; `None`: reasoning is left out.
    pub fn budget_below(&self, max_tokens: u64) -> Option<u64> {
        let wanted = self.budget_tokens.or_else(|| self.effort.budget_tokens())?;
        let budget = wanted
            .max(MIN_BUDGET_TOKENS)
            .min(max_tokens.saturating_sub(1));
        (wanted > 0 && budget >= MIN_BUDGET_TOKENS).then_some(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effort_and_budget_map_to_each_other() {
        for (effort, tokens) in BUDGETS {
            assert_eq!(Effort::of_budget(tokens), effort);
            assert_eq!(effort.budget_tokens(), Some(tokens));
        }
        assert_eq!(Effort::of_budget(0), Effort::Minimal);
        assert_eq!(Effort::of_budget(1_023), Effort::Minimal);
        assert_eq!(Effort::of_budget(4_095), Effort::Medium);
        assert_eq!(Effort::of_budget(u64::MAX), Effort::Max);
        assert_eq!(Effort::None.budget_tokens(), None);
        for (name, effort) in Effort::NAMES {
            assert_eq!(Effort::from_name(name), Some(effort));
            assert_eq!(effort.name(), name);
        }
        assert_eq!(Effort::from_name("auto"), None);
    }

    #[test]
    fn a_budget_stays_below_the_limit_of_the_answer_or_is_left_out() {
        let high = Reasoning::of_effort(Effort::High);
        assert_eq!(high.budget_below(1_000), None);
        assert_eq!(high.budget_below(1_024), None);
        assert_eq!(high.budget_below(1_025), Some(1_024));
        assert_eq!(high.budget_below(10_000), Some(4_096));
        assert_eq!(Reasoning::of_budget(0).budget_below(10_000), None);
        assert_eq!(Reasoning::of_budget(10).budget_below(10_000), Some(1_024));
        assert!(!Reasoning::of_effort(Effort::Minimal).is_on());
        assert!(!Reasoning::of_budget(0).is_on());
        assert!(high.is_on() && Reasoning::of_budget(10).is_on());
    }
}
