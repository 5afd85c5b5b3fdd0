//! Server-sent events as clients read them. Owns the lines; knows no dialect.

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name, if it has one.
    pub event: Option<String>,
    /// Its data, lines joined.
    pub data: String,
}

/// Reads all events; one that is not ended by an empty line is dropped, as the standard says.
///
/// # Errors
/// Says which line no client of these dialects expects.
pub fn read(body: &[u8]) -> Result<Vec<Frame>, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("no UTF-8: {error}"))?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut frames = Vec::new();
    let (mut event, mut data): (Option<String>, Vec<&str>) = (None, Vec::new());
    let ended = text.rfind('\n').map_or("", |end| &text[..end]);
    for line in ended.split('\n') {
        if line.is_empty() {
            if !data.is_empty() {
                frames.push(Frame {
                    event: event.take(),
                    data: data.join("\n"),
                });
                data.clear();
            } else if event.take().is_some() {
                return Err("an event without data".to_owned());
            }
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" | "retry" => {}
            "event" => event = Some(value.to_owned()),
            "data" => data.push(value),
            other => return Err(format!("the field {other:?} in a stream")),
        }
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_and_comment_is_read() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!(
                ": hello{end}{end}event: a{end}data: 1{end}data:2{end}{end}data: 3{end}{end}data: half{end}"
            );
            let frames = read(text.as_bytes()).unwrap();
            let data: Vec<_> = frames.iter().map(|frame| frame.data.as_str()).collect();
            assert_eq!(data, ["1\n2", "3"], "{end:?}");
            assert_eq!(frames[0].event.as_deref(), Some("a"));
            assert_eq!(frames[1].event, None);
        }
    }

    #[test]
    fn other_fields_are_violations() {
        assert!(read(b"id: 7\ndata: 1\n\n").is_err());
        assert!(read(b"event: a\n\n").is_err());
        assert!(read(b"data: \xff\n\n").is_err());
    }
}
