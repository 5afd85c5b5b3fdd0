//! The requests of the differential test: those of a file, and generated ones, which follow from their number. Owns
//! their unusual parts; most of each request is plain, so that a single oddity decides.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;

use super::gateway::Forwarded;
use crate::sim::Chance;

/// One request.
pub struct Case {
    /// What it is, for people.
    pub name: String,
    /// Its path.
    pub path: &'static str,
    /// Its content types.
    pub types: Vec<String>,
    /// Its body.
    pub body: Bytes,
    /// Whether it must pass; `None`: that is the gateway's choice.
    pub is_forwarded: Option<bool>,
    /// Whether parsers must read it in different ways.
    pub differs: bool,
}

impl Case {
    /// What the upstream would get if the gateway changed nothing.
    pub fn as_it_came(&self) -> Forwarded {
        Forwarded {
            content_type: self.types.join(", ").into_bytes(),
            body: self.body.clone(),
            wants_stream: false,
        }
    }
}

/// A line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    #[serde(default)]
    forwarded: bool,
    #[serde(default)]
    differs: bool,
    types: Option<Vec<String>>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    hex: String,
}

const JSON: &str = "application/json";
const CHAT: &str = "/v1/chat/completions";
const FORM: &str = "/v1/audio/transcriptions";

/// The cases of a file with one object of JSON in each line.
pub fn read(path: &Path) -> io::Result<Vec<Case>> {
    let text = std::fs::read_to_string(path)?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let line: Line = serde_json::from_str(line)?;
            let types = line.types.unwrap_or_else(|| vec![JSON.to_owned()]);
            let is_form = types.iter().any(|value| value.contains("form"));
            Ok(Case {
                name: line.name,
                path: if is_form { FORM } else { CHAT },
                types,
                body: if line.hex.is_empty() {
                    line.body.into()
                } else {
                    from_hex(&line.hex)?
                },
                is_forwarded: Some(line.forwarded),
                differs: line.differs,
            })
        })
        .collect()
}

fn from_hex(text: &str) -> io::Result<Bytes> {
    let byte = |at| u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16);
    let bytes: Result<Vec<u8>, _> = (0..text.len()).step_by(2).map(byte).collect();
    bytes.map(Bytes::from).map_err(io::Error::other)
}

/// The generated case of a number.
pub fn made_up(number: u64) -> Case {
    let chance = Chance::seeded(number);
    let (types, mut body) = if chance.percent(50) {
        (json_types(&chance), json(&chance).into_bytes())
    } else {
        form(&chance)
    };
    if chance.percent(20) {
        damage(&chance, &mut body);
    }
    let is_form = types.iter().any(|value| value.contains("form"));
    Case {
        name: format!("made up {number}"),
        path: if is_form { FORM } else { CHAT },
        types,
        body: body.into(),
        is_forwarded: None,
        differs: false,
    }
}

