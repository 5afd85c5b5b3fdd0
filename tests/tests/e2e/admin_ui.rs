//! The panel's files: what a browser needs to know about them.

use gateway_tests::{Gateway, Reply, Setup, client};
use reqwest::Method;

use crate::Outcome;

/// The panel's page, after at most one redirect, and its path.
async fn page(gateway: &Gateway) -> anyhow::Result<(String, Reply)> {
    let reply = Reply::of(client()?.get(gateway.url("/admin"))).await?;
    let Some(location) = reply.header("location") else {
        return Ok(("/admin".to_owned(), reply));
    };
    let path = location
        .strip_prefix(&gateway.url(""))
        .unwrap_or(location)
        .to_owned();
    let reply = Reply::of(client()?.get(gateway.url(&path))).await?;
    Ok((path, reply))
}

/// The paths of the scripts and styles that a page asks for.
fn assets(page: &Reply) -> Vec<String> {
    let text = page.text();
    let quoted = text.split('"').filter(|part| part.contains("assets/"));
    quoted
        .map(|path| {
            format!(
                "/admin/{}",
                path.trim_start_matches("./").trim_start_matches("/admin/")
            )
        })
        .collect()
}

fn is_script(path: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, extension)| extension == "js")
}

#[tokio::test]
async fn the_page_is_html_and_may_do_little() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let (path, reply) = page(&gateway).await?;
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    let policy = reply.header("content-security-policy").unwrap_or_default();
    for part in ["default-src", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{part} is not in {policy:?}");
    }
    for part in ["unsafe-inline", "unsafe-eval", "*"] {
        assert!(!policy.contains(part), "{part} is in {policy:?}");
    }
    let text = reply.text();
    assert!(
        !text.contains("<script>") && !text.contains("<style"),
        "nothing inline: {text}"
    );
    // The page names the hashed files, so it must be requested again.
    assert!(
        reply
            .header("cache-control")
            .is_some_and(|cache| !cache.contains("immutable"))
    );
    assert!(reply.header("strict-transport-security").is_none());
    Ok(())
}

#[tokio::test]
async fn hashed_files_are_immutable_compressed_and_validated() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let (_, page) = page(&gateway).await?;
    let assets = assets(&page);
    assert!(assets.iter().any(|path| is_script(path)), "{assets:?}");
    for path in assets {
        let get = || anyhow::Ok(client()?.get(gateway.url(&path)));
        let plain = Reply::of(get()?).await?;
        assert_eq!(plain.status, 200, "{path}");
        let kind = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript",
            Some((_, "css")) => "text/css",
            Some((_, "svg")) => "image/svg+xml",
            _ => anyhow::bail!("{path} is of no kind that the page should need"),
        };
        assert!(
            plain
                .header("content-type")
                .is_some_and(|known| known.starts_with(kind)),
            "{path}"
        );
        let cache = plain.header("cache-control").unwrap_or_default();
        assert!(
            cache.contains("immutable") && cache.contains("max-age=31536000"),
            "{path}: {cache}"
        );
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        for (accepted, used) in [("br, gzip", "br"), ("gzip", "gzip")] {
            let packed = Reply::of(get()?.header("accept-encoding", accepted)).await?;
            if plain.body.len() > 1024 {
                assert_eq!(packed.header("content-encoding"), Some(used), "{path}");
                assert!(packed.body.len() < plain.body.len());
            }
            assert!(
                packed
                    .header("vary")
                    .is_some_and(|vary| vary.to_lowercase().contains("accept-encoding"))
            );
        }
        let tag = plain.header("etag").unwrap_or_default().to_owned();
        assert!(tag.ends_with('"'), "{path}: {tag:?}");
        let known = Reply::of(get()?.header("if-none-match", &tag)).await?;
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
        assert_eq!(known.header("etag"), Some(tag.as_str()));
        let other = Reply::of(get()?.header("if-none-match", "\"other\"")).await?;
        assert_eq!(other.status, 200);
        let head = Reply::of(client()?.head(gateway.url(&path))).await?;
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
    Ok(())
}

#[tokio::test]
async fn unknown_files_and_methods_are_refused() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let ask = |method: Method, path: &str| anyhow::Ok(client()?.request(method, gateway.url(path)));
    for path in [
        "/admin/assets/nope.js",
        "/admin/../secret.txt",
        "/admin/%2e%2e/secret.txt",
    ] {
        let reply = Reply::of(ask(Method::GET, path)?).await?;
        assert_eq!(reply.status, 404, "{path}");
    }
    let (path, _) = page(&gateway).await?;
    for method in [Method::POST, Method::DELETE] {
        let reply = Reply::of(ask(method.clone(), &path)?).await?;
        assert_eq!(reply.status, 405, "{method}");
        assert!(
            reply
                .header("allow")
                .is_some_and(|allow| allow.contains("GET"))
        );
    }
    Ok(())
}
