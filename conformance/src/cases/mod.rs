//! All cases in order. Owns the numbering: a case's place makes the names of its models.

mod areas;
mod matrix;
mod nasty;

use crate::case::Case;

/// All cases. The number of a case is its place, beginning with 1.
pub fn all() -> Vec<Case> {
    let mut cases = nasty::all();
    cases.extend(matrix::all());
    cases.extend(areas::all());
    cases
}

/// Whether a case is about more than the translation of one request: failover, other paths and operations, errors of
/// the gateway's own.
pub fn is_area(case: &Case) -> bool {
    areas::is_one(case)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_case_has_its_own_name_and_can_fail() {
        let cases = all();
        let names: HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        let areas = cases.iter().filter(|case| is_area(case)).count();
        assert_eq!(areas, areas::all().len());
        assert!(cases.len() > 600, "{}", cases.len());
        for number in 1..=30 {
            assert!(names.contains(format!("nasty-{number:02}").as_str()));
        }
        for case in &cases {
            for step in &case.steps {
                assert!(!step.checks.is_empty(), "{}", case.name);
                assert!(!step.replies.is_empty(), "{}", case.name);
                assert_eq!(
                    step.second.is_empty(),
                    step.route.second.is_none(),
                    "{}",
                    case.name
                );
            }
        }
    }
}
