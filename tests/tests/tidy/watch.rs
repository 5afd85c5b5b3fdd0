//! What `spin watch` watches, against what a build writes: a build that writes a watched file starts the next one, for ever.
//! What builds write is what `.gitignore` names.

use globset::{Glob, GlobSet, GlobSetBuilder};
use toml::{Table, Value};

use super::tree::SourceFile;

/// Names that files in a made folder may have; all kinds that are watched.
const NAMES: [&str; 4] = ["made.rs", "deep/er/made.ts", "index.html", "made.json"];

/// Paths that a build may write, by the entries of `.gitignore`: those with a slash at their place, the others in every
/// folder of the tree.
pub fn made(ignored: &str, files: &[SourceFile]) -> Vec<String> {
    let mut folders: Vec<&str> = files.iter().flat_map(|file| parents(&file.path)).collect();
    folders.sort_unstable();
    folders.dedup();
    let mut paths = Vec::new();
    for entry in entries(ignored) {
        let places: Vec<String> = match entry.strip_prefix('/') {
            Some(place) => vec![place.to_owned()],
            None => folders
                .iter()
                .map(|folder| format!("{folder}/{entry}"))
                // A build makes no packages or caches among sources.
                .filter(|place| !place.contains("/src/"))
                .collect(),
        };
        for place in places {
            paths.extend(NAMES.map(|name| format!("{place}/{name}")));
            paths.push(place);
        }
    }
    paths
}

/// Complains about paths that a `watch` of the manifest matches.
pub fn matched(manifest: &str, paths: &[String]) -> Vec<String> {
    let manifest: Table = manifest.parse().expect("a manifest is TOML");
    let components = manifest.get("component").and_then(Value::as_table);
    let mut complaints = Vec::new();
    let mut watched = 0;
    for (name, component) in components.into_iter().flatten() {
        let watch = component
            .get("build")
            .and_then(|build| build.get("watch")?.as_array());
        let globs: Vec<&str> = watch
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        watched += globs.len();
        let globs = set(&globs);
        complaints.extend(
            paths
                .iter()
                .filter(|path| globs.is_match(path))
                .map(|path| format!("spin.toml: {name} watches {path}, which a build may write")),
        );
    }
    assert!(watched > 0, "nothing is watched");
    complaints
}

/// Complains if the file that the script writes is none that `.gitignore` names.
pub fn kept(ignored: &str, script: &str) -> Vec<String> {
    let target = script
        .lines()
        .find_map(|line| line.strip_prefix("const TYPES = new URL(\"../"))
        .and_then(|rest| rest.split('"').next())
        .expect("the script says where it writes");
    let path = format!("admin-ui/web/{target}");
    let is_named = entries(ignored)
        .filter_map(|entry| entry.strip_prefix('/'))
        .any(|entry| path.starts_with(&format!("{entry}/")));
    if is_named {
        Vec::new()
    } else {
        vec![format!(".gitignore: {path} is made by the panel's build")]
    }
}

fn entries(ignored: &str) -> impl Iterator<Item = &str> {
    ignored
        .lines()
        .map(|line| line.trim().trim_end_matches('/'))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn parents(path: &str) -> Vec<&str> {
    path.match_indices('/')
        .map(|(place, _)| &path[..place])
        .collect()
}

fn set(globs: &[&str]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(Glob::new(glob).expect("`watch` holds globs"));
    }
    builder.build().expect("a few globs make a set")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    #[test]
    fn a_generated_file_in_a_watched_folder_is_noticed() {
        let manifest = "[component.a.build]\nwatch = [\"web/src/**/*\", \"a/src/**/*.rs\"]\n";
        let files = [sample("web/src/main.ts", ""), sample("a/src/lib.rs", "")];
        let complaints = |ignored: &str| matched(manifest, &made(ignored, &files)).len();
        assert_eq!(complaints("/target\nnode_modules\n/web/generated\n"), 0);
        assert!(complaints("/web/src/generated") > 0);
        assert!(complaints("/a/src/made/") > 0);
    }

    #[test]
    fn a_generated_file_that_is_not_ignored_is_noticed() {
        let script = "const TYPES = new URL(\"../generated/schema.ts\", import.meta.url);";
        assert_eq!(kept("/admin-ui/web/generated", script), [""; 0]);
        assert_eq!(kept("/target", script).len(), 1);
    }
}
