//! How answers are transferred: entity tags, 304 for what the client has already, and compression. Owns the reading of
//! `If-None-Match` (RFC 9110, 13.1.2) and what is worth compressing; codings are [`super::compression`]'s, what an answer
//! says is decided before.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::{HeaderMap, Method, Request, StatusCode};

use super::compression::{AnswerCoding, elements};
use crate::config::stored;
use crate::reply::{Reply, ReplyBody};

/// Shorter answers fit into one packet as they are.
const MIN_COMPRESSED_BYTES: usize = 700;

/// What a request says about the transfer of its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferWishes {
    is_read: bool,
    /// The tags of `If-None-Match`.
    known: Vec<String>,
    /// `None`: the answer is sent as it is.
    coding: Option<AnswerCoding>,
}

impl TransferWishes {
    /// Reads the headers of a request.
    pub fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        Self {
            is_read: matches!(*request.method(), Method::GET | Method::HEAD),
            known: elements(headers, &IF_NONE_MATCH)
                .map(str::to_owned)
                .collect(),
            coding: AnswerCoding::accepted(headers),
        }
    }

    /// Gives the answer its entity tag, and replaces it by 304 where the client has it already; compresses it otherwise.
    pub fn apply(&self, mut reply: Reply) -> Reply {
        let ReplyBody::Whole(body) = reply.body() else {
            return self.apply_to_pieces(reply);
        };
        let body = body.clone();
        if self.is_read && reply.status() == StatusCode::OK {
            if !reply.headers().contains_key(ETAG)
                && let Ok(tag) = HeaderValue::try_from(weak_tag(&body))
            {
                reply.headers_mut().insert(ETAG, tag);
            }
            if self.knows(reply.headers()) {
                *reply.status_mut() = StatusCode::NOT_MODIFIED;
                *reply.body_mut() = ReplyBody::Whole(Bytes::new());
                reply.headers_mut().remove(CONTENT_TYPE);
                vary(&mut reply);
                return reply;
            }
        }
        if body.len() < MIN_COMPRESSED_BYTES {
            return reply;
        }
        vary(&mut reply);
        if let Some(coding) = self.coding
            && let Some(compressed) = coding.compress(&body)
        {
            *reply.body_mut() = ReplyBody::Whole(compressed.into());
            reply
                .headers_mut()
                .insert(CONTENT_ENCODING, coding.header_value());
        }
        reply
    }

    /// Compresses an answer that is sent in pieces. It has no tag, since that would be of the whole.
    fn apply_to_pieces(&self, mut reply: Reply) -> Reply {
        vary(&mut reply);
        let Some(coding) = self.coding else {
            return reply;
        };
        reply
            .headers_mut()
            .insert(CONTENT_ENCODING, coding.header_value());
        reply.map(|body| match body {
            ReplyBody::Pieces(pieces) => ReplyBody::Pieces(coding.compress_pieces(pieces)),
            body @ ReplyBody::Whole(_) => body,
        })
    }

    /// Whether `If-None-Match` names the answer's tag; weakly, so that a compressed answer has the tag of the plain one.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(tag) = headers.get(ETAG).and_then(|tag| tag.to_str().ok()) else {
            return false;
        };
        let tag = opaque(tag);
        self.known
            .iter()
            .any(|known| known == "*" || opaque(known) == tag)
    }
}

fn vary(reply: &mut Reply) {
    let value = HeaderValue::from_static("accept-encoding");
    reply.headers_mut().insert(VARY, value);
}

