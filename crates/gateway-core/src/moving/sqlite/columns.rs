//! The names of a table's columns, out of its `CREATE TABLE`. Owns just enough of SQL for that: quotes, brackets and
//! comments. What is no such statement has no columns.

/// The names in their order; constraints of the whole table are none.
pub fn of(sql: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = sql.chars().peekable();
    // Brackets around the current place; the list of columns is within the first one.
    let mut depth = 0_usize;
    // Whether the next word is the first one of an entry.
    let mut is_first = false;
    while let Some(character) = rest.next() {
        match character {
            '(' => {
                depth += 1;
                is_first = depth == 1;
            }
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            ',' if depth == 1 => is_first = true,
            '-' if rest.peek() == Some(&'-') => {
                rest.by_ref().find(|next| *next == '\n');
            }
            '"' | '`' | '\'' | '[' => {
                let end = if character == '[' { ']' } else { character };
                let mut name = String::new();
                while let Some(next) = rest.next() {
                    // A quote within a name is written twice.
                    if next == end && rest.next_if_eq(&end).is_none() {
                        break;
                    }
                    name.push(next);
                }
                if depth == 1 && std::mem::take(&mut is_first) {
                    names.push(name);
                }
            }
            _ if depth == 1 && is_first && !character.is_whitespace() => {
                is_first = false;
                let mut name = String::from(character);
                while let Some(next) =
                    rest.next_if(|next| next.is_alphanumeric() || matches!(next, '_' | '$'))
                {
                    name.push(next);
                }
                if !is_constraint(&name) {
                    names.push(name);
                }
            }
            _ => {}
        }
    }
    names
}

fn is_constraint(word: &str) -> bool {
    ["constraint", "primary", "unique", "check", "foreign"]
        .iter()
        .any(|keyword| keyword.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_stands_around_them() {
        for (sql, expected) in [
            (
                "CREATE TABLE `channels` (`id` integer PRIMARY KEY AUTOINCREMENT,`type` integer DEFAULT 0,`group` varchar(32) DEFAULT \"default,x\",CONSTRAINT `c` UNIQUE (`a`,`b`))",
                vec!["id", "type", "group"],
            ),
            (
                "CREATE TABLE t (id integer, -- the (id,\n \"a \"\"b\" decimal(10,2) DEFAULT (1,2), [c d] text, PRIMARY KEY (`id`))",
                vec!["id", "a \"b", "c d"],
            ),
            ("CREATE TABLE t(x,y,z) WITHOUT ROWID", vec!["x", "y", "z"]),
            ("CREATE TABLE t AS", vec![]),
            ("(`a", vec!["a"]),
            ("", vec![]),
        ] {
            assert_eq!(of(sql), expected, "{sql}");
        }
    }
}
