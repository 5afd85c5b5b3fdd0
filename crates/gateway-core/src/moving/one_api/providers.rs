//! The types of channels of one-api and new-api: what their numbers mean and under which URL each is called here. Owns
//! the two tables, after `relay/channeltype` of one-api and `constant/channel.go` of new-api.

use crate::moving::MoveSource;

/// How a type is called here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelApi {
    /// OpenAI's paths below the base URL and this suffix.
    OpenAi(&'static str),
    /// The same, where the old gateway used another API of the provider.
    Compatible(&'static str),
    /// A base URL that is complete: the old gateway added no version to it.
    Whole,
    /// Anthropic's.
    Anthropic,
    /// Azure's.
    Azure,
    /// Not at all.
    Unsupported,
}

/// A type of channels.
#[derive(Debug)]
pub struct ChannelType {
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub name: &'static str,
    /// The base URL of channels that have none; empty: none.
    pub base_url: &'static str,
    /// How it is called.
    pub api: ChannelApi,
}

const fn row(
    number: i64,
    name: &'static str,
    base_url: &'static str,
    api: ChannelApi,
) -> ChannelType {
    ChannelType {
        number,
        name,
        base_url,
        api,
    }
}

use ChannelApi::{Anthropic, Azure, Compatible, OpenAi, Unsupported, Whole};

const V1: ChannelApi = OpenAi("/v1");
const GEMINI: &str = "https://generativelanguage.googleapis.com";
const BAILIAN: &str = "https://dashscope.aliyuncs.com";
const ARK: &str = "https://ark.cn-beijing.volces.com";
const QIANFAN: &str = "https://qianfan.baidubce.com";
const BIGMODEL: &str = "https://open.bigmodel.cn";

/// Types that both have.
const COMMON: [ChannelType; 22] = [
    row(1, "OpenAI", "https://api.openai.com", V1),
    row(3, "Azure OpenAI", "", Azure),
    row(6, "OpenAIMax", "https://api.openaimax.com", V1),
    row(7, "OhMyGPT", "https://api.ohmygpt.com", V1),
    row(9, "AILS", "https://api.caipacity.com", V1),
    row(10, "AIProxy", "https://api.aiproxy.io", V1),
    row(11, "PaLM", "", Unsupported),
    row(12, "API2GPT", "https://api.api2gpt.com", V1),
    row(13, "AIGC2D", "https://api.aigc2d.com", V1),
    row(14, "Anthropic", "https://api.anthropic.com", Anthropic),
    row(15, "Baidu ERNIE (v1)", "", Unsupported),
    row(16, "Zhipu", BIGMODEL, Compatible("/api/paas/v4")),
    row(
        17,
        "Alibaba Bailian",
        BAILIAN,
        Compatible("/compatible-mode/v1"),
    ),
    row(18, "iFlytek Spark (v1)", "", Unsupported),
    row(20, "OpenRouter", "https://openrouter.ai/api", V1),
    row(21, "AIProxy Library", "", Unsupported),
    row(22, "FastGPT", "https://fastgpt.run/api/openapi", V1),
    row(23, "Tencent Hunyuan", "", Unsupported),
    row(24, "Google Gemini", GEMINI, Compatible("/v1beta/openai")),
    row(25, "Moonshot", "https://api.moonshot.cn", V1),
    row(31, "01.AI", "https://api.lingyiwanwu.com", V1),
    row(33, "AWS Bedrock", "", Unsupported),
];

const ONE_API: [ChannelType; 29] = [
    row(2, "API2D", "https://oa.api2d.net", V1),
    row(4, "CloseAI", "https://api.closeai-proxy.xyz", V1),
    row(5, "OpenAI-SB", "https://api.openai-sb.com", V1),
    row(8, "Custom", "", V1),
    row(19, "360", "https://ai.360.cn", V1),
    row(26, "Baichuan", "https://api.baichuan-ai.com", V1),
    row(27, "MiniMax", "https://api.minimax.chat", V1),
    row(28, "Mistral", "https://api.mistral.ai", V1),
    row(29, "Groq", "https://api.groq.com/openai", V1),
    row(30, "Ollama", "http://localhost:11434", V1),
    row(32, "StepFun", "https://api.stepfun.com", V1),
    row(34, "Coze", "", Unsupported),
    row(
        35,
        "Cohere",
        "https://api.cohere.ai",
        Compatible("/compatibility/v1"),
    ),
    row(36, "DeepSeek", "https://api.deepseek.com", V1),
    row(37, "Cloudflare", "", Unsupported),
    row(38, "DeepL", "", Unsupported),
    row(39, "Together AI", "https://api.together.xyz", V1),
    row(40, "Volcengine Ark", ARK, OpenAi("/api/v3")),
    row(41, "Novita", "https://api.novita.ai/v3/openai", Whole),
    row(42, "Vertex AI", "", Unsupported),
    row(43, "Proxy", "", Unsupported),
    row(44, "SiliconFlow", "https://api.siliconflow.cn", V1),
    row(45, "xAI", "https://api.x.ai", V1),
    row(46, "Replicate", "", Unsupported),
    row(47, "Baidu Qianfan", QIANFAN, OpenAi("/v2")),
    row(48, "iFlytek Spark", "https://spark-api-open.xf-yun.com", V1),
    row(
        49,
        "Alibaba Bailian",
        BAILIAN,
        OpenAi("/compatible-mode/v1"),
    ),
    row(50, "OpenAI-compatible", "", Whole),
    row(
        51,
        "Gemini (OpenAI)",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        Whole,
    ),
];

const NEW_API: [ChannelType; 28] = [
    row(2, "Midjourney Proxy", "", Unsupported),
    row(4, "Ollama", "http://localhost:11434", V1),
    row(5, "Midjourney Proxy Plus", "", Unsupported),
    row(8, "Custom", "", Whole),
    row(19, "360", "https://api.360.cn", V1),
    row(26, "Zhipu", BIGMODEL, OpenAi("/api/paas/v4")),
    row(27, "Perplexity", "https://api.perplexity.ai", Whole),
    row(
        34,
        "Cohere",
        "https://api.cohere.ai",
        Compatible("/compatibility/v1"),
    ),
    row(35, "MiniMax", "https://api.minimax.chat", V1),
    row(36, "Suno", "", Unsupported),
    row(37, "Dify", "", Unsupported),
    row(38, "Jina", "https://api.jina.ai", V1),
    row(39, "Cloudflare", "", Unsupported),
    row(40, "SiliconFlow", "https://api.siliconflow.cn", V1),
    row(41, "Vertex AI", "", Unsupported),
    row(42, "Mistral", "https://api.mistral.ai", V1),
    row(43, "DeepSeek", "https://api.deepseek.com", V1),
    row(44, "Moka AI", "https://api.moka.ai", V1),
    row(45, "Volcengine Ark", ARK, OpenAi("/api/v3")),
    row(46, "Baidu Qianfan", QIANFAN, OpenAi("/v2")),
    row(47, "Xinference", "", V1),
    row(48, "xAI", "https://api.x.ai", V1),
    row(49, "Coze", "", Unsupported),
    row(50, "Kling", "", Unsupported),
    row(51, "Jimeng", "", Unsupported),
    row(52, "Vidu", "", Unsupported),
    row(54, "Doubao Video", "", Unsupported),
    row(56, "Replicate", "", Unsupported),
];

/// The type with this number.
pub fn find(source: MoveSource, number: i64) -> Option<&'static ChannelType> {
    let own: &[ChannelType] = match source {
        MoveSource::NewApi => &NEW_API,
        _ => &ONE_API,
    };
    let mut types = COMMON.iter().chain(own);
    types.find(|it| it.number == number)
}