fn weak_tag(body: &[u8]) -> String {
    format!("W/\"{}\"", stored::revision(Some(body)))
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use futures_util::stream::StreamExt as _;
    use futures_util::{FutureExt as _, stream};
    use http::Response;
    use http::header::{ACCEPT_ENCODING, HeaderName};

    use super::*;
    use crate::reply::{self, BrokenBody};

    fn wishes(method: Method, headers: &[(HeaderName, &str)]) -> TransferWishes {
        let mut request = Request::new(());
        *request.method_mut() = method;
        for (name, value) in headers {
            request
                .headers_mut()
                .append(name, HeaderValue::from_str(value).unwrap());
        }
        TransferWishes::of(&request)
    }

    fn body(reply: &Reply) -> &[u8] {
        match reply.body() {
            ReplyBody::Whole(bytes) => bytes,
            ReplyBody::Pieces(_) => panic!("the body was in one piece"),
        }
    }

    fn long() -> Reply {
        reply::json_bytes(StatusCode::OK, vec![b'x'; 5000].into())
    }

    /// What a client makes of a compressed body.
    fn unpacked(coding: &HeaderValue, packed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        if coding == "br" {
            let mut decoder = brotli_decompressor::Decompressor::new(packed, 4096);
            decoder.read_to_end(&mut plain).unwrap();
        } else {
            assert_eq!(coding, "gzip");
            GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
        }
        plain
    }

    #[test]
    fn a_long_answer_is_compressed_where_the_client_takes_it() {
        for (accept, is_compressed) in [
            ("gzip, deflate, br", true),
            ("gzip", true),
            ("*", true),
            ("br", cfg!(feature = "brotli")),
            ("identity", false),
            ("", false),
        ] {
            for method in [Method::GET, Method::POST, Method::HEAD] {
                let reply = wishes(method, &[(ACCEPT_ENCODING, accept)]).apply(long());
                let coding = reply.headers().get(CONTENT_ENCODING);
                assert_eq!(coding.is_some(), is_compressed, "{accept}");
                assert_eq!(reply.headers()[VARY], "accept-encoding");
                let sent = body(&reply);
                let plain = coding.map_or(sent.to_vec(), |coding| unpacked(coding, sent));
                assert_eq!(plain, body(&long()));
            }
        }
        let short = reply::json_bytes(StatusCode::OK, "{}".into());
        let reply = wishes(Method::GET, &[(ACCEPT_ENCODING, "gzip")]).apply(short);
        assert_eq!(body(&reply), b"{}");
        assert!(!reply.headers().contains_key(CONTENT_ENCODING));
    }

    fn in_pieces(pieces: Vec<Result<Bytes, BrokenBody>>) -> Reply {
        Response::new(ReplyBody::Pieces(Box::pin(stream::iter(pieces))))
    }

    fn read(reply: Reply) -> Vec<Result<Bytes, BrokenBody>> {
        let ReplyBody::Pieces(pieces) = reply.into_body() else {
            panic!("the body was in pieces");
        };
        pieces.collect().now_or_never().unwrap()
    }

    #[test]
    fn pieces_are_compressed_as_they_come_and_have_no_tag() {
        let numbers = |piece: u64| {
            let number = move |row: u64| (piece * 1000 + row).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (0..1000).map(move |row| format!("{},{row}\r\n", number(row)))
        };
        let pieces: Vec<Result<Bytes, BrokenBody>> = (0..50)
            .map(|piece| Ok(numbers(piece).collect::<String>().into()))
            .collect();
        let whole: Vec<u8> = pieces.iter().flat_map(|it| it.clone().unwrap()).collect();
        for accept in ["gzip", "br, gzip;q=0.9"] {
            let headers = [(ACCEPT_ENCODING, accept), (IF_NONE_MATCH, "*")];
            let reply = wishes(Method::GET, &headers).apply(in_pieces(pieces.clone()));
            assert_eq!(reply.status(), StatusCode::OK);
            assert_eq!(reply.headers()[VARY], "accept-encoding");
            assert!(!reply.headers().contains_key(ETAG));
            let coding = reply.headers()[CONTENT_ENCODING].clone();
            let sent = read(reply);
            assert!(sent.len() > 2, "{} pieces", sent.len());
            let packed: Vec<u8> = sent.into_iter().flat_map(Result::unwrap).collect();
            assert_eq!(unpacked(&coding, &packed), whole);
        }
        let reply = wishes(Method::GET, &[]).apply(in_pieces(pieces.clone()));
        assert_eq!(reply.headers()[VARY], "accept-encoding");
        assert_eq!(read(reply), pieces);
    }

    #[test]
    fn pieces_that_break_off_do_not_end_like_whole_ones() {
        let pieces = vec![Ok("a".into()), Err(BrokenBody)];
        for accept in ["gzip", "br, gzip;q=0.9"] {
            let wishes = wishes(Method::GET, &[(ACCEPT_ENCODING, accept)]);
            let sent = read(wishes.apply(in_pieces(pieces.clone())));
            assert_eq!(sent.last(), Some(&Err(BrokenBody)), "{accept}");
        }
    }

    #[test]
    fn an_answer_that_the_client_has_is_not_sent_again() {
        let plain = wishes(Method::GET, &[]).apply(long());
        let tag = plain.headers()[ETAG].to_str().unwrap().to_owned();
        let strong = tag.trim_start_matches("W/").to_owned();
        let listed = format!("\"other\", {tag}");
        for known in [&tag, &strong, &listed, "*"] {
            for method in [Method::GET, Method::HEAD] {
                let headers = [(IF_NONE_MATCH, known), (ACCEPT_ENCODING, "gzip")];
                let reply = wishes(method, &headers).apply(long());
                assert_eq!(reply.status(), StatusCode::NOT_MODIFIED, "{known}");
                assert_eq!(reply.headers()[ETAG], tag.as_str());
                assert!(body(&reply).is_empty());
                assert!(!reply.headers().contains_key(CONTENT_TYPE));
                assert!(!reply.headers().contains_key(CONTENT_ENCODING));
            }
        }
        let reply = wishes(Method::GET, &[(IF_NONE_MATCH, "\"other\"")]).apply(long());
        assert_eq!(reply.status(), StatusCode::OK);
        // Writes and errors always say what happened.
        let reply = wishes(Method::PATCH, &[(IF_NONE_MATCH, "*")]).apply(long());
        assert_eq!(reply.status(), StatusCode::OK);
        assert!(!reply.headers().contains_key(ETAG));
        let error = reply::json_bytes(StatusCode::NOT_FOUND, "{}".into());
        let reply = wishes(Method::GET, &[(IF_NONE_MATCH, "*")]).apply(error);
        assert_eq!(reply.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_revision_stays_the_tag_and_other_answers_have_other_tags() {
        let mut tagged = long();
        let revision = HeaderValue::from_static("\"abc\"");
        tagged.headers_mut().insert(ETAG, revision);
        let reply = wishes(Method::GET, &[(ACCEPT_ENCODING, "gzip")]).apply(tagged);
        assert_eq!(reply.headers()[ETAG], "\"abc\"");
        let tag = |body: &'static str| {
            let reply = reply::json_bytes(StatusCode::OK, body.into());
            wishes(Method::GET, &[]).apply(reply).headers()[ETAG].clone()
        };
        assert_eq!(tag("{}"), tag("{}"));
        assert_ne!(tag("{}"), tag("[]"));
    }
}
