//! Compressed bodies as other programs send them. Owns the writing of each coding; brotli and zstd are stored without
//! compression, which their formats allow, so that a test needs no compressor for them.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

/// A coding by what it is called in `content-encoding`, and a second form of `deflate`.
pub const CODINGS: [&str; 5] = ["gzip", "deflate", "raw deflate", "br", "zstd"];

/// The name in `content-encoding` of one of [`CODINGS`].
pub fn name(coding: &str) -> &str {
    coding.trim_start_matches("raw ")
}

/// `pieces` in one of [`CODINGS`], each of which can be decoded as soon as it comes.
pub fn pieces(coding: &str, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    match coding {
        "gzip" => flushed(
            GzEncoder::new(Vec::new(), Compression::default()),
            pieces,
            GzEncoder::get_mut,
            GzEncoder::finish,
        ),
        "deflate" => flushed(
            ZlibEncoder::new(Vec::new(), Compression::default()),
            pieces,
            ZlibEncoder::get_mut,
            ZlibEncoder::finish,
        ),
        "raw deflate" => flushed(
            DeflateEncoder::new(Vec::new(), Compression::default()),
            pieces,
            DeflateEncoder::get_mut,
            DeflateEncoder::finish,
        ),
        "br" => brotli(pieces),
        _ => zstd(pieces),
    }
}

/// `body` in one of [`CODINGS`].
pub fn whole(coding: &str, body: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = body.chunks(60_000).collect();
    pieces(coding, &parts).concat()
}

fn flushed<W: std::io::Write>(
    mut encoder: W,
    pieces: &[&[u8]],
    output: impl Fn(&mut W) -> &mut Vec<u8>,
    finish: impl FnOnce(W) -> std::io::Result<Vec<u8>>,
) -> Vec<Vec<u8>> {
    let mut packed = Vec::new();
    for piece in pieces {
        // Writing to memory does not fail.
        let _ = encoder.write_all(piece);
        let _ = encoder.flush();
        packed.push(std::mem::take(output(&mut encoder)));
    }
    packed.push(finish(encoder).unwrap_or_default());
    packed
}

/// Meta-blocks that are not compressed (RFC 7932, 9.2), each at a byte's boundary.
fn brotli(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut packed: Vec<Vec<u8>> = Vec::new();
    for piece in pieces {
        let length = u32::try_from(piece.len())
            .unwrap_or_default()
            .saturating_sub(1);
        // Not the last one, four nibbles of length, not compressed; in front of the first one bit for the window.
        let shift = u32::from(packed.is_empty());
        let head = (length << 3 | 1 << 19) << shift;
        let mut block = head.to_le_bytes()[..3].to_vec();
        block.extend_from_slice(piece);
        packed.push(block);
    }
    packed.push(vec![3]);
    packed
}

/// Raw blocks (RFC 8878, 3.1.1.2).
fn zstd(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut packed = vec![vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]];
    for piece in pieces {
        let head = u32::try_from(piece.len()).unwrap_or_default() << 3;
        let mut block = head.to_le_bytes()[..3].to_vec();
        block.extend_from_slice(piece);
        packed.push(block);
    }
    packed.push(vec![1, 0, 0]);
    packed
}
