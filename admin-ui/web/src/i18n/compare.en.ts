//! Comparing periods and exporting tables, in English.

export const compareEn = {
  "compare.with": "Compare with the previous period",
  "compare.before": (value: string) => `previous period: ${value}`,
  "compare.new": "new",
  "compare.inBrackets": "(previous period in brackets)",
  "export.csv": "Export CSV",
  "export.requestsHint": "All requests that match the filters",
  "export.hourHint": "One row for each hour and each entry of the group",
  "export.dayHint": "One row for each day and each entry of the group",
  "export.totals": "Export totals as CSV",
  "export.totalsHint": "All entries of the group, not only those shown",
};
