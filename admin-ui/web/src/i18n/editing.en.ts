//! Texts of changes that meet others, and of what is pasted into the channel form, in English.

/** "30 added, 1 duplicate, 1 not a key"; parts with nothing to say are left out. */
function counted(keys: string, duplicates: number, others: number): string {
  const repeated =
    duplicates === 0 ? "" : duplicates === 1 ? ", 1 duplicate" : `, ${duplicates} duplicates`;
  return `${keys}${repeated}${others === 0 ? "" : `, ${others} not a key`}`;
}

export const editingEn = {
  "list.search": "Search",
  "list.noMatch": "Nothing matches",
  "list.noMatchText": "Change the search, or remove a filter.",
  "list.tags": "Tags",
  "list.tagsHint":
    "Such as an owner, a team or a project: lists are filtered and usage is grouped by them.",
  "list.select": (name: string) => `Select ${name}`,
  "list.selectAll": "Select all",
  "list.deleting": (what: string) => `Deleting ${what}.`,
  "list.onlyTag": (tag: string) => `Only with the tag ${tag}`,
  "form.useBaseUrl": (url: string) => `Use ${url}`,
  "form.keysPasted": (keys: number, duplicates: number, others: number) =>
    counted(keys === 1 ? "1 key" : `${keys} keys`, duplicates, others),
  "form.keysAdded": (keys: number, duplicates: number, others: number) =>
    counted(`${keys} added`, duplicates, others),

  "conflict.title": (name: string) => `${name} was changed meanwhile`,
  "conflict.text":
    "Someone else, or another tab, has saved changes since this page was loaded. Yours are not saved yet.",
  "conflict.gone": "It was deleted meanwhile, so your changes cannot be saved.",
  "conflict.table": "What differs",
  "conflict.member": "Setting",
  "conflict.before": "Before",
  "conflict.theirs": "Saved now",
  "conflict.mine": "Yours",
  "conflict.same": "unchanged",
  "conflict.overwriteText":
    "Overwriting saves only what you changed; everything else stays as it is saved now. Reloading discards your changes.",
  "conflict.cancel": "Keep editing",
  "conflict.reload": "Reload",
  "conflict.overwrite": "Overwrite",
  "conflict.settings": "Settings",
  "conflict.deleteAnyway": "Delete anyway",
  "conflict.deleteChanged": (name: string) =>
    `${name} was changed since you chose to delete it, so it is still there.`,
  "conflict.newKey": (hint: string) => `${hint} (new)`,
  "conflict.keyOff": (hint: string) => `${hint} (off)`,
  "import.changedMeanwhile":
    "The configuration was changed meanwhile, so nothing was imported. These are the changes against what is in force now.",
};
