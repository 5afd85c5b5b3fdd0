//! What is wrong with a value, by the API's code for it, in Chinese.
import type { ProblemTexts } from "./problem-texts";

const TYPES = {
  object: "必须是对象",
  array: "必须是列表",
  boolean: "必须为开或关",
  string: "必须是文本",
  whole_key: "必须是完整的密钥文本",
  channel_key: "必须是新密钥的文本，或含已有密钥 id 的对象",
  document_key: "必须是密钥文本，或含 `id`、`key` 或两者的对象",
};
const WITHIN = {
  list: "在列表中重复",
  map: "在表中重复",
  headers: "重复；请求头名称不区分大小写",
  document: "在文档中重复",
};
const KEYS = {
  several: "只能是一个密钥；请逐个填写",
  bearer: "只填密钥本身，不要带 `Bearer`",
  quotes: "只填密钥本身，不要带引号",
  assignment: "只填密钥本身，前面不要带名称和 `=`",
};

export const problemsZh: ProblemTexts = {
  required: () => "为必填项",
  list_required: () => "为必填项；空列表表示没有",
  azure_required: () => "使用 Azure 时为必填项",
  azure_forbidden: () => "仅适用于 Azure",
  unknown_field: () => "不是已知的设置",
  wrong_type: ({ expected }) => TYPES[expected],
  out_of_range: ({ min, max, nullable }) =>
    `必须是 ${min} 到 ${max} 的整数${nullable ? "，或留空" : ""}`,
  invalid_text: ({ max }) => `必须为 1 到 ${max} 个字符，且不含控制字符`,
  invalid_model_name: ({ max }) => `名称必须是 1 到 ${max} 个字符的模型名`,
  too_many: ({ max }) => `最多 ${max} 项`,
  duplicate: ({ within }) => WITHIN[within],
  key_already_in_channel: () => "已在此渠道中",
  invalid_time: () => "必须是类似 2027-01-31T00:00:00Z 的时间",
  invalid_choice: ({ choices }) => `必须是以下之一：${choices.join("、")}`,
  unknown_operation: ({ choices }) => `不是已知的操作；可用：${choices.join("、")}`,
  invalid_network: () => "必须是 IP 地址（如 10.0.0.1）或网段（如 10.0.0.0/8）",
  invalid_url: ({ reason, max, suggestion }) => {
    const text = {
      not_absolute: "必须以 https:// 或 http:// 开头",
      too_long: `最多 ${max} 字节`,
      credentials: "不能包含凭据；密钥请填在密钥栏",
      query: "不能包含查询参数或片段",
    }[reason];
    return suggestion == null ? text : `${text}；请使用 ${suggestion}`;
  },
  invalid_key: ({ reason, max }) =>
    reason === "characters" ? `必须是 1 到 ${max} 个可见 ASCII 字符，且不含空格` : KEYS[reason],
  key_id_required: () => "必须含有此渠道某个密钥的 id",
  key_or_id_required: () => "必须含有完整密钥，或网关已有密钥的 id",
  unknown_key: () => "不是此渠道的密钥",
  unknown_key_of_document: () => "没有密钥，网关中也没有此 id 的密钥；含密钥的导出文件才有",
  invalid_header_name: () => "不是有效的请求头名称",
  reserved_header: () => "由网关自身设置，不能更改",
  invalid_header_value: ({ max }) => `最多 ${max} 个可见 ASCII 字符`,
  unknown_id: () => "已不存在",
  not_together: ({ with: other }) => `不能与 ${other} 同时使用`,
  comma_in_tag: () => "不能包含逗号",
  reserved_parameter: () => "不能包含 `model` 或 `stream`",
  renamed_parameter: () => "不能使用已被重命名的参数的旧名称",
  too_large: ({ max }) => `按 JSON 计最多 ${max} 字节`,
  empty_list: () => "至少需要一项",
  several_wildcards: () => "两侧各自最多只能有一个 *",
  wildcard_without_pattern: () => "左侧没有 * 时，右侧不能有 *",
  wildcard_forbidden: () => "不能包含 *；只有渠道的模型映射支持通配",
  invalid_url_part: ({ max }) => `必须是 1 到 ${max} 个字母、数字、连字符、点或下划线`,
  unsupported_version: ({ supported }) => `必须是 ${supported}，这是唯一支持的版本`,
  client_key_forbidden: () => "不应出现在这里：客户端密钥以其哈希导入",
  invalid_id: ({ max }) => `必须是 1 到 ${max} 个字母、数字或下划线`,
  invalid_hash: () => "必须是 64 位十六进制的 SHA-256",
  invalid_password: ({ min, max }) => `须至少 ${min} 个字符，且不超过 ${max} 字节`,
  wrong_password: () => "与当前密码不符",
  invalid_password_hash: () => "须为导出文件中的 argon2id 哈希",
  name_taken: () => "已被其他账户使用",
  invalid_totp_secret: () => "须为网关生成的 base32 密钥",
  wrong_totp_code: () => "与应用当前显示的验证码不符",
  unknown_price_list: ({ known }) => `必须是 ${known.join(" 或 ")} 的价格表`,
  unknown_parameter: ({ known }) => `不是已知参数；可用：${known.join("、")}`,
  repeated_parameter: () => "在 URL 中重复",
  invalid_parameter: ({ rule }) => rule,
};
