//! OpenAI, and everything with its paths: NIM, OpenRouter, vLLM, Ollama and most others.

use super::Kind;

/// OpenAI's API; all of it is the default of [`Kind`].
#[derive(Debug)]
pub struct OpenAi;

impl Kind for OpenAi {}
