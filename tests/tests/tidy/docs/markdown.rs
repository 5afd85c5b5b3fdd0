//! Markdown, as far as the checks of the documentation need it: fences, headings with GitHub's anchors, links, code
//! spans, tables. Owns that syntax; judges nothing.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What follows the opening fence, such as `sh`.
    pub info: String,
    /// The lines between the fences, without the indentation of the opening one.
    pub text: String,
}

/// A Markdown text in its parts.
#[derive(Clone, Debug)]
pub struct Page {
    /// The text with its fenced blocks blanked, so that line numbers stay.
    prose: String,
    /// The fenced blocks in order.
    pub fences: Vec<Fence>,
}

/// A heading: 1 to 6, and its text.
pub type Heading = (usize, String);
/// The rows of a table, each with the text of its cells; the line of dashes is left out.
pub type Table = Vec<Vec<String>>;

impl Page {
    /// Takes a text apart.
    pub fn parse(text: &str) -> Self {
        let mut page = Self {
            prose: String::new(),
            fences: Vec::new(),
        };
        let mut open: Option<(&str, usize, Fence)> = None;
        for line in text.lines() {
            let trimmed = line.trim_start();
            match open.take() {
                None => match fence_mark(trimmed) {
                    Some(mark) => {
                        let info = trimmed[mark.len()..].trim().to_owned();
                        let text = String::new();
                        open = Some((mark, line.len() - trimmed.len(), Fence { info, text }));
                    }
                    None => page.prose.push_str(line),
                },
                Some((mark, _, fence)) if trimmed.trim_end() == mark => page.fences.push(fence),
                Some((mark, indentation, mut fence)) => {
                    let blank = line.len() - trimmed.len();
                    fence.text.push_str(&line[blank.min(indentation)..]);
                    fence.text.push('\n');
                    open = Some((mark, indentation, fence));
                }
            }
            page.prose.push('\n');
        }
        page
    }

    /// The headings in order.
    pub fn headings(&self) -> Vec<Heading> {
        let heading = |line: &str| {
            let level = line.chars().take_while(|letter| *letter == '#').count();
            let text = line[level..].strip_prefix(' ')?;
            (1..=6)
                .contains(&level)
                .then(|| (level, text.trim().to_owned()))
        };
        self.prose.lines().filter_map(heading).collect()
    }

    /// The anchors that GitHub gives to the headings; of equal ones the second and later are numbered.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for (_, text) in self.headings() {
            let anchor = anchor(&text);
            let numbered = (1..).map(|number| format!("{anchor}-{number}"));
            let mut candidates = std::iter::once(anchor.clone()).chain(numbered);
            anchors.extend(candidates.find(|candidate| !anchors.contains(candidate)));
        }
        anchors
    }

    /// The targets of links and images outside of code, with their lines.
    pub fn links(&self) -> Vec<(usize, String)> {
        let prose = self.without_spans();
        let mut links = Vec::new();
        for mark in ["](", "src=\"", "href=\""] {
            for (at, _) in prose.match_indices(mark) {
                let target = target(&prose[at + mark.len()..], mark == "](");
                links.push((line_of(&prose, at), target));
            }
        }
        for (index, line) in prose.lines().enumerate() {
            if let Some((_, target)) = line.split_once("]: ")
                && line.starts_with('[')
            {
                links.push((index + 1, target.trim().to_owned()));
            }
        }
        links
    }

    /// The contents of code spans, with their lines.
    pub fn spans(&self) -> Vec<(usize, String)> {
        spans(&self.prose)
            .into_iter()
            .map(|(from, to, ticks)| {
                let text = &self.prose[from + ticks..to - ticks];
                (line_of(&self.prose, from), text.trim().to_owned())
            })
            .collect()
    }

    /// The tables in order.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        let mut is_inside = false;
        for line in self.prose.lines().map(str::trim) {
            let Some(row) = line.strip_prefix('|') else {
                is_inside = false;
                continue;
            };
            if !is_inside {
                tables.push(Vec::new());
            }
            is_inside = true;
            let cells = cells(row.strip_suffix('|').unwrap_or(row));
            let is_rule = |cell: &String| {
                !cell.is_empty() && cell.chars().all(|letter| "-: ".contains(letter))
            };
            if let Some(table) = tables.last_mut()
                && !cells.iter().all(is_rule)
            {
                table.push(cells);
            }
        }
        tables
    }

    /// The tables between the heading with this text and the next heading.
    pub fn tables_below(&self, heading: &str) -> Vec<Table> {
        let is_heading = |line: &str| line.starts_with('#');
        let lines = self.prose.lines();
        let below =
            lines.skip_while(|line| !is_heading(line) || line.trim_matches(['#', ' ']) != heading);
        let section: Vec<&str> = below.skip(1).take_while(|line| !is_heading(line)).collect();
        Self::parse(&section.join("\n")).tables()
    }

    /// The prose with code spans blanked.
    fn without_spans(&self) -> String {
        let mut prose = self.prose.clone();
        for (from, to, _) in spans(&self.prose) {
            let blank: String = self.prose[from..to]
                .bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
                .collect();
            prose.replace_range(from..to, &blank);
        }
        prose
    }
}

