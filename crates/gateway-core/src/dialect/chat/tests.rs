//! Chat Completions: requests and answers.
