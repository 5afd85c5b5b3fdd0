//! The bodies of bulk changes. Owns their forms and bounds; knows no stored object.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;

use super::objects::{self, BulkObject};
use crate::config::bounds::MAX_ID_CHARS;
use crate::config::validate::{Problems, model_names, tag_names};
use crate::problem::{ExpectedType, ProblemKind, Uniqueness};

/// Objects of one call. Together with their ids of usual length a deletion of so many is still within the 64 KiB that
/// browsers send when a page is left.
pub const MAX_TARGETS: usize = 2000;

/// One object that shall be changed.
pub struct BulkTarget<O: BulkObject> {
    pub id: String,
    /// The state that is to be changed; `None`: any.
    pub revision: Option<String>,
    /// `None`: it is to be deleted.
    pub edit: Option<Rc<BulkEdit<O::Change>>>,
    /// Where it is in its list.
    index: usize,
    /// Whether it has its own change, in `changes`.
    is_separate: bool,
}

impl<O: BulkObject> BulkTarget<O> {
    /// Where the object is named.
    pub fn id_path(&self) -> String {
        let index = self.index;
        if self.is_separate {
            format!("changes[{index}].id")
        } else {
            format!("ids[{index}]")
        }
    }

    /// Where what is wrong with its members is reported.
    pub fn path(&self) -> String {
        let index = self.index;
        if self.is_separate {
            format!("changes[{index}].change")
        } else {
            format!("ids[{index}]")
        }
    }
}

/// A change of one or many objects.
pub struct BulkEdit<C> {
    pub change: C,
    pub tags: ListEdit,
    pub models: ListEdit,
    /// The members that it names.
    pub names: Vec<&'static str>,
}

/// What is added to a list and removed from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListEdit {
    pub add: Vec<String>,
    pub remove: Vec<String>,
}

impl ListEdit {
    fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// Reads the objects and what shall become of them. What is wrong is added to `problems`.
pub fn read<O: BulkObject>(body: &Value, problems: &mut Problems) -> Vec<BulkTarget<O>> {
    let mut ids = None;
    let mut separate = None;
    let mut change = None;
    let (mut tags, mut models) = (ListEdit::default(), ListEdit::default());
    let mut is_deletion = false;
    let members = problems.object("", body).into_iter().flatten();
    let mut names = BTreeSet::new();
    for (name, value) in members {
        names.insert(name.as_str());
        match name.as_str() {
            "ids" => ids = Some(read_ids(value, problems)),
            "changes" => separate = Some(read_changes(value, problems)),
            "change" => change = Some(read_change::<O>(name, value, problems)),
            "delete" => is_deletion = problems.boolean(name, value) == Some(true),
            "add_tags" => tags.add = tag_names(name, value, problems),
            "remove_tags" => tags.remove = tag_names(name, value, problems),
            "add_models" => models.add = model_names(name, value, problems),
            "remove_models" => models.remove = model_names(name, value, problems),
            _ => problems.unknown("", name),
        }
    }
    if let Some(separate) = separate {
        refuse_others(&names, "changes", &[], problems);
        return separate;
    }
    let Some(ids) = ids else {
        if !problems.touch("ids") {
            problems.add("ids", ProblemKind::Required);
        }
        return Vec::new();
    };
    if is_deletion {
        refuse_others(&names, "delete", &["ids"], problems);
        return targets(ids, None);
    }
    let is_empty = change.is_none() && tags.is_empty() && models.is_empty();
    if is_empty && problems.list().is_empty() {
        problems.add("change", ProblemKind::Required);
    }
    let (change, mut changed) = change.unwrap_or_else(|| {
        (
            O::read(&Value::Object(serde_json::Map::new()), problems),
            Vec::new(),
        )
    });
    for (edit, name) in [(&tags, objects::TAGS), (&models, objects::MODELS)] {
        if !edit.is_empty() && !changed.contains(&name) {
            changed.push(name);
        }
    }
    let edit = BulkEdit {
        change,
        tags,
        models,
        names: changed,
    };
    targets(ids, Some(&Rc::new(edit)))
}

fn targets<O: BulkObject>(
    ids: Vec<String>,
    edit: Option<&Rc<BulkEdit<O::Change>>>,
) -> Vec<BulkTarget<O>> {
    let target = |(index, id)| BulkTarget {
        id,
        revision: None,
        edit: edit.cloned(),
        index,
        is_separate: false,
    };
    ids.into_iter().enumerate().map(target).collect()
}

/// Some members exclude all others.
fn refuse_others(
    names: &BTreeSet<&str>,
    only: &'static str,
    allowed: &[&str],
    problems: &mut Problems,
) {
    for name in names {
        if *name != only && !allowed.contains(name) && !problems.touch(name) {
            problems.add(*name, ProblemKind::NotTogether { with: only });
        }
    }
}

/// Ids, each once.
fn read_ids(value: &Value, problems: &mut Problems) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let items = entries("ids", value, problems);
    for (index, item) in items.iter().enumerate() {
        if let Some(id) = problems.text(&format!("ids[{index}]"), item, MAX_ID_CHARS) {
            insert_once(&mut seen, id, || format!("ids[{index}]"), problems);
        }
    }
    // In the order of the request, so that the index of each is its place in it.
    let ids = items.iter().filter_map(Value::as_str);
    ids.map(|id| id.trim().to_owned()).collect()
}