/// The fence that a line begins with.
fn fence_mark(line: &str) -> Option<&str> {
    let letter = line
        .chars()
        .next()
        .filter(|letter| "`~".contains(*letter))?;
    let length = line.chars().take_while(|other| *other == letter).count();
    (length >= 3).then(|| &line[..length])
}

/// Where code spans begin and end, and with how many backticks. None goes over an empty line.
fn spans(prose: &str) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(from) = prose[at..].find('`').map(|found| found + at) {
        let ticks = run(&prose[from..]);
        let body = from + ticks;
        let limit = prose[body..]
            .find("\n\n")
            .map_or(prose.len(), |end| body + end);
        let mut end = body;
        let close = loop {
            let Some(next) = prose[end..limit].find('`').map(|found| found + end) else {
                break None;
            };
            let length = run(&prose[next..]);
            end = next + length;
            if length == ticks {
                break Some(end);
            }
        };
        if let Some(close) = close {
            found.push((from, close, ticks));
        }
        at = close.unwrap_or(body);
    }
    found
}

fn run(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'`').count()
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The target at the beginning of `rest`: up to the closing mark, without a title.
fn target(rest: &str, is_markdown: bool) -> String {
    if !is_markdown {
        return rest.split('"').next().unwrap_or_default().to_owned();
    }
    let mut depth = 0_usize;
    let end = rest.find(|letter| {
        depth += usize::from(letter == '(');
        let is_end = letter == ')' && depth == 0;
        depth = depth.saturating_sub(usize::from(letter == ')'));
        is_end
    });
    let inside = rest[..end.unwrap_or(rest.len())].trim();
    let first = inside.split_whitespace().next().unwrap_or_default();
    first.trim_matches(['<', '>']).to_owned()
}

/// The cells of a row: parted by every `|` that is not escaped, as GitHub does it, also in code spans.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_escaped = false;
    for letter in row.chars() {
        match cells.last_mut() {
            Some(cell) if letter != '|' || is_escaped => cell.push(letter),
            _ => cells.push(String::new()),
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// GitHub's anchor of a heading: its text in lower case, without punctuation, blanks as hyphens.
fn anchor(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading;
    // Of a link only its text is left.
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text.to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_apart_from_prose_and_keep_their_text() {
        let page = Page::parse(
            "# A\n\n1. x\n\n   ```sh\n   # no heading\n     b\n   ```\n~~~\n[a](b)\n~~~\n## B\n",
        );
        let headings = [(1, "A".to_owned()), (2, "B".to_owned())];
        assert_eq!(page.headings(), headings);
        assert_eq!(page.fences[0].info, "sh");
        assert_eq!(page.fences[0].text, "# no heading\n  b\n");
        assert_eq!(page.links(), []);
    }

    #[test]
    fn anchors_are_those_of_github() {
        let page = Page::parse(
            "# What's *new*, and `why_not`?\n## A\n## A\n## TCP_NODELAY\n## [Link](x.md) text\n## 配置：日志\n### A-1\n",
        );
        let expected = [
            "whats-new-and-why_not",
            "a",
            "a-1",
            "tcp_nodelay",
            "link-text",
            "配置日志",
            "a-1-1",
        ];
        assert_eq!(page.anchors(), expected);
    }

    #[test]
    fn links_are_found_with_their_lines_and_not_in_code() {
        let page = Page::parse(
            "[a](b.md) `[no](no.md)`\n[two\nlines](c(1).md \"title\") ![i](<d.png>)\n<img src=\"e.png\">\n[ref]: f.md\n",
        );
        let mut links = page.links();
        links.sort();
        let expected = [
            (1, "b.md"),
            (3, "c(1).md"),
            (3, "d.png"),
            (4, "e.png"),
            (5, "f.md"),
        ];
        assert_eq!(links, expected.map(|(line, link)| (line, link.to_owned())));
    }

    #[test]
    fn spans_end_where_as_many_backticks_follow() {
        let page = Page::parse("`a` ``b ` c`` `d\ne`\n\nan ` alone\n\n`f`\n");
        let texts: Vec<_> = page.spans().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["a", "b ` c", "d\ne", "f"]);
    }

    #[test]
    fn tables_are_rows_of_cells() {
        let page =
            Page::parse("# T\n| a | b |\n|---|--:|\n| `x \\| y` | |\n\n## U\n| c |\n|---|\n");
        let table = [
            vec!["a".to_owned(), "b".to_owned()],
            vec!["`x \\| y`".to_owned(), String::new()],
        ];
        assert_eq!(page.tables(), [table.to_vec(), vec![vec!["c".to_owned()]]]);
        assert_eq!(page.tables_below("T"), [table.to_vec()]);
        assert_eq!(page.tables_below("V"), Vec::<Table>::new());
    }
}
