//! Documents in requests: PDF, plain text and URLs, from each client to each upstream.

use serde_json::{Value, json};

use super::{case, pairs};
use crate::case::{Case, Step};
use crate::cases::matrix::{Pair, Template};
use crate::dialect::{CLIENTS, Dialect, UPSTREAMS};
use crate::node::{ensure, same};
use crate::normal::{Answer, Part, Stop};
use crate::play::MODEL;
use crate::upstream::{Reply, Say};

/// The smallest that begins and ends as a PDF does.
const PDF: &str =
    "JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZz4+ZW5kb2JqCnRyYWlsZXI8PC9Sb290IDEgMCBSPj4KJSVFT0YK";
/// A text, and the same in base64.
const NOTE: &str = "The secret word is Quittenbrot.";
const NOTE_DATA: &str = "VGhlIHNlY3JldCB3b3JkIGlzIFF1aXR0ZW5icm90Lg==";
const URL: &str = "https://example.com/report.pdf";
const QUESTION: &str = "What does it say?";

const PDF_CASE: Template = (
    "document-pdf",
    "a PDF arrives byte for byte, after its text",
    |pair| {
        answered(step(pair, &pdf(pair.client))).check(|seen| {
            let turns = seen.asked()?.canonical().turns;
            let parts: Vec<Part> = turns.into_iter().flat_map(|turn| turn.parts).collect();
            let want = vec![Part::text(QUESTION), Part::Document(PDF.to_owned())];
            same("the turn", &parts, &want)
        })
    },
);

const TEXT_CASE: Template = (
    "document-text",
    "a text file arrives as a document or as text",
    |pair| {
        answered(step(pair, &text(pair.client))).check(|seen| {
            let turns = seen.asked()?.canonical().turns;
            let mut parts = turns.into_iter().flat_map(|turn| turn.parts);
            let arrived = parts.any(|part| match part {
                Part::Text(text) => text.contains(NOTE),
                Part::Document(data) => data == NOTE || data == NOTE_DATA,
                _ => false,
            });
            ensure(arrived, || "the text did not arrive".to_owned())
        })
    },
);

const URL_CASE: Template = (
    "document-url",
    "a document by URL arrives, or is refused where there is none",
    |pair| {
        let step = step(pair, &url(pair.client));
        if pair.upstream == Dialect::Chat {
            return step.reply(fine()).check(|seen| {
                let (status, error) = seen.refused()?;
                same("status", &status, &400)?;
                ensure(seen.received.is_empty(), || {
                    "the upstream was called".to_owned()
                })?;
                ensure(!error.message.is_empty(), || {
                    "the refusal has no reason".to_owned()
                })
            });
        }
        answered(step).check(|seen| {
            let turns = seen.asked()?.canonical().turns;
            let mut parts = turns.into_iter().flat_map(|turn| turn.parts);
            let arrived = parts.any(|part| part == Part::Document(URL.to_owned()));
            ensure(arrived, || {
                "the URL did not arrive as a document".to_owned()
            })
        })
    },
);

const RESULT_CASE: Template = (
    "document-result",
    "a PDF in the result of a tool arrives",
    |pair| {
        let content = json!([{"type": "text", "text": "Here it is."}, pdf(Dialect::Messages)]);
        let body = json!({
            "model": MODEL,
            "max_tokens": 512,
            "tools": [{"name": "fetch", "description": "Fetches.", "input_schema": {"type": "object",
                "properties": {"url": {"type": "string"}}}}],
            "messages": [
                {"role": "user", "content": QUESTION},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "toolu_01doc", "name": "fetch", "input": {"url": URL}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_01doc", "content": content}]},
            ],
        });
        answered(Step::new(pair.upstream, &body)).check(|seen| {
            let arrived = seen.request()?.contains(PDF);
            ensure(arrived, || "the PDF did not arrive".to_owned())
        })
    },
);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = pairs(&CLIENTS, &PDF_CASE);
    cases.extend(pairs(&CLIENTS, &TEXT_CASE));
    // Chat Completions has no documents by URL.
    let others = [Dialect::Messages, Dialect::Responses, Dialect::Gemini];
    cases.extend(pairs(&others, &URL_CASE));
    let messages = UPSTREAMS.map(|upstream| Pair {
        client: Dialect::Messages,
        upstream,
    });
    cases.extend(messages.map(|pair| case(pair, &RESULT_CASE)));
    cases
}

fn fine() -> Reply {
    Reply::new(Say::Answer(Answer::new(
        vec![Part::text("Nothing.")],
        Stop::End,
    )))
}

fn answered(step: Step) -> Step {
    step.reply(fine())
        .check(|seen| same("the text", &seen.answer()?.text().as_str(), &"Nothing."))
}

fn pdf(client: Dialect) -> Value {
    inline(client, "report.pdf", "application/pdf", PDF)
}

fn text(client: Dialect) -> Value {
    if client == Dialect::Messages {
        let source = json!({"type": "text", "media_type": "text/plain", "data": NOTE});
        return json!({"type": "document", "source": source, "title": "note.txt"});
    }
    inline(client, "note.txt", "text/plain", NOTE_DATA)
}

fn inline(client: Dialect, name: &str, kind: &str, data: &str) -> Value {
    let url = format!("data:{kind};base64,{data}");
    match client {
        Dialect::Chat => json!({"type": "file", "file": {"filename": name, "file_data": url}}),
        Dialect::Responses => json!({"type": "input_file", "filename": name, "file_data": url}),
        Dialect::Gemini => json!({"inlineData": {"mimeType": kind, "data": data}}),
        Dialect::Messages => json!({"type": "document", "title": name,
            "source": {"type": "base64", "media_type": kind, "data": data}}),
    }
}

fn url(client: Dialect) -> Value {
    match client {
        Dialect::Gemini => json!({"fileData": {"mimeType": "application/pdf", "fileUri": URL}}),
        Dialect::Messages => {
            json!({"type": "document", "source": {"type": "url", "url": URL}})
        }
        _ => json!({"type": "input_file", "file_url": URL}),
    }
}

/// A question, and the document behind it.
fn step(pair: Pair, document: &Value) -> Step {
    let body = match pair.client {
        Dialect::Chat => json!({"model": MODEL, "messages": [
            {"role": "user", "content": [{"type": "text", "text": QUESTION}, document]}]}),
        Dialect::Messages => json!({"model": MODEL, "max_tokens": 512, "messages": [
            {"role": "user", "content": [{"type": "text", "text": QUESTION}, document]}]}),
        Dialect::Responses => json!({"model": MODEL, "store": false, "input": [
            {"type": "message", "role": "user",
                "content": [{"type": "input_text", "text": QUESTION}, document]}]}),
        Dialect::Gemini => {
            json!({"contents": [{"role": "user", "parts": [{"text": QUESTION}, document]}]})
        }
    };
    Step::new(pair.upstream, &body)
}