/// The base URL here for one that the old gateway had.
pub fn base_url(api: ChannelApi, root: &str) -> String {
    let root = root.trim().trim_end_matches('/');
    let suffix = match api {
        OpenAi(suffix) | Compatible(suffix) => suffix,
        Anthropic => "/v1",
        // Some enter the address of the operation itself.
        Whole => {
            let operations = ["/chat/completions", "/completions", "/embeddings"];
            let stripped = operations.iter().find_map(|end| root.strip_suffix(end));
            return stripped.unwrap_or(root).to_owned();
        }
        Azure | Unsupported => "",
    };
    if root.ends_with(suffix) {
        return root.to_owned();
    }
    format!("{root}{suffix}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_has_one_row_in_each_gateway() {
        for own in [&ONE_API[..], &NEW_API[..]] {
            let numbers: BTreeSet<i64> = COMMON.iter().chain(own).map(|it| it.number).collect();
            assert_eq!(numbers.len(), COMMON.len() + own.len());
        }
        assert_eq!(find(MoveSource::OneApi, 36).unwrap().name, "DeepSeek");
        assert_eq!(find(MoveSource::NewApi, 36).unwrap().name, "Suno");
        assert!(find(MoveSource::OneApi, 0).is_none());
        assert!(find(MoveSource::NewApi, 99).is_none());
    }

    #[test]
    fn base_urls_get_what_the_old_gateway_added() {
        for (api, root, expected) in [
            (V1, "https://api.openai.com", "https://api.openai.com/v1"),
            (V1, "https://a.example/x/ ", "https://a.example/x/v1"),
            (V1, "https://a.example/v1/", "https://a.example/v1"),
            (
                Compatible("/v1beta/openai"),
                GEMINI,
                "https://generativelanguage.googleapis.com/v1beta/openai",
            ),
            (
                Whole,
                "https://a.example/p/v9/chat/completions",
                "https://a.example/p/v9",
            ),
            (Whole, "https://a.example/v1/", "https://a.example/v1"),
            (
                Anthropic,
                "https://api.anthropic.com",
                "https://api.anthropic.com/v1",
            ),
            (
                Azure,
                "https://r.openai.azure.com/",
                "https://r.openai.azure.com",
            ),
        ] {
            assert_eq!(base_url(api, root), expected);
        }
    }
}