fn insert_once(
    seen: &mut BTreeSet<String>,
    id: String,
    path: impl FnOnce() -> String,
    problems: &mut Problems,
) {
    if !seen.insert(id) {
        let within = Uniqueness::List;
        problems.add(path(), ProblemKind::Duplicate { within });
    }
}

/// The entries of a list that names at least one object and not too many.
fn entries<'v>(path: &str, value: &'v Value, problems: &mut Problems) -> &'v [Value] {
    let Value::Array(items) = value else {
        let expected = ExpectedType::Array;
        problems.add(path, ProblemKind::WrongType { expected });
        return &[];
    };
    if items.is_empty() {
        problems.add(path, ProblemKind::EmptyList);
    }
    if items.len() > MAX_TARGETS {
        let max = MAX_TARGETS;
        problems.add(path, ProblemKind::TooMany { max });
        return &[];
    }
    items
}

/// Objects with a change of each.
fn read_changes<O: BulkObject>(value: &Value, problems: &mut Problems) -> Vec<BulkTarget<O>> {
    let (mut targets, mut seen) = (Vec::new(), BTreeSet::new());
    for (index, item) in entries("changes", value, problems).iter().enumerate() {
        let place = format!("changes[{index}]");
        let Some(members) = problems.object(&place, item) else {
            continue;
        };
        let (mut id, mut revision, mut change) = (None, None, None);
        for (name, value) in members {
            let path = format!("{place}.{name}");
            match name.as_str() {
                "id" => id = problems.text(&path, value, MAX_ID_CHARS),
                "revision" => revision = problems.text(&path, value, MAX_ID_CHARS),
                "change" => change = Some(read_change::<O>(&path, value, problems)),
                _ => problems.unknown(&place, name),
            }
        }
        for (name, is_missing) in [("id", id.is_none()), ("change", change.is_none())] {
            let path = format!("{place}.{name}");
            if is_missing && !problems.touch(&path) {
                problems.add(path, ProblemKind::Required);
            }
        }
        let (Some(id), Some((change, names))) = (id, change) else {
            continue;
        };
        insert_once(&mut seen, id.clone(), || format!("{place}.id"), problems);
        let edit = BulkEdit {
            change,
            tags: ListEdit::default(),
            models: ListEdit::default(),
            names,
        };
        targets.push(BulkTarget {
            id,
            revision,
            edit: Some(Rc::new(edit)),
            index,
            is_separate: true,
        });
    }
    targets
}

/// The members that a change names, of those that make sense for many objects.
fn read_change<O: BulkObject>(
    path: &str,
    value: &Value,
    problems: &mut Problems,
) -> (O::Change, Vec<&'static str>) {
    let mut part = Problems::default();
    let change = O::read(value, &mut part);
    let mut named = Vec::new();
    for name in value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
    {
        match O::MEMBERS.iter().find(|member| *member == name) {
            Some(member) => named.push(*member),
            None if !part.touch(name) => part.unknown("", name),
            None => {}
        }
    }
    problems.absorb(path, part);
    (change, named)
}
