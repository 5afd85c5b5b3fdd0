//! 与他人修改相遇、以及粘贴到渠道表单的内容的中文文案。
import type { editingEn } from "./editing.en";

function counted(keys: string, duplicates: number, others: number): string {
  const repeated = duplicates === 0 ? "" : `，${duplicates} 个重复`;
  return `${keys}${repeated}${others === 0 ? "" : `，${others} 个不是密钥`}`;
}

export const editingZh: typeof editingEn = {
  "list.search": "搜索",
  "list.noMatch": "没有匹配项",
  "list.noMatchText": "请修改搜索内容，或移除筛选条件。",
  "list.tags": "标签",
  "list.tagsHint": "例如负责人、团队或项目：可按标签筛选列表、汇总用量。",
  "list.select": (name) => `选择 ${name}`,
  "list.selectAll": "全选",
  "list.deleting": (what) => `正在删除 ${what}。`,
  "list.onlyTag": (tag) => `仅显示标签 ${tag}`,
  "form.useBaseUrl": (url) => `使用 ${url}`,
  "form.keysPasted": (keys, duplicates, others) => counted(`${keys} 个密钥`, duplicates, others),
  "form.keysAdded": (keys, duplicates, others) => counted(`已添加 ${keys} 个`, duplicates, others),

  "conflict.title": (name) => `${name} 已被修改`,
  "conflict.text": "自本页加载以来，其他人或另一个标签页保存了更改。您的更改尚未保存。",
  "conflict.gone": "它已被删除，因此无法保存您的更改。",
  "conflict.table": "差异",
  "conflict.member": "设置项",
  "conflict.before": "之前",
  "conflict.theirs": "当前已保存",
  "conflict.mine": "您的",
  "conflict.same": "未更改",
  "conflict.overwriteText":
    "覆盖只会保存您更改的内容，其余保持当前已保存的值。重新加载会放弃您的更改。",
  "conflict.cancel": "继续编辑",
  "conflict.reload": "重新加载",
  "conflict.overwrite": "覆盖",
  "conflict.settings": "设置",
  "conflict.deleteAnyway": "仍然删除",
  "conflict.deleteChanged": (name) => `${name} 在您选择删除之后被修改，因此没有删除。`,
  "conflict.newKey": (hint) => `${hint}（新）`,
  "conflict.keyOff": (hint) => `${hint}（已停用）`,
  "import.changedMeanwhile": "配置已被修改，因此没有导入任何内容。以下是与当前生效配置的差异。",
};
