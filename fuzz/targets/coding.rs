//! Content codings: however a compressed body is cut, it decodes to the same bytes or to an error, and never to more than its
//! bound.
//!
//! The first byte chooses the codings, the second the length of the pieces; the rest is the body.
#![no_main]

use bytes::Bytes;
use gateway_core::wire::coding::Decoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};
use libfuzzer_sys::fuzz_target;

const CODINGS: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, gzip"];
/// The fuzzer's inputs are too short for a decoded form beyond this.
const MAX_DECODED: usize = 8 << 20;

/// Less than this is not a bomb, however small the input.
const BOMB_BYTES: usize = 1 << 20;

/// What the pieces decode to; `None`: an error.
fn decode(coding: &'static str, pieces: impl Iterator<Item = Bytes>) -> Option<Vec<u8>> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    let mut decoder = Decoder::of(&headers).ok()??;
    let mut whole = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(decoded) = decoder.pull().ok()? {
            whole.extend_from_slice(&decoded);
            if whole.len() > MAX_DECODED {
                return None;
            }
        }
    }
    decoder.finish().ok().map(|()| whole)
}

fuzz_target!(|input: &[u8]| {
    let [choice, length, body @ ..] = input else {
        return;
    };
    let coding = CODINGS[usize::from(*choice) % CODINGS.len()];
    let body = Bytes::copy_from_slice(body);
    let whole = decode(coding, std::iter::once(body.clone()));
    let length = usize::from(*length).max(1);
    let pieces = (0..body.len())
        .step_by(length)
        .map(|at| body.slice(at..body.len().min(at + length)));
    match (whole, decode(coding, pieces)) {
        (Some(whole), Some(cut)) => assert_eq!(whole, cut),
        (None, None) => {}
        // Whether a body is a bomb is judged by the output so far, but only beyond the bound.
        (Some(long), None) | (None, Some(long)) => assert!(long.len() > BOMB_BYTES),
    }
});
