//! `LiteLLM`'s providers: what the part of a model before `/` means, and where each is called. Owns the table; the
//! variables are those that `LiteLLM` reads when no key is configured.

/// How a provider is called here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorApi {
    /// As OpenAI, below a base URL that has its version already.
    OpenAi,
    /// As OpenAI, below `/v1` of the base URL.
    V1,
    /// As OpenAI, where `LiteLLM` used another API of the provider.
    Compatible,
    /// As Anthropic.
    Anthropic,
    /// As Azure.
    Azure,
}

/// A provider.
#[derive(Debug)]
pub struct Vendor {
    /// Its names before `/`.
    pub names: &'static [&'static str],
    /// The base URL of models without one; empty: none.
    pub base_url: &'static str,
    /// The variable with its key; empty: it needs none.
    pub variable: &'static str,
    /// How it is called.
    pub api: VendorApi,
}

const fn row(
    names: &'static [&'static str],
    base_url: &'static str,
    variable: &'static str,
    api: VendorApi,
) -> Vendor {
    Vendor {
        names,
        base_url,
        variable,
        api,
    }
}

/// All that can be called.
const VENDORS: [Vendor; 28] = [
    row(
        &["openai", "text-completion-openai"],
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["azure", "azure_text"],
        "",
        "AZURE_API_KEY",
        VendorApi::Azure,
    ),
    row(
        &["anthropic"],
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        VendorApi::Anthropic,
    ),
    row(
        &["gemini"],
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        VendorApi::Compatible,
    ),
    row(
        &["openrouter"],
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["groq"],
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["deepseek"],
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["mistral"],
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["codestral"],
        "https://codestral.mistral.ai/v1",
        "CODESTRAL_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["xai"],
        "https://api.x.ai/v1",
        "XAI_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["nvidia_nim"],
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_NIM_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["moonshot"],
        "https://api.moonshot.ai/v1",
        "MOONSHOT_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["dashscope"],
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["together_ai"],
        "https://api.together.xyz/v1",
        "TOGETHERAI_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["fireworks_ai"],
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_AI_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["perplexity"],
        "https://api.perplexity.ai",
        "PERPLEXITYAI_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["deepinfra"],
        "https://api.deepinfra.com/v1/openai",
        "DEEPINFRA_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["cerebras"],
        "https://api.cerebras.ai/v1",
        "CEREBRAS_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["sambanova"],
        "https://api.sambanova.ai/v1",
        "SAMBANOVA_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["volcengine"],
        "https://ark.cn-beijing.volces.com/api/v3",
        "VOLCENGINE_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["novita"],
        "https://api.novita.ai/v3/openai",
        "NOVITA_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["cohere", "cohere_chat"],
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY",
        VendorApi::Compatible,
    ),
    row(
        &["jina_ai"],
        "https://api.jina.ai/v1",
        "JINA_AI_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["voyage"],
        "https://api.voyageai.com/v1",
        "VOYAGE_API_KEY",
        VendorApi::OpenAi,
    ),
    row(
        &["ollama", "ollama_chat"],
        "http://localhost:11434/v1",
        "",
        VendorApi::V1,
    ),
    row(
        &["lm_studio", "vllm", "hosted_vllm"],
        "",
        "",
        VendorApi::OpenAi,
    ),
    row(
        &["openai_like", "custom_openai", "llamafile", "xinference"],
        "",
        "",
        VendorApi::OpenAi,
    ),
    row(
        &["litellm_proxy"],
        "",
        "LITELLM_PROXY_API_KEY",
        VendorApi::OpenAi,
    ),
];

