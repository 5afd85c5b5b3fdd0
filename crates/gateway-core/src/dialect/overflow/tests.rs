//! Real messages of upstreams, with the figures in them and the words for Messages' clients.

use proptest::prelude::*;

use super::*;

type Figures = (Option<u64>, Option<u64>, Option<u64>);

fn figures(message: &str) -> Option<Figures> {
    let found = ContextOverflow::of_error(None, message)?;
    Some((found.prompt_tokens, found.completion_tokens, found.limit))
}

const NONE: Figures = (None, None, None);

const fn with_answer(prompt: u64, completion: u64, limit: u64) -> Figures {
    (Some(prompt), Some(completion), Some(limit))
}

const fn of_input(prompt: u64, limit: u64) -> Figures {
    (Some(prompt), None, Some(limit))
}

/// Real messages with the figures in them.
const MESSAGES: [(&str, Figures); 38] = [
    // DeepSeek, vLLM, NIM, OpenAI.
    (
        "This model's maximum context length is 131072 tokens. However, you requested 131134 tokens (122942 in the messages, 8192 in the completion). Please reduce the length of the messages or completion.",
        with_answer(122_942, 8_192, 131_072),
    ),
    (
        "This model's maximum context length is 4097 tokens, however you requested 6539 tokens (6283 in your prompt; 256 for the completion). Please reduce your prompt; or completion length.",
        with_answer(6_283, 256, 4_097),
    ),
    (
        "This model's maximum context length is 4097 tokens. However, your messages resulted in 4294 tokens. Please reduce the length of the messages.",
        of_input(4_294, 4_097),
    ),
    (
        "This model\u{2019}s maximum context length is 8192 tokens. However, you requested 9000 tokens (7000 in the messages, 500 in the functions, and 1500 in the completion). Please reduce the length of the messages, functions, or completion.",
        with_answer(7_500, 1_500, 8_192),
    ),
    (
        "This model's maximum context length is 4097 tokens, however you requested 4226 tokens",
        of_input(4_226, 4_097),
    ),
    (
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        NONE,
    ),
    // vLLM, newer.
    (
        "This model's maximum context length is 262144 tokens. However, you requested 128000 output tokens and your prompt contains at least 134145 input tokens, for a total of at least 262145 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=134145)",
        with_answer(134_145, 128_000, 262_144),
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 4096 tokens and your request has 1000 input tokens (8192 > 4096 - 1000).",
        with_answer(1_000, 8_192, 4_096),
    ),
    (
        "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens. Please reduce the length of the input messages.",
        of_input(5_000, 4_096),
    ),
    (
        "You passed 5000 input tokens and requested 1024 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 3072 tokens.",
        with_answer(5_000, 1_024, 4_096),
    ),
    (
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller than the number of text tokens.",
        of_input(5_000, 4_096),
    ),
    // SGLang.
    (
        "Requested token count exceeds the model's maximum context length of 131072 tokens. You requested a total of 140000 tokens: 130000 tokens from the input messages and 10000 tokens for the completion.",
        with_answer(130_000, 10_000, 131_072),
    ),
    (
        "The input (263000 tokens) is longer than the model's context length (262144 tokens).",
        of_input(263_000, 262_144),
    ),
    // Text Generation Inference.
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` tokens and 2000 `max_new_tokens`",
        with_answer(3_000, 2_000, 4_096),
    ),
    // llama.cpp and Ollama.
    (
        "request (14429 tokens) exceeds the available context size (8192 tokens), try increasing it",
        of_input(14_429, 8_192),
    ),
    (
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        NONE,
    ),
    (
        "prompt too long; exceeded max context length by 300 tokens",
        NONE,
    ),
    ("the input length exceeds the context length", NONE),
    // Anthropic, and Bedrock.
    (
        "prompt is too long: 213462 tokens > 200000 maximum",
        of_input(213_462, 200_000),
    ),
    (
        "input length and `max_tokens` exceed context limit: 170636 + 34048 > 200000, decrease input length or `max_tokens` and try again",
        with_answer(170_636, 34_048, 200_000),
    ),
    ("Input is too long for requested model.", NONE),
    // Gemini.
    (
        "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
        of_input(1_200_293, 1_048_576),
    ),
    (
        "The input token count is 2845475 but the model only supports up to 1048576.",
        of_input(2_845_475, 1_048_576),
    ),
    // Mistral.
    (
        "Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        of_input(65_673, 32_768),
    ),
    // OpenRouter, also around the provider's own words.
    (
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 141607 tokens (10535 of text input, 131072 in the output). Please reduce the length of either one, or use the \"middle-out\" transform to compress your prompt automatically.",
        with_answer(10_535, 131_072, 131_072),
    ),
    (
        "This endpoint's maximum context length is 131,072 tokens. However, you requested about 150,000 tokens (100,000 of text input, 18,000 of tool input, 32,000 in the output).",
        with_answer(118_000, 32_000, 131_072),
    ),
    (
        r#"Provider returned error: {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 200251 tokens > 200000 maximum"}}"#,
        of_input(200_251, 200_000),
    ),
    (
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
        of_input(131_393, 131_040),
    ),
    // xAI, Moonshot, Copilot, Fireworks, Cerebras, DashScope, MiniMax, LiteLLM, Groq, LM Studio.
    (
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        of_input(537_812, 131_072),
    ),
    (
        "Your request exceeded model token limit: 262144 (requested: 280000)",
        of_input(280_000, 262_144),
    ),
    (
        "prompt token count of 140000 exceeds the limit of 128000",
        of_input(140_000, 128_000),
    ),
    (
        "The prompt is too long: 140000, model maximum context length: 131072",
        of_input(140_000, 131_072),
    ),
    (
        "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
        of_input(9_000, 8_192),
    ),
    (
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
        (None, None, Some(129_024)),
    ),
    ("invalid params, context window exceeds limit", NONE),
    (
        "Input length (265330) exceeds model's maximum context length (262144).",
        of_input(265_330, 262_144),
    ),
    (
        "Please reduce the length of the messages or completion.",
        NONE,
    ),
    (
        "The number of tokens to keep from the initial prompt is greater than the context length.",
        NONE,
    ),
];

#[test]
fn every_upstreams_wording_is_understood() {
    for (message, expected) in MESSAGES {
        assert_eq!(figures(message), Some(expected), "{message}");
    }
}

#[test]
fn other_errors_are_not_taken_for_it() {
    for message in [
        "",
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000. Please reduce the length of the messages",
        "Too many tokens, please wait before trying again.",
        "Rate limit reached: maximum context length is 8192 tokens",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-x",
        "messages: text content blocks must be non-empty",
        "input is too long for this field",
        "You exceeded your current quota.",
    ] {
        assert_eq!(figures(message), None, "{message}");
    }
    let late = format!("{}prompt is too long", " ".repeat(MAX_SEARCHED_BYTES));
    assert_eq!(figures(&late), None);
}

#[test]
fn figures_that_no_model_has_are_left_out() {
    let found = |figure: u64| figures(&format!("prompt is too long: {figure} tokens > 7 maximum"));
    assert_eq!(found(MAX_TOKENS), Some(of_input(MAX_TOKENS, 7)));
    assert_eq!(found(MAX_TOKENS + 1).unwrap().0, None);
}

#[test]
fn codes_suffice() {
    for (code, is_overflow) in [
        ("context_length_exceeded", true),
        ("exceed_context_size_error", true),
        ("model_context_window_exceeded", true),
        ("invalid_request_error", false),
        ("400", false),
    ] {
        let found = ContextOverflow::of_error(Some(code), "No.");
        assert_eq!(found.is_some(), is_overflow, "{code}");
    }
    let found = ContextOverflow::of_error(Some(CODE), "Error: 8193 input tokens").unwrap();
    assert_eq!(found.prompt_tokens, Some(8_193));
}

#[test]
fn messages_clients_get_the_words_that_they_parse() {
    let rows = [
        (
            (Some(170_636), Some(34_048), Some(200_000)),
            "input length and `max_tokens` exceed context limit: 170636 + 34048 > 200000, decrease input length or `max_tokens` and try again",
        ),
        // A shorter answer would not help.
        (
            (Some(213_462), Some(8_192), Some(200_000)),
            "prompt is too long: 213462 tokens > 200000 maximum",
        ),
        (
            (Some(213_462), None, Some(200_000)),
            "prompt is too long: 213462 tokens > 200000 maximum",
        ),
        (
            (Some(262_145), Some(0), Some(262_144)),
            "prompt is too long: 262145 tokens > 262144 maximum",
        ),
        // There is no shorter answer.
        (
            (Some(170_636), Some(0), Some(200_000)),
            "prompt is too long: it exceeds the context of the model",
        ),
        (
            (Some(200_000), Some(1), Some(200_000)),
            "prompt is too long: it exceeds the context of the model",
        ),
        (
            (Some(9), None, None),
            "prompt is too long: it exceeds the context of the model",
        ),
        (
            (None, None, None),
            "prompt is too long: it exceeds the context of the model",
        ),
    ];
    for ((prompt_tokens, completion_tokens, limit), expected) in rows {
        let overflow = ContextOverflow {
            prompt_tokens,
            completion_tokens,
            limit,
        };
        let message = overflow.anthropic_message();
        assert_eq!(message, expected);
        // Another gateway in front recognises it, with the figures that the sentence holds.
        assert!(ContextOverflow::of_error(None, &message).is_some());
    }
}

proptest! {
    #[test]
    fn any_text_is_read(code in proptest::option::of(".{0,40}"), message in ".{0,6000}") {
        let _ = ContextOverflow::of_error(code.as_deref(), &message);
    }

    #[test]
    fn figures_survive_a_second_gateway(prompt in 0_u64..1 << 30, completion in 1_u64..1 << 30, limit in 0_u64..1 << 30) {
        prop_assume!(prompt != limit);
        let overflow = ContextOverflow {
            prompt_tokens: Some(prompt),
            completion_tokens: Some(completion),
            limit: Some(limit),
        };
        let again = ContextOverflow::of_error(None, &overflow.anthropic_message()).unwrap();
        prop_assert_eq!((again.prompt_tokens, again.limit), (Some(prompt), Some(limit)));
        prop_assert_eq!(again.anthropic_message(), overflow.anthropic_message());
    }
}
