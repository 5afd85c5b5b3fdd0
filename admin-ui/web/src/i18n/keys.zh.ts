//! 未保存的内容，以及客户端密钥的轮换、到期和单独页面的中文文案。
import type { keysEn } from "./keys.en";

export const keysZh: typeof keysEn = {
  "unsaved.title": "不保存就离开？",
  "unsaved.text": "您输入的内容尚未保存，离开后将丢失。",
  "unsaved.stay": "继续编辑",
  "unsaved.leave": "放弃更改",

  "app.pageFailed": "页面加载失败",

  "import.byOthers": "您查看之后其他人所做的更改",
  "import.byThis": "本次导入的更改",

  "rotate.open": "轮换",
  "rotate.of": (name) => `轮换 ${name}`,
  "rotate.title": (name) => `轮换 ${name}？`,
  "rotate.text": "网关会生成新密钥，限额、模型和历史记录保持不变。宽限期内客户端仍可使用旧密钥。",
  "rotate.second": (hint, until) =>
    `${hint} 此前已被替换，原定有效期至 ${until}。它将立即失效：只有最新的两个密钥有效。`,
  "rotate.grace": "旧密钥继续有效",
  "rotate.grace.0": "立即失效",
  "rotate.grace.3600": "1 小时",
  "rotate.grace.86400": "1 天",
  "rotate.grace.604800": "7 天",
  "rotate.grace.2592000": "30 天",
  "rotate.graceHint": "如果密钥已泄露，请选择立即失效。",
  "rotate.do": "轮换密钥",
  "rotate.busy": "正在轮换…",
  "rotate.failed": "密钥没有轮换",
  "rotate.newKey": "（新）",
  "rotate.doneText": (hint, until) =>
    `旧密钥 ${hint} 有效期至 ${until}。新密钥仅显示这一次，请立即复制。`,

  "previous.until": (hint, time) => `旧密钥 ${hint} 有效期至 ${time}`,
  "previous.end": "立即停用",
  "previous.endTitle": (name) => `立即停用 ${name} 的旧密钥？`,
  "previous.endText": "仍在使用旧密钥的程序将被拒绝。",
  "previous.endDo": "停用旧密钥",

  "clients.expiresSoon": "即将到期",
  "clients.missing": "没有这个客户端密钥",
  "clients.missingText": "它可能已被删除。",
  "clients.toKeys": "返回客户端密钥",
  "clients.loadFailed": "密钥加载失败",
  "clients.facts": "密钥信息",
  "clients.hint": "密钥片段",
  "clients.created": "创建时间",
  "clients.previous": "旧密钥",
  "clients.usageTitle": "用量",
  "clients.topModels": "常用模型",
  "clients.lastRequests": "最近请求",
  "clients.allRequests": "此密钥的全部请求",
  "clients.noRequests": "此密钥还没有请求。",
  "clients.useHint": "网关不保存密钥本身：请将 YOUR_KEY 替换为您的密钥，或轮换密钥以获得新密钥。",

  "snippet.curlMessages": "cURL（Anthropic）",
  "snippet.pythonMessages": "Python（Anthropic）",
  "snippet.nodeMessages": "Node.js（Anthropic）",
  "snippet.codex": "Codex CLI",
};