/// The provider of `model` and its name for it, as `LiteLLM` finds them: by `custom`, by the part before `/`, by a
/// well-known name. `Err`: the name of a provider that cannot be called.
pub fn find<'m>(
    model: &'m str,
    custom: Option<&'m str>,
) -> Result<(&'static Vendor, &'m str), &'m str> {
    if let Some(name) = custom {
        let rest = model
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('/'));
        return Ok((named(name).ok_or(name)?, rest.unwrap_or(model)));
    }
    if let Some((name, rest)) = model.split_once('/') {
        if let Some(vendor) = named(name) {
            return Ok((vendor, rest));
        }
        return Err(name);
    }
    let owner = if model.starts_with("claude") {
        "anthropic"
    } else if OF_OPENAI.iter().any(|prefix| model.starts_with(prefix)) {
        "openai"
    } else {
        return Err(model);
    };
    Ok((named(owner).ok_or(model)?, model))
}

/// How the models of OpenAI begin, which need no provider before them.
const OF_OPENAI: [&str; 12] = [
    "gpt-",
    "chatgpt-",
    "o1",
    "o3",
    "o4",
    "text-embedding-",
    "text-moderation",
    "omni-moderation",
    "dall-e-",
    "whisper-",
    "tts-",
    "ft:",
];

fn named(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.names.contains(&name))
}

/// The base URL here for one that `LiteLLM` had.
pub fn base_url(api: VendorApi, given: &str) -> String {
    let root = given.trim().trim_end_matches('/');
    match api {
        VendorApi::OpenAi | VendorApi::Compatible => {
            let root = root.strip_suffix("/chat/completions").unwrap_or(root);
            root.to_owned()
        }
        VendorApi::V1 if root.ends_with("/v1") => root.to_owned(),
        VendorApi::V1 => format!("{root}/v1"),
        VendorApi::Anthropic => {
            let root = root.strip_suffix("/messages").unwrap_or(root);
            let root = root.strip_suffix("/v1").unwrap_or(root);
            format!("{root}/v1")
        }
        VendorApi::Azure => {
            // Some have the address of a deployment.
            let end = root.find("/openai").unwrap_or(root.len());
            root.get(..end).unwrap_or(root).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn providers_are_found_as_litellm_finds_them() {
        let found =
            |model, custom| find(model, custom).map(|(vendor, rest)| (vendor.names[0], rest));
        assert_eq!(
            found("azure/my-deployment", None),
            Ok(("azure", "my-deployment"))
        );
        assert_eq!(
            found("openrouter/a/b:free", None),
            Ok(("openrouter", "a/b:free"))
        );
        assert_eq!(found("gpt-4o", None), Ok(("openai", "gpt-4o")));
        assert_eq!(
            found("claude-opus-4-6", None),
            Ok(("anthropic", "claude-opus-4-6"))
        );
        assert_eq!(
            found("meta/llama", Some("nvidia_nim")),
            Ok(("nvidia_nim", "meta/llama"))
        );
        assert_eq!(found("openai/x", Some("openai")), Ok(("openai", "x")));
        assert_eq!(found("bedrock/x", None), Err("bedrock"));
        assert_eq!(found("unknown/x", None), Err("unknown"));
        assert_eq!(found("mystery", None), Err("mystery"));
        let names: Vec<&str> = VENDORS
            .iter()
            .flat_map(|vendor| vendor.names)
            .copied()
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn base_urls_lose_what_the_gateway_adds() {
        for (api, given, expected) in [
            (
                VendorApi::OpenAi,
                "https://a.example/v1/",
                "https://a.example/v1",
            ),
            (
                VendorApi::V1,
                "http://ollama:11434",
                "http://ollama:11434/v1",
            ),
            (
                VendorApi::V1,
                "http://ollama:11434/v1",
                "http://ollama:11434/v1",
            ),
            (
                VendorApi::Anthropic,
                "https://a.example",
                "https://a.example/v1",
            ),
            (
                VendorApi::Anthropic,
                "https://a.example/v1/messages",
                "https://a.example/v1",
            ),
            (
                VendorApi::Azure,
                "https://r.openai.azure.com/openai/deployments/x",
                "https://r.openai.azure.com",
            ),
        ] {
            assert_eq!(base_url(api, given), expected);
        }
    }
}
