//! Pages that list what the code has: error codes, operations, fields, variables. Owns which table belongs to which
//! source; the sources are read as text, so that a page cannot be forgotten when they change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::markdown::{Page, Table};

/// Statuses by the names that the code uses.
const STATUSES: [(&str, &str); 16] = [
    ("BAD_REQUEST", "400"),
    ("UNAUTHORIZED", "401"),
    ("FORBIDDEN", "403"),
    ("NOT_FOUND", "404"),
    ("METHOD_NOT_ALLOWED", "405"),
    ("CONFLICT", "409"),
    ("PRECONDITION_FAILED", "412"),
    ("PAYLOAD_TOO_LARGE", "413"),
    ("UNSUPPORTED_MEDIA_TYPE", "415"),
    ("UPGRADE_REQUIRED", "426"),
    ("TOO_MANY_REQUESTS", "429"),
    ("INTERNAL_SERVER_ERROR", "500"),
    ("BAD_GATEWAY", "502"),
    ("SERVICE_UNAVAILABLE", "503"),
    ("GATEWAY_TIMEOUT", "504"),
    ("LOOP_DETECTED", "508"),
];

/// The codes with their statuses in the rows of `ErrorCode`, written `Self::Case => (StatusCode::NAME, kind, "code")`.
pub fn codes_of_the_enum(source: &str) -> BTreeSet<(String, String)> {
    let (_, rest) = source.split_once("fn row(self)").unwrap_or_default();
    let rows = rest.split("\n    }\n").next().unwrap_or_default();
    let row = |text: &str| {
        let (_, status) = text.split_once("StatusCode::")?;
        let name = status.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
        let name = name.into_iter().next()?;
        let number = STATUSES.iter().find(|(known, _)| *known == name);
        let number = number.map_or(name, |(_, number)| number);
        Some((number.to_owned(), text.rsplit('"').nth(1)?.to_owned()))
    };
    rows.split("Self::").skip(1).filter_map(row).collect()
}

/// The values of `code: "…"` in a source.
pub fn literal_codes(source: &str, before: &str) -> BTreeSet<String> {
    source
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// The codes with their statuses in all tables that have both, in this order.
pub fn documented_codes(page: &Page) -> BTreeSet<(String, String)> {
    let rows = page.tables().into_iter().flatten();
    rows.filter_map(|row| match row.as_slice() {
        [status, code, ..] if status.parse::<u16>().is_ok() => {
            Some((status.clone(), code.trim_matches('`').to_owned()))
        }
        _ => None,
    })
    .collect()
}

/// Method and path of every operation of `openapi.json`.
pub fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut found = BTreeSet::new();
    for (path, item) in members(&document["paths"]) {
        for method in members(&item).keys().filter(|name| *name != "parameters") {
            found.insert((method.to_uppercase(), path.clone()));
        }
    }
    found
}

/// The first two cells of the table whose head begins with `operation`.
pub fn documented_operations(page: &Page) -> BTreeSet<(String, String)> {
    let named = |table: &Table| table.first().is_some_and(|head| head[0] == "operation");
    let tables = page.tables().into_iter().filter(named);
    tables
        .flat_map(|table| table.into_iter().skip(1))
        .filter_map(|row| match row.as_slice() {
            [method, path, ..] => {
                let bare = |cell: &str| cell.trim_matches('`').to_owned();
                Some((bare(method), bare(path)))
            }
            _ => None,
        })
        .collect()
}

/// The names of all properties of a schema and of those that it is made of, but for `ignored`.
pub fn properties(document: &Value, schema: &str, ignored: &[&str]) -> BTreeSet<String> {
    let schema = &document["components"]["schemas"][schema];
    let mut found: BTreeSet<String> = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .filter(|name| !ignored.contains(&name.as_str()))
        .cloned()
        .collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let name = part["$ref"]
            .as_str()
            .and_then(|text| text.rsplit('/').next());
        found.extend(name.map_or_else(BTreeSet::new, |name| properties(document, name, ignored)));
    }
    found
}

