//! Files: those of the user, and those in results, which stand in the user's message after them.

use super::*;

fn document(media_type: &'static str) -> Part<'static> {
    Part::Document {
        source: Source::Base64 {
            media_type: media_type.into(),
            data: "BBBB".into(),
        },
        name: None,
    }
}

#[test]
fn a_result_has_its_text_or_says_where_its_file_is() {
    let audio = || Part::Audio {
        data: "CCCC".into(),
        format: "wav".into(),
    };
    let pdf = || document("application/pdf");
    let rows = [
        (vec![image()], "[image attached below]"),
        (vec![image(), text("seen")], "seen"),
        (vec![pdf()], "[file attached below]"),
        (vec![pdf(), text("read")], "read"),
        (vec![audio()], "[file attached below]"),
        (vec![], ""),
    ];
    for (parts, expected) in rows {
        let files = parts.iter().filter(|part| !matches!(part, Part::Text(_)));
        let files = files.count();
        let items = vec![call("x", "{}"), result("x", parts, false)];
        let messages = messages(items, &traits()).unwrap();
        assert_eq!(messages[1]["content"], expected);
        let attached = messages[2]["content"].as_array().map_or(0, Vec::len);
        assert_eq!(attached, files, "{expected}");
    }
}

#[test]
fn a_document_without_a_name_is_named_by_its_type() {
    for (media_type, name) in [
        ("application/pdf", "document.pdf"),
        ("text/plain", "document.txt"),
        ("text/csv", "document"),
    ] {
        let items = vec![Item::User(vec![document(media_type)])];
        let messages = messages(items, &traits()).unwrap();
        let file = &messages[0]["content"][0]["file"];
        assert_eq!(file["filename"], name);
    }
}
