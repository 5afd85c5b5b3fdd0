//! The panel's files: the page at every address of the panel, files that never change, and the headers of both.

use anyhow::{Context as _, Result, ensure};
use gateway_tests::{Reply, Stage, workspace_root};

use super::expect_failure;

pub async fn panel_files(stage: &Stage) -> Result<()> {
    let get = |path: &str| Reply::of(stage.http.get(stage.gateway.url(path)));
    let page = get("/admin").await?;
    let html = page.text();
    for path in ["/admin", "/admin/", "/admin/channels/new"] {
        let reply = get(path).await?;
        ensure!(
            reply.status == 200 && reply.body == page.body,
            "{path}: {reply:?}"
        );
        ensure!(
            reply.header("cache-control") == Some("no-cache"),
            "{path}: {reply:?}"
        );
        safe(&reply).with_context(|| path.to_owned())?;
    }
    let head = Reply::of(stage.http.head(stage.gateway.url("/admin"))).await?;
    let length = page.body.len().to_string();
    ensure!(
        head.header("content-length") == Some(&length),
        "{length} bytes, {head:?}"
    );
    let mut assets = 0;
    for rest in html.split("\"/admin/").skip(1) {
        let path = format!("/admin/{}", rest.split('"').next().unwrap_or_default());
        let reply = get(&path).await?;
        ensure!(
            reply.status == 200 && !reply.body.is_empty(),
            "{path}: {reply:?}"
        );
        let caching = reply.header("cache-control").unwrap_or_default();
        ensure!(caching.contains("immutable"), "{path}: {caching}");
        safe(&reply).with_context(|| path.clone())?;
        let tag = reply.header("etag").context("an entity tag")?.to_owned();
        let again = stage
            .http
            .get(stage.gateway.url(&path))
            .header("if-none-match", tag);
        ensure!(
            Reply::of(again).await?.status == 304,
            "{path} is sent again"
        );
        assets += 1;
    }
    ensure!(assets >= 2, "a script and a style sheet");
    let missing = get("/admin/assets/nothing.js").await?;
    expect_failure(&missing, 404, "not_found")?;
    safe(&missing)
}

/// The headers that the panel's own file of them names.
fn safe(reply: &Reply) -> Result<()> {
    let expected = std::fs::read_to_string(workspace_root().join("admin-ui/safety.headers"))?;
    for line in expected.lines() {
        let (name, value) = line.split_once(": ").context("a name and a value")?;
        ensure!(
            reply.header(name) == Some(value),
            "{name}: {:?}",
            reply.header(name)
        );
    }
    Ok(())
}
