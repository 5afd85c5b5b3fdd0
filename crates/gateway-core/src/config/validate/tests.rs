//! Tests of the rules, as tables.