/// The names in backticks in the first cells of the tables below a heading.
pub fn documented_names(page: &Page, heading: &str) -> BTreeSet<String> {
    let tables = page.tables_below(heading);
    let cells = tables
        .iter()
        .flat_map(|table| table.iter().skip(1))
        .map(|row| &row[0]);
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

/// What differs between what a page says and what the source has.
pub fn differences<T: Ord + std::fmt::Debug>(
    page: &str,
    documented: &BTreeSet<T>,
    actual: &BTreeSet<T>,
) -> Vec<String> {
    let missing = actual.difference(documented);
    let surplus = documented.difference(actual);
    missing
        .map(|item| format!("{page}: {item:?} is missing"))
        .chain(surplus.map(|item| format!("{page}: {item:?} is no longer in the code")))
        .collect()
}

/// Complains where two languages of one page differ in structure: headings by level, tables by rows and columns,
/// fenced blocks by their whole text.
pub fn out_of_step(one: &Page, other: &Page) -> Vec<String> {
    let levels = |page: &Page| -> Vec<usize> {
        let headings = page.headings();
        headings.into_iter().map(|(level, _)| level).collect()
    };
    let shapes = |page: &Page| -> Vec<Vec<usize>> {
        let tables = page.tables();
        let shape = |table: &Table| table.iter().map(Vec::len).collect();
        tables.iter().map(shape).collect()
    };
    let mut complaints = Vec::new();
    if levels(one) != levels(other) {
        complaints.push(format!(
            "levels of headings differ: {:?} and {:?}",
            levels(one),
            levels(other)
        ));
    }
    if shapes(one) != shapes(other) {
        complaints.push(format!(
            "tables differ in rows or columns: {:?} and {:?}",
            shapes(one),
            shapes(other)
        ));
    }
    if one.fences.len() != other.fences.len() {
        complaints.push(format!(
            "{} and {} fenced blocks",
            one.fences.len(),
            other.fences.len()
        ));
    }
    let pairs = one.fences.iter().zip(&other.fences);
    complaints.extend(
        pairs
            .filter(|(one, other)| one != other)
            .map(|(one, _)| format!("a fenced block differs: {}", one.text)),
    );
    complaints
}

/// Complains about tables whose rows have not as many cells as their heads.
pub fn ragged_tables(page: &Page) -> Vec<String> {
    let rows = page.tables().into_iter().flat_map(|table| {
        let width = table.first().map_or(0, Vec::len);
        let is_ragged = move |row: &Vec<String>| row.len() != width;
        table.into_iter().filter(is_ragged)
    });
    rows.map(|row| format!("a row has {} cells: {}", row.len(), row[0]))
        .collect()
}

/// Complains about pages that no link leads to from `start`, over any number of others. `links` are those of each page.
pub fn unreachable(start: &str, links: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut reached = BTreeSet::from([start.to_owned()]);
    let mut waiting = vec![start.to_owned()];
    while let Some(page) = waiting.pop() {
        for target in links.get(&page).into_iter().flatten() {
            if reached.insert(target.clone()) {
                waiting.push(target.clone());
            }
        }
    }
    let unreached = links.keys().filter(|page| !reached.contains(*page));
    unreached
        .map(|page| format!("{page}: no link leads here from {start}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(items: &[(&str, &str)]) -> BTreeSet<(String, String)> {
        let owned = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
        items.iter().map(owned).collect()
    }

    #[test]
    fn codes_of_the_enum_and_of_the_page_are_compared() {
        let source = "impl E {\n    const fn row(self) -> X {\n        const INVALID: &str = \"x\";\n        match self {\n\
            Self::A => (StatusCode::BAD_REQUEST, INVALID, \"a_code\"),\n\
            Self::B => (\n StatusCode::SERVICE_UNAVAILABLE,\n \"server_error\",\n \"b_code\",\n ),\n        }\n    }\n\
            Self::C => (StatusCode::BAD_REQUEST, INVALID, \"later\"),\n    }\n";
        let actual = codes_of_the_enum(source);
        assert_eq!(actual, set(&[("400", "a_code"), ("503", "b_code")]));
        let page =
            "| status | code |\n|---|---|\n| 400 | `a_code` |\n| 500 | `b_code` |\n| x | `no` |\n";
        let documented = documented_codes(&Page::parse(page));
        assert_eq!(differences("p", &documented, &actual).len(), 2);
        assert_eq!(differences("p", &actual, &actual), [""; 0]);
        assert_eq!(
            literal_codes("code: \"a\", code: \"b\"", "code: \""),
            BTreeSet::from(["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn operations_and_fields_are_compared() {
        let document = json!({
            "paths": {"/a": {"get": {}, "parameters": [], "post": {}}},
            "components": {"schemas": {
                "Whole": {"allOf": [{"$ref": "#/components/schemas/Part"}], "properties": {"id": {}, "revision": {}}},
                "Part": {"properties": {"name": {}}}
            }}
        });
        let page = Page::parse(
            "# Things\n| operation | path |\n|---|---|\n| `GET` | `/a` |\n| `PUT` | `/a` |\n\n## Fields\n\
             | field | x |\n|---|---|\n| `id`, `name` | `no` |\n",
        );
        let actual = operations(&document);
        assert_eq!(actual, set(&[("GET", "/a"), ("POST", "/a")]));
        assert_eq!(
            differences("p", &documented_operations(&page), &actual).len(),
            2
        );
        let fields = properties(&document, "Whole", &["revision"]);
        assert_eq!(
            differences("p", &documented_names(&page, "Fields"), &fields),
            [""; 0]
        );
        assert_eq!(
            differences("p", &documented_names(&page, "Others"), &fields).len(),
            2
        );
    }

    #[test]
    fn pages_out_of_step_are_noticed() {
        let page = Page::parse("# A\n| a | b |\n|---|---|\n| c | d |\n\n```sh\nx\n```\n");
        let same = "# 甲\n| 一 | 二 |\n|---|---|\n| 三 | 四 |\n\n```sh\nx\n```\n";
        assert_eq!(out_of_step(&page, &Page::parse(same)), [""; 0]);
        for (from, to) in [
            ("# 甲", "## 甲"),
            ("# 甲", "# 甲\n## 乙"),
            ("| 三 | 四 |\n", ""),
            ("| 三 | 四 |", "| 三 | 四 | 五 |"),
            ("```sh\nx", "```sh\ny"),
            ("```sh", "```bash"),
            ("```sh\nx\n```\n", ""),
        ] {
            let other = Page::parse(&same.replace(from, to));
            assert_eq!(out_of_step(&page, &other).len(), 1, "{from} {to}");
        }
    }

    #[test]
    fn ragged_tables_and_orphans_are_noticed() {
        let page = Page::parse("| a | b |\n|---|---|\n| c |\n| `d|e` | f |\n| g | h |\n");
        assert_eq!(ragged_tables(&page).len(), 2);
        let links = |page: &str, targets: &[&str]| {
            let targets = targets.iter().map(|target| (*target).to_owned());
            (page.to_owned(), targets.collect::<Vec<_>>())
        };
        let links = BTreeMap::from([
            links("a", &["b", "x"]),
            links("b", &["a", "c"]),
            links("c", &[]),
            links("d", &["a"]),
        ]);
        assert_eq!(unreachable("a", &links), ["d: no link leads here from a"]);
    }
}