/// The first choice in most cases, or any one.
fn mostly<'a>(chance: &Chance, share: u64, choices: &'a [&'a str]) -> &'a str {
    match choices.first() {
        Some(first) if chance.percent(share) => first,
        _ => chance.pick::<&str>(choices),
    }
}

fn json_types(chance: &Chance) -> Vec<String> {
    const TYPES: [&str; 8] = [
        JSON,
        "application/json; charset=utf-8",
        "Application/Json;charset=UTF-8",
        "application/json; charset=utf-16",
        "application/json; boundary=B",
        "application/json;",
        "text/plain",
        "application/x-www-form-urlencoded",
    ];
    vec![mostly(chance, 70, &TYPES).to_owned()]
}

fn json(chance: &Chance) -> String {
    const NAMES: [&str; 24] = [
        "model",
        "stream",
        "x",
        "messages",
        "user",
        "stream_options",
        "Model",
        "MODEL",
        "mod\\u0065l",
        "\\u004dodel",
        "\u{17f}tream",
        "\\u017ftream",
        "Stream",
        "model\\u0000",
        "model ",
        "mod\\ud800el",
        "\\ud83d\\ude00",
        "",
        "mode\\l",
        "__proto__",
        "\u{ff4d}odel",
        "model\u{301}",
        "constructor",
        "u\\u0073er",
    ];
    const VALUES: [&str; 28] = [
        "\"allowed\"",
        "\"forbidden\"",
        "true",
        "false",
        "null",
        "1",
        "-0.0e-5",
        "1e999",
        "01",
        "NaN",
        "[]",
        "{}",
        "{\"model\":\"forbidden\",\"model\":\"x\"}",
        "[[[{\"Model\":\"forbidden\"}]]]",
        "\"\\u0061llowed\"",
        "\"allowed\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00 \\\"model\\\":\\\"forbidden\\\"\"",
        "\"a\tb\"",
        "\"\u{2028}\u{e9}\"",
        "123456789012345678901234567890",
        "\"true\"",
        "{\"include_usage\":true}",
        "{\"include_usage\":true,\"include_usage\":false}",
        "\"\\x\"",
        "'allowed'",
        "tru",
        "\"}\"",
    ];
    const SPACES: [&str; 10] = [
        "", " ", "\n\t", "\r\n", "\u{feff}", "\u{a0}", "\0", "//\n", "/**/", "\u{b}",
    ];
    const BETWEEN: [&str; 5] = [",", " , ", ",,", "", ";"];
    let mut members: Vec<String> = (0..chance.below(4))
        .map(|_| {
            let name = chance.pick(&NAMES);
            let value = chance.pick(&VALUES);
            let space = mostly(chance, 95, &SPACES);
            format!("\"{name}\"{space}:{value}")
        })
        .collect();
    if chance.percent(90) {
        let place = usize::try_from(chance.below(members.len() as u64 + 1)).unwrap_or(0);
        members.insert(place, "\"model\":\"allowed\"".to_owned());
    }
    if chance.percent(30) {
        members.push(format!(
            "\"stream\":{}",
            mostly(chance, 60, &["true", "false", "null", "1", "\"true\""])
        ));
    }
    if chance.percent(5) {
        let depth =
            usize::try_from(*chance.pick(&[100, 400, 499, 600, 1_000, 12_000])).unwrap_or(0);
        members.push(format!(
            "\"deep\":{}{}",
            "[".repeat(depth),
            "]".repeat(depth)
        ));
    }
    if chance.percent(3) {
        let digits = usize::try_from(*chance.pick(&[300, 900, 5_000])).unwrap_or(0);
        members.push(format!("\"long\":{}", "7".repeat(digits)));
    }
    let between = mostly(chance, 95, &BETWEEN);
    let (before, after) = (mostly(chance, 95, &SPACES), mostly(chance, 93, &SPACES));
    let second = mostly(chance, 97, &["", "{\"model\":\"forbidden\"}", "x", "}"]);
    format!("{before}{{{}}}{after}{second}", members.join(between))
}

const FORM_TYPES: [&str; 14] = [
    "multipart/form-data; boundary=$",
    "multipart/form-data; boundary=\"$\"",
    "Multipart/Form-Data; boundary=$",
    "multipart/form-data;boundary=$",
    "multipart/form-data; charset=utf-8; boundary=$",
    "multipart/form-data; boundary=$; boundary=C",
    "multipart/form-data; boundary=C; boundary=$",
    "multipart/form-data; Boundary=$",
    "multipart/form-data; boundary*=utf-8''$",
    "multipart/form-data; boundary=C; boundary*=utf-8''$",
    "multipart/form-data; boundary*0=$",
    "multipart/form-data; boundary=$ ; x=\"y\"",
    "multipart/mixed; boundary=$",
    "multipart/form-data; boundary=$;",
];

fn form(chance: &Chance) -> (Vec<String>, Vec<u8>) {
    const BOUNDARIES: [&str; 9] = [
        "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "B",
        "--------------------------d74496d66958873e",
        "0123456789abcdef0123456789'abc_-",
        "a+b.c,d/e:f?g=h(i)",
        "-",
        "--",
        "a b",
        "===1700000000000===",
    ];
    let boundary = mostly(chance, 50, &BOUNDARIES);
    let line = mostly(chance, 95, &["\r\n", "\n", "\r"]);
    let parts = chance.below(3);
    let own = chance.below(parts + 1);
    let mut text = mostly(chance, 96, &["", "\r\n", "preamble\r\n", "\n"]).to_owned();
    for number in 0..=parts {
        text.push_str(&part(chance, boundary, line, number == own));
    }
    let end = mostly(
        chance,
        90,
        &[
            "--\r\n",
            "--",
            "-- \r\n",
            "",
            "--\r\n\r\n",
            "--x",
            "--\r\n--B\r\n",
        ],
    );
    let _ = write!(text, "--{boundary}{end}");
    if chance.percent(2) {
        text.push_str(&part(chance, boundary, line, false));
    }
    let kind = mostly(chance, 80, &FORM_TYPES).replace('$', boundary);
    (vec![kind], text.into_bytes())
}

const PART_NAMES: [&str; 22] = [
    "name=\"x\"",
    "name=\"file\"; filename=\"a.wav\"",
    "name=\"stream\"",
    "name=x",
    "name=\"x\"; filename*=utf-8''a%20b",
    "name=\"x\"; filename=\"C:\\dir\\a.wav\"",
    "name=\"image[]\"; filename=\"a;name=model\"",
    "name=\"Model\"",
    "name=\"model[]\"",
    "name=\"mod%65l\"",
    "name*=utf-8''model",
    "name=\"x\"; name=\"model\"",
    "name=\"model\"; name=\"x\"",
    "name=\"x\"; name*=utf-8''model",
    "name*0=mod; name*1=el",
    "name=\"=?utf-8?q?model?=\"",
    "name=\"model\"; filename=\"x\"",
    "filename=\"\\\"; name=\\\"model\"; name=\"x\"",
    "name=\"x\\\"; y=\"; name=\"model\"",
    "NAME=\"model\"",
    "name=\"_charset_\"",
    "name=\"\u{e9}\"",
];

const PART_HEADS: [&str; 12] = [
    "",
    "Content-Type: text/plain",
    "content-type: text/plain; charset=utf-8",
    "Content-Type: audio/wav",
    "Content-Transfer-Encoding: binary",
    "Content-Transfer-Encoding: base64",
    "Content-Transfer-Encoding: quoted-printable",
    "Content-Type: multipart/mixed; boundary=C",
    "Content-Type: text/plain; charset=utf-16",
    "Content-Disposition: form-data; name=\"model\"",
    "X-Other: a\r\n folded",
    "Content-Type: message/rfc822",
];

const PART_VALUES: [&str; 11] = [
    "v",
    "",
    "true",
    "forbidden",
    "a\r\nb\r\n",
    "--",
    "\r\n--",
    "YWxsb3dlZA==",
    "--C\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nforbidden\r\n--C--",
    "a\n--B\nContent-Disposition: form-data; name=\"model\"\n\nforbidden",
    "a\r\n--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nforbidden",
];

fn part(chance: &Chance, boundary: &str, line: &str, is_own: bool) -> String {
    let name = if is_own {
        mostly(
            chance,
            90,
            &[
                "name=\"model\"",
                "name=model",
                "name=\"x\"",
                "name = \"model\"",
            ],
        )
    } else {
        mostly(chance, 30, &PART_NAMES)
    };
    let value = if is_own {
        mostly(
            chance,
            92,
            &[
                "allowed",
                "allowed\r\n",
                " allowed",
                "forbidden",
                "allowed\0",
            ],
        )
    } else if name.contains("stream") {
        mostly(chance, 50, &["true", "false", "True", "1", "yes", ""])
    } else {
        mostly(chance, 40, &PART_VALUES)
    };
    let kind = mostly(
        chance,
        92,
        &[
            "form-data",
            "Form-Data",
            "attachment",
            "inline",
            "form-data ",
            "",
        ],
    );
    let semicolon = mostly(chance, 92, &["; ", ";", " ; ", ";;", "", ";\r\n "]);
    let mut head = format!("Content-Disposition: {kind}{semicolon}{name}");
    let other = mostly(chance, 70, &PART_HEADS);
    if !other.is_empty() {
        head = if chance.percent(50) {
            format!("{head}{line}{other}")
        } else {
            format!("{other}{line}{head}")
        };
    }
    format!("--{boundary}{line}{head}{line}{line}{value}{line}")
}

/// Changes a few bytes.
fn damage(chance: &Chance, body: &mut Vec<u8>) {
    const PIECES: [&[u8]; 16] = [
        b"\"", b"\\", b"\0", b"\r", b"\n", b"\r\n", b" ", b"\t", b";", b"--", b",", b"}", b"\xff",
        b"\xc3", b"%", b"=",
    ];
    for _ in 0..=chance.below(2) {
        let place = usize::try_from(chance.below(body.len() as u64)).unwrap_or(0);
        let end = (place + usize::try_from(chance.below(3)).unwrap_or(0)).min(body.len());
        match chance.below(3) {
            0 => drop(body.drain(place..end)),
            1 => {
                let again = body.get(place..end).unwrap_or_default().to_vec();
                body.splice(place..place, again);
            }
            _ => drop(body.splice(place..place, chance.pick(&PIECES).iter().copied())),
        }
    }
}
