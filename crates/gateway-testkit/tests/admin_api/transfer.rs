//! How answers are transferred: compressed, and not at all where the client has them already.

use std::io::Read as _;

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::read::GzDecoder;
use gateway_core::{admin, reply};
use gateway_testkit::fakes::{block_on, read_body};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::ledger::write;
use crate::lists::{filled, ids, of};
use crate::{Gateway, request};

/// An answer with its body as it is sent.
fn sent(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Bytes) {
    let authorization = format!("Bearer {}", gateway.token);
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend(headers);
    let request = request("GET", path, &all, "");
    let reply = block_on(admin::handle(&gateway.ports, &gateway.settings, request));
    let reply = reply::finish(reply, false);
    let (status, headers) = (reply.status(), reply.headers().clone());
    (status, headers, block_on(read_body(reply)).unwrap())
}

fn unpacked(coding: &str, packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if coding == "br" {
        let mut decoder = Decompressor::new(packed, 4096);
        decoder.read_to_end(&mut plain).unwrap();
    } else {
        GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    }
    plain
}

#[test]
fn every_answer_to_get_is_compressed_and_sent_only_once() {
    let gateway = filled(300, 40);
    write(&gateway, &[of(0, "ck_0000", "ch_0000")]);
    for path in [
        "session",
        "channels",
        "channels?limit=50&sort=name",
        "channels/ch_0000",
        "keys",
        "keys?limit=100&q=key",
        "keys/ck_0000",
        "keys/allowances",
        "keys/ck_0000/allowance",
        "config",
        "status",
        "route?model=model-0",
        "usage",
        "requests",
        "openapi.json",
    ] {
        let (status, headers, plain) = sent(&gateway, path, &[]);
        assert_eq!(status, StatusCode::OK, "{path}");
        let tag = headers["etag"].to_str().unwrap().to_owned();
        for (accept, coding) in [("gzip, br", "br"), ("gzip, br;q=0.5", "gzip")] {
            let (status, headers, packed) = sent(&gateway, path, &[("accept-encoding", accept)]);
            assert_eq!(
                (status, headers["etag"].to_str().unwrap()),
                (StatusCode::OK, tag.as_str())
            );
            assert_eq!(headers["content-length"], packed.len().to_string());
            if plain.len() > 700 {
                assert_eq!(headers["content-encoding"], coding, "{path}");
                assert_eq!(headers["vary"], "accept-encoding");
                assert_eq!(unpacked(coding, &packed), plain, "{path}");
            }
            if path == "keys" {
                assert!(
                    packed.len() * 5 < plain.len(),
                    "{coding}: {} of {}",
                    packed.len(),
                    plain.len()
                );
            }
        }
        let known = [("if-none-match", tag.as_str()), ("accept-encoding", "br")];
        let (status, headers, body) = sent(&gateway, path, &known);
        assert_eq!(status, StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(headers["etag"], tag.as_str());
        assert!(body.is_empty() && !headers.contains_key("content-encoding"));
    }
    // What has changed is sent.
    let (_, headers, _) = sent(&gateway, "keys?limit=5", &[]);
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let renamed = json!({"name": "other"});
    gateway.call("PATCH", "keys/ck_0000", &renamed).expect(200);
    let (status, ..) = sent(&gateway, "keys?limit=5", &[("if-none-match", &tag)]);
    assert_eq!(status, StatusCode::OK);
}

#[test]
fn two_thousand_keys_and_three_hundred_channels_come_in_small_pages() {
    let gateway = filled(2000, 300);
    for (path, most) in [
        ("keys?limit=100", 8_000),
        ("channels?limit=100", 8_000),
        ("keys/allowances", 10_000),
        ("keys", 150_000),
    ] {
        let size = |coding| {
            let (status, _, body) = sent(&gateway, path, &[("accept-encoding", coding)]);
            assert_eq!(status, StatusCode::OK);
            body.len()
        };
        let (gzip, brotli) = (size("gzip"), size("br"));
        println!("{path}: gzip {gzip} bytes, br {brotli} bytes");
        assert!(gzip < most, "{path}: {gzip} bytes");
        assert!(brotli < gzip, "{path}: {brotli} bytes, gzip {gzip}");
    }
    let page = gateway.get("keys?q=1234&limit=100").expect(200);
    assert_eq!((ids(&page), &page["total"]), (vec!["ck_1234"], &json!(1)));
}
