//! Each coding decodes what its tools wrote, however it is cut; damaged input neither panics nor grows without bound.

use std::io::Write as _;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, GzBuilder};
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

/// Events as they are, bytes that do not compress, matches far back, a long run.
const SAMPLE: &[u8] = include_bytes!("../../../fixtures/coding/sample");
/// The sample as the tools of each format write it, fast and slow.
const PACKED: [(&str, &[u8]); 8] = [
    ("br", include_bytes!("../../../fixtures/coding/sample.br")),
    (
        "br",
        include_bytes!("../../../fixtures/coding/sample.fast.br"),
    ),
    (
        "zstd",
        include_bytes!("../../../fixtures/coding/sample.1.zst"),
    ),
    (
        "zstd",
        include_bytes!("../../../fixtures/coding/sample.3.zst"),
    ),
    (
        "zstd",
        include_bytes!("../../../fixtures/coding/sample.9.zst"),
    ),
    (
        "zstd",
        include_bytes!("../../../fixtures/coding/sample.19.zst"),
    ),
    (
        "zstd",
        include_bytes!("../../../fixtures/coding/sample.fast.zst"),
    ),
    (
        "zstd",
        include_bytes!("../../../fixtures/coding/sample.stream.zst"),
    ),
];

fn decoder(encoding: &str) -> Result<Option<Decoder>, CodingError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
    Decoder::of(&headers)
}

/// The output from pieces of at most `size` bytes.
fn decode(encoding: &str, packed: &[u8], size: usize) -> Result<Vec<u8>, CodingError> {
    let mut decoder = decoder(encoding)?.unwrap();
    let mut output = Vec::new();
    for piece in packed.chunks(size) {
        decoder.push(Bytes::copy_from_slice(piece));
        while let Some(piece) = decoder.pull()? {
            assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
            output.extend_from_slice(&piece);
        }
    }
    decoder.finish().map(|()| output)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The sample in all codings.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let mut full = GzBuilder::new()
        .extra(vec![1, 2, 3])
        .filename("name")
        .comment("comment")
        .write(Vec::new(), Compression::best());
    full.write_all(SAMPLE).unwrap();
    let mut samples = vec![
        ("gzip", gzip(SAMPLE)),
        ("X-GZip", full.finish().unwrap()),
        (
            "gzip",
            [gzip(&SAMPLE[..1_000]), gzip(&SAMPLE[1_000..])].concat(),
        ),
        ("deflate", zlib(SAMPLE)),
        ("deflate", raw(SAMPLE)),
        ("identity, gzip", gzip(SAMPLE)),
        ("deflate, gzip", gzip(&zlib(SAMPLE))),
        ("br, gzip", gzip(PACKED[0].1)),
        ("zstd,deflate", zlib(PACKED[3].1)),
    ];
    samples.extend(PACKED.map(|(name, packed)| (name, packed.to_vec())));
    samples
}

#[test]
fn every_coding_gives_the_same_bytes_whatever_the_pieces() {
    for (name, packed) in samples() {
        for size in [1, 7, 1_000, usize::MAX] {
            let output = decode(name, &packed, size).unwrap();
            assert!(output == SAMPLE, "{name}, pieces of {size}");
        }
    }
}

#[test]
fn what_was_cut_off_is_incomplete_and_what_follows_the_end_is_ignored() {
    for (name, packed) in samples() {
        for cut in [1, packed.len() / 2, packed.len() - 1] {
            let result = decode(name, &packed[..cut], 500);
            assert!(
                matches!(result, Err(CodingError::Broken(_))),
                "{name} cut at {cut}"
            );
        }
        assert_eq!(decode(name, b"", 1).unwrap(), b"", "{name}");
        if !name.contains(',') {
            let longer = [&packed[..], b"\0\0\0\0 something else"].concat();
            assert!(decode(name, &longer, 500).unwrap() == SAMPLE, "{name}");
        }
    }
}

#[test]
fn flushed_parts_come_out_at_once() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut decoder = decoder("gzip").unwrap().unwrap();
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        decoder.push(std::mem::take(encoder.get_mut()).into());
        assert_eq!(decoder.pull().unwrap().unwrap(), event);
        assert_eq!(decoder.pull().unwrap(), None);
    }
}

#[test]
fn names_are_known_or_refused() {
    for none in ["", "identity", "Identity, identity"] {
        assert!(decoder(none).unwrap().is_none());
    }
    for unknown in [
        "compress",
        "dcb",
        "gzip, snappy",
        "gzip;q=1",
        "gzip,gzip,gzip,gzip",
    ] {
        assert!(
            matches!(decoder(unknown), Err(CodingError::Unknown(_))),
            "{unknown}"
        );
    }
}

#[test]
fn bombs_fail_where_nothing_else_bounds_them() {
    let bomb = gzip(&vec![0; 8 * MIB]);
    assert_eq!(decode("gzip", &bomb, 500).unwrap().len(), 8 * MIB);
    let mut decoder = decoder("gzip").unwrap().unwrap().refusing_bombs();
    decoder.push(bomb.into());
    let mut length = 0;
    let error = loop {
        match decoder.pull() {
            Ok(piece) => length += piece.unwrap().len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error, CodingError::Bomb);
    assert!(length <= BOMB_FROM_BYTES + PIECE_BYTES);
    assert!(decoder.memory() < MIB);
}

/// One of the samples with some bytes changed, or random bytes.
fn garbage() -> impl Strategy<Value = (usize, Vec<(usize, u8)>, usize)> {
    let changes = prop::collection::vec((any::<usize>(), any::<u8>()), 1..4);
    (0..samples().len(), changes, 1..5_000_usize)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn damaged_data_never_panics_and_stays_bounded((which, changes, size) in garbage()) {
        let (name, mut packed) = samples().swap_remove(which);
        for (place, byte) in changes {
            let place = if place % 2 == 0 { place % packed.len() } else { place % packed.len().min(60) };
            packed[place] = byte;
        }
        if let Ok(output) = decode(name, &packed, size) {
            prop_assert!(output.len() <= 2_000 * packed.len());
        }
    }

    #[test]
    fn bytes_of_no_meaning_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), magic in any::<bool>()) {
        for name in ["gzip", "deflate", "br", "zstd", "gzip, br"] {
            let _ = decode(name, &bytes, 7);
        }
        if magic {
            let _ = decode("zstd", &[&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x40][..], &bytes].concat(), 9);
        }
    }

    #[test]
    fn any_text_comes_back(text in prop::collection::vec(prop_oneof![Just(b'a'), any::<u8>()], 0..3_000), size in 1..99_usize) {
        for (name, packed) in [("gzip", gzip(&text)), ("deflate", zlib(&text)), ("deflate", raw(&text))] {
            prop_assert_eq!(&decode(name, &packed, size).unwrap(), &text);
        }
    }
}
