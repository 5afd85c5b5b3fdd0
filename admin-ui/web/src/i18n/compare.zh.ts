//! 时段对比与表格导出的中文文案。
import type { compareEn } from "./compare.en";

export const compareZh: typeof compareEn = {
  "compare.with": "与上一时段对比",
  "compare.before": (value) => `上一时段：${value}`,
  "compare.new": "新增",
  "compare.inBrackets": "（括号内为上一时段）",
  "export.csv": "导出 CSV",
  "export.requestsHint": "符合筛选条件的全部请求",
  "export.hourHint": "每小时、每个分组项一行",
  "export.dayHint": "每天、每个分组项一行",
  "export.totals": "导出合计 CSV",
  "export.totalsHint": "该分组的全部条目，不只是显示的这些",
};
