//! Forms that clients send are read, forms on which parsers differ are rejected.

use proptest::prelude::*;

use super::*;

const BODY: &str = "--xY\r\nContent-Disposition: form-data; filename=\"a;name=model.wav\"; name=\"file\"\r\n\
    Content-Type: audio/wav\r\n\r\n\0\u{1}--xY no boundary\r\n--xY\r\ncontent-disposition: form-data; name=model\r\n\r\n\
    whisper-1\r\n--xY\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nde\r\n--xY--\r\n";

#[test]
fn fields_are_found_and_replaced_in_place() {
    let form = Form::parse("xY", BODY.as_bytes()).unwrap();
    assert_eq!(
        (form.text("model"), form.count("model")),
        (Some("whisper-1"), 1)
    );
    let is_file: Vec<_> = form.fields().map(|field| field.is_file).collect();
    assert_eq!(is_file, [true, false, false]);
    let edited = form
        .rewrite(&[("model", Some("w".into())), ("language", None)])
        .unwrap();
    let expected = BODY.replace("whisper-1", "w").replace(
        "--xY\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nde\r\n",
        "",
    );
    assert_eq!(String::from_utf8(edited).unwrap(), expected);
    assert_eq!(form.rewrite(&[("absent", None)]), None);
}

#[test]
fn an_absent_field_is_added_before_the_others() {
    let form = Form::parse("xY", BODY.as_bytes()).unwrap();
    let edited = form.rewrite(&[("user", Some("u".into()))]).unwrap();
    let added = "--xY\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nu\r\n";
    assert_eq!(
        String::from_utf8(edited.clone()).unwrap(),
        format!("{added}{BODY}")
    );
    assert_eq!(Form::parse("xY", &edited).unwrap().text("user"), Some("u"));
    let led = format!("\r\n{BODY}");
    let form = Form::parse("xY", led.as_bytes()).unwrap();
    let edited = form.rewrite(&[("user", Some("u".into()))]).unwrap();
    assert_eq!(
        String::from_utf8(edited).unwrap(),
        format!("\r\n{added}{BODY}")
    );
}

/// A form with one part; `head` follows `Content-Disposition: `.
fn one(head: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: {head}\r\n\r\n{value}\r\n--b--\r\n")
}

#[test]
fn what_clients_send_is_taken() {
    for (head, name) in [
        ("form-data; name=\"model\"", "model"),
        ("form-data; name=model", "model"),
        (
            "Form-Data;name=\"image[]\"; filename=\"C:\\x.png\"\r\nContent-Type: image/png",
            "image[]",
        ),
        (
            "form-data; name=file; filename=a.wav; filename*=utf-8''a.wav",
            "file",
        ),
        (
            "form-data; name=\"f\"; filename=\"\u{e9} %22.wav\"\r\nX-Other: y",
            "f",
        ),
        (
            "form-data; name=\"m\"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Length: 1",
            "m",
        ),
        (
            "form-data; name=\"m\"\r\nContent-Type: text/plain; charset=UTF-8",
            "m",
        ),
        ("form-data; name=\"\"", ""),
    ] {
        let body = one(head, "v");
        let form = Form::parse("b", body.as_bytes()).unwrap();
        let fields: Vec<_> = form
            .fields()
            .map(|field| (field.name, field.value))
            .collect();
        assert_eq!(fields, [(name, &b"v"[..])], "{head}");
    }
    for end in ["", "\r\n", "\r\n\r\n"] {
        let body = one("form-data; name=m", "v");
        let body = format!("{}{end}", body.trim_end());
        assert!(Form::parse("b", body.as_bytes()).is_ok(), "{end:?}");
    }
}

