//! The admin API: sessions, changes that meet, the whole configuration.

use anyhow::{Context as _, Result, bail, ensure};
use flate2::read::GzDecoder;
use gateway_tests::{Admin, PASSWORD, Reply, Stage};
use reqwest::Method;
use serde_json::{Value, json};

/// More than any try of a change could meet one after the other.
const WRITERS: usize = 40;

pub async fn sessions(stage: &Stage) -> Result<()> {
    let login = stage.http.post(stage.gateway.url("/admin/api/login"));
    let reply = Reply::of(login.json(&json!({"password": "not it at all"}))).await?;
    ensure!(reply.status == 401, "{reply:?}");
    let admin = Admin::login(&stage.gateway).await?;
    ensure!(
        admin.get("/session").await?["expires_at"].is_string(),
        "a session"
    );
    let reply = admin.call(Method::POST, "/logout", None).await?;
    ensure!(reply.status == 204, "{reply:?}");
    let reply = admin.call(Method::GET, "/session", None).await?;
    ensure!(reply.status == 401, "the session has ended: {reply:?}");
    let open = stage.http.get(stage.gateway.url("/admin/api/channels"));
    ensure!(
        Reply::of(open).await?.status == 401,
        "channels without a session"
    );
    Ok(())
}

/// Hosts that compress by themselves must not do it again.
pub async fn answers_are_compressed_at_most_once(stage: &Stage) -> Result<()> {
    let admin = Admin::login(&stage.gateway).await?;
    let get = |tag: Option<&str>| {
        let request = stage.http.get(stage.gateway.url("/admin/api/openapi.json"));
        let request = request.bearer_auth(admin.token());
        let request = request.header("accept-encoding", "gzip");
        Reply::of(match tag {
            Some(tag) => request.header("if-none-match", tag),
            None => request,
        })
    };
    let reply = get(None).await?;
    let document: Value = match reply.header("content-encoding") {
        None => serde_json::from_slice(&reply.body)?,
        Some("gzip") => serde_json::from_reader(GzDecoder::new(&reply.body[..]))?,
        Some(other) => bail!("{other} was not asked for"),
    };
    ensure!(document["openapi"].is_string(), "{reply:?}");
    let tag = reply.header("etag").context("an entity tag")?;
    let again = get(Some(tag)).await?;
    ensure!(again.status == 304 && again.body.is_empty(), "{again:?}");
    Ok(())
}

/// A browser that has logged in before has its own count of failures: its failures lock out no other.
pub async fn known_devices(stage: &Stage) -> Result<()> {
    let login = |password: &str, cookie: &str| {
        let login = stage.http.post(stage.gateway.url("/admin/api/login"));
        Reply::of(
            login
                .header("cookie", cookie)
                .json(&json!({ "password": password })),
        )
    };
    let reply = login(PASSWORD, "").await?;
    let lines = reply.headers.get_all("set-cookie").iter();
    let cookies: Vec<&str> = lines
        .filter_map(|line| line.to_str().ok()?.split(';').next())
        .collect();
    let device = cookies
        .iter()
        .find(|cookie| cookie.starts_with("gateway_device="))
        .with_context(|| format!("no cookie of a device: {cookies:?}"))?;
    ensure!(cookies.len() == 2, "{cookies:?}");
    for _ in 0..5 {
        let reply = login("not it at all", device).await?;
        ensure!(reply.status == 401, "{reply:?}");
    }
    let reply = login(PASSWORD, "").await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(())
}

pub async fn changes_by_several_at_once(stage: &Stage) -> Result<()> {
    let create = |number: usize| {
        let admin = stage.admin.clone();
        async move {
            admin
                .client_key(&json!({"name": format!("crowd-{number}")}))
                .await
        }
    };
    let created = futures_util::future::join_all((0..WRITERS).map(create)).await;
    let keys = stage.admin.get("/keys").await?;
    let keys = keys["data"].as_array().context("a list")?;
    for outcome in created {
        let (id, _) = outcome?;
        ensure!(
            keys.iter().any(|key| key["id"] == id.as_str()),
            "{id} is lost"
        );
        stage.admin.delete(&format!("/keys/{id}")).await?;
    }
    Ok(())
}

pub async fn export_and_import(stage: &Stage) -> Result<()> {
    let reply = stage.admin.call(Method::GET, "/config", None).await?;
    let document = reply.json()?;
    ensure!(document["version"] == 1, "{document}");
    ensure!(reply.header("etag").is_some(), "no entity tag");
    let wrong = json!({"version": 1, "channels": [{"name": ""}]});
    let reply = stage
        .admin
        .call(Method::PUT, "/config", Some(&wrong))
        .await?;
    ensure!(reply.status == 400 || reply.status == 422, "{reply:?}");
    // Nothing else may have been removed meanwhile, whatever other cases added.
    let after = stage.admin.get("/config").await?;
    let known = document["channels"].as_array().context("channels")?;
    let now = after["channels"].as_array().context("channels")?;
    ensure!(
        known
            .iter()
            .all(|channel| now.iter().any(|other| other["id"] == channel["id"])),
        "a refused import changed something"
    );
    Ok(())
}
