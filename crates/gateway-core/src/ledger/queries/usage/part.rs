//! A part of a usage query's answer, for those who read it piece by piece. Owns where a part begins and ends, in SQL; the
//! question itself is [`super::usage`]'s.

use super::{UsageGroup, UsageQuery, UsageRank, UsageSlice};
use crate::ledger::columns::usage::Sum;

/// Which rows of the whole answer are asked for. What comes first by rank is decided within the whole span all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsagePart {
    /// In hours since 1970, inclusive.
    pub from: u64,
    /// In hours since 1970, exclusive.
    pub to: u64,
    /// The row behind which the part begins; `None`: at its first row.
    pub after: Option<UsageSlice>,
}

impl UsagePart {
    /// The condition that an hour belongs to the part.
    pub(super) fn hours(&self) -> String {
        format!(" AND hour >= {} AND hour < {}", self.from, self.to)
    }

    /// The condition that a row comes behind the last one that was given, whose subject is the parameter of this number;
    /// and the parameter. It compares what the rows are sorted by.
    pub(super) fn behind(&self, query: &UsageQuery, parameter: usize) -> Option<(String, String)> {
        let row = self.after.as_ref()?;
        let is_rest = u8::from(row.is_rest);
        let condition = if query.group == UsageGroup::Reason {
            format!(" HAVING (bucket, subject) > ({}, ?{parameter})", row.bucket)
        } else if query.bucket == 0 {
            format!(
                " HAVING (is_rest, -{}, subject) > ({is_rest}, -{}, ?{parameter})",
                query.rank.sum(),
                rank_of(query.rank, row)
            )
        } else {
            format!(
                " HAVING (bucket, is_rest, subject) > ({}, {is_rest}, ?{parameter})",
                row.bucket
            )
        };
        Some((condition, row.subject.clone()))
    }
}

/// The number by which a row is ranked.
fn rank_of(rank: UsageRank, row: &UsageSlice) -> u64 {
    let sum = |sum| row.totals.sum(sum);
    match rank {
        UsageRank::Requests => sum(Sum::Requests),
        UsageRank::Errors => sum(Sum::Errors),
        UsageRank::Tokens => sum(Sum::PromptTokens) + sum(Sum::CompletionTokens),
        UsageRank::Cost => sum(Sum::CostMicroUsd),
    }
}