#[test]
fn parts_that_parsers_read_in_different_ways_are_refused() {
    for head in [
        "form-data",
        "attachment; name=m",
        "form-data; name=a; name=m",
        "form-data; name*=utf-8''m",
        "form-data; name=a; name*=utf-8''m",
        "form-data; name*0=m; name*1=o",
        "form-data; Name=m",
        "form-data; name = m",
        "form-data; name=\"m\\\"\"",
        "form-data; name=\"mo\\del\"",
        "form-data; name=\"=?utf-8?q?model?=\"",
        "form-data; name=\"a\"; filename=\"x\\\"; name=\\\"model\"",
        "form-data; name=\"a\"; filename=x; filename=y",
        "form-data; name=\"a\"; size=3",
        "form-data; name=\"a\" name=\"m\"",
        "form-data; name=a; name",
        "form-data;; name=m",
        "form-data; name=m;",
        "form-data; name=\"a",
        "form-data, form-data; name=m",
        "form-data; name=a\r\nContent-Disposition: form-data; name=m",
        "form-data; name=a\r\ncontent-disposition : form-data; name=m",
        "form-data; name=a\r\n ; name=m",
        "form-data; name=a\r\n\tfolded: x",
        "form-data; name=a\nContent-Disposition: form-data; name=m",
        "form-data; name=a\rX: y",
        "form-data; name=a\r",
        "form-data; name=a\r\nX: y\r",
        "form-data; name=a\0",
        "form-data; name=a\r\nno colon",
        "form-data; name=a\r\nContent-Type: text/plain\r\nContent-Type: text/html",
        "form-data; name=a\r\nContent-Type: multipart/mixed; boundary=c",
        "form-data; name=a\r\nContent-Type: message/rfc822",
        "form-data; name=a\r\nContent-Transfer-Encoding: base64",
        "form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable",
        "form-data; name=a\r\nContent-Length: 0",
    ] {
        assert!(
            Form::parse("b", one(head, "v").as_bytes()).is_err(),
            "{head:?}"
        );
    }
    let name_is_not_utf8 =
        b"--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nv\r\n--b--";
    assert!(Form::parse("b", name_is_not_utf8).is_err());
}

#[test]
fn framings_that_parsers_read_in_different_ways_are_refused() {
    const PART: &str = "--b\r\nContent-Disposition: form-data; name=m\r\n\r\nv";
    for (body, reason) in [
        (String::new(), "does not begin"),
        ("--b--\r\n".to_owned(), "no parts"),
        ("--b\r\n\r\n".to_owned(), "missing"),
        ("--bz\r\n".to_owned(), "damaged"),
        ("--b\r\nname: x\r\n--b--".to_owned(), "end of its head"),
        ("--b\r\nname: x\r\n\r\n1\r\n--b--".to_owned(), "no name"),
        (format!("{PART}\r\n--b"), "damaged"),
        (format!("preamble\r\n{PART}\r\n--b--"), "does not begin"),
        (format!("\n{PART}\r\n--b--"), "does not begin"),
        (format!("\r\n\r\n{PART}\r\n--b--"), "does not begin"),
        (format!("{PART}\r\n--b--\r\n{PART}\r\n--b--"), "follows"),
        (format!("{PART}\r\n--b-- \r\n"), "follows"),
        (format!("{PART}\r\n--b--\r"), "follows"),
        (format!("{PART}\r\n--b--\n"), "follows"),
        (format!("{PART}\r\n--b \r\n{PART}\r\n--b--"), "damaged"),
        (format!("{PART}\r\n--bc\r\n{PART}\r\n--b--"), "damaged"),
        (format!("{PART}\n--b--"), "CRLF"),
        (format!("{PART}\r--b--"), "CRLF"),
        (format!("{PART}\n--b\n{PART}\r\n--b--"), "CRLF"),
        (
            (PART.to_owned() + "\r\n--b--").replace("\r\n", "\n"),
            "damaged",
        ),
        (
            "--b\r\nContent-Disposition: form-data; name=m\r\n\r\n--b--".to_owned(),
            "no body",
        ),
        (PART.replace('v', "") + "--b--", "no body"),
    ] {
        let error = Form::parse("b", body.as_bytes()).unwrap_err();
        assert!(error.0.contains(reason), "{body:?}: {error:?}");
    }
    let many = |count: usize| format!("{}--b--", format!("{PART}\r\n").repeat(count));
    assert!(Form::parse("b", many(MAX_PARTS).as_bytes()).is_ok());
    assert!(Form::parse("b", many(MAX_PARTS + 1).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn no_bytes_whatever_make_it_panic(
        pieces in prop::collection::vec("(--b|\r\n|--|name=|content-disposition: form-data|;|x| |\r\n\r\n){0,9}", 0..9),
    ) {
        let body = pieces.concat();
        for body in [&body, &one(&format!("form-data; name={body}"), &body)] {
            if let Ok(form) = Form::parse("b", body.as_bytes()) {
                let edited = form.rewrite(&[("x", None), ("", Some("y".into()))]).unwrap();
                let after = Form::parse("b", &edited).unwrap();
                prop_assert_eq!((after.count("x"), after.text("")), (0, Some("y")));
            }
        }
    }
}
