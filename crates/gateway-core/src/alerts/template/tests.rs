//! The vendors' forms, byte by byte where a signature depends on it.

use super::*;
use crate::alerts::episodes::AlertChange;
use crate::alerts::reading::{AlertKind, AlertLevel};
use crate::secret::Secret;

/// 2023-11-14T22:13:20.123Z
const NOW: Timestamp = Timestamp(1_700_000_000_123);

fn webhook(kind: DestinationKind) -> Webhook {
    Webhook {
        id: "ad_1".to_owned(),
        name: "ops".to_owned(),
        kind,
        credentials: Ok(credentials("https://hook.example/path?token=t", None)),
        recipient: Some("-100123".to_owned()),
    }
}

fn credentials(url: &str, secret: Option<&str>) -> WebhookCredentials {
    WebhookCredentials {
        url: Secret::new(url.to_owned()),
        secret: secret.map(|secret| Secret::new(secret.to_owned())),
    }
}

fn message(text: &str) -> AlertMessage {
    let event = AlertEvent {
        change: AlertChange::Fired,
        kind: AlertKind::Channel,
        level: AlertLevel::Critical,
        subject: "channel/ch_1".to_owned(),
        text: text.to_owned(),
        since: Timestamp(1_699_999_400_000),
    };
    AlertMessage::of(&[event], 0, NOW)
}

fn sent(kind: DestinationKind, secret: Option<&str>, text: &str) -> Request<Bytes> {
    let credentials = credentials("https://hook.example/path?token=t", secret);
    request(&webhook(kind), &credentials, &message(text), NOW).unwrap()
}

fn body(kind: DestinationKind, secret: Option<&str>, text: &str) -> Value {
    let request = sent(kind, secret, text);
    assert_eq!(request.headers()[CONTENT_TYPE], JSON);
    serde_json::from_slice(request.body()).unwrap()
}

const TEXT_OF_A: &str = "AI gateway: 1 alert\nCritical: A is down.";

#[test]
fn each_kind_gets_the_members_that_it_knows() {
    use DestinationKind::{Dingtalk, Discord, Feishu, Json, Slack, Telegram, Wecom};
    for (kind, expected) in [
        (
            Json,
            json!({
                "source": "ai-gateway", "title": "AI gateway: 1 alert", "text": TEXT_OF_A,
                "time": "2023-11-14T22:13:20.123Z",
                "alerts": [{
                    "event": "fired", "kind": "channel", "level": "critical", "subject": "channel/ch_1",
                    "text": "A is down.", "since": "2023-11-14T22:03:20.000Z"
                }]
            }),
        ),
        (Slack, json!({ "text": TEXT_OF_A })),
        (
            Discord,
            json!({ "content": TEXT_OF_A, "allowed_mentions": { "parse": [] } }),
        ),
        (
            Telegram,
            json!({ "chat_id": "-100123", "text": TEXT_OF_A, "link_preview_options": { "is_disabled": true } }),
        ),
        (
            Feishu,
            json!({ "msg_type": "text", "content": { "text": TEXT_OF_A } }),
        ),
        (
            Dingtalk,
            json!({ "msgtype": "text", "text": { "content": TEXT_OF_A } }),
        ),
        (
            Wecom,
            json!({ "msgtype": "text", "text": { "content": TEXT_OF_A } }),
        ),
    ] {
        assert_eq!(body(kind, None, "A is down."), expected, "{kind:?}");
    }
}

#[test]
fn ntfy_gets_plain_text_and_a_bearer_token() {
    let request = sent(DestinationKind::Ntfy, Some("tk_1"), "A is down.");
    assert_eq!(request.body(), TEXT_OF_A);
    assert_eq!(request.headers()["title"], "AI gateway");
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer tk_1");
    assert!(request.headers()[AUTHORIZATION].is_sensitive());
    assert_eq!(request.uri(), "https://hook.example/path?token=t");
}

#[test]
fn telegram_is_called_by_its_method() {
    for url in [
        "https://api.telegram.org/bot1:x",
        "https://api.telegram.org/bot1:x/",
        "https://api.telegram.org/bot1:x/sendMessage",
    ] {
        let telegram = webhook(DestinationKind::Telegram);
        let request = request(&telegram, &credentials(url, None), &message("x"), NOW).unwrap();
        assert_eq!(request.uri(), "https://api.telegram.org/bot1:x/sendMessage");
    }
}

/// The signatures were made with Python's `hmac`, as the vendors' examples make them.
#[test]
fn feishu_and_dingtalk_get_their_signatures() {
    let signed = body(DestinationKind::Feishu, Some("demo"), "x");
    assert_eq!(signed["timestamp"], "1700000000");
    assert_eq!(signed["sign"], FEISHU_SIGN);
    let request = sent(DestinationKind::Dingtalk, Some("SECdemo"), "x");
    let query = request.uri().query().unwrap();
    assert_eq!(
        query,
        format!("token=t&timestamp=1700000000123&sign={DINGTALK_SIGN}")
    );
}

const FEISHU_SIGN: &str = "8oT2n3SMKFfEnDoiwer8BUM/SjKLwe9SqoEIHlhDTKo=";
const DINGTALK_SIGN: &str = "NhbevkDbYRW2yKX6TyqwoJP0bHe5xpu5AApi0R446wU%3D";

#[test]
fn texts_are_cut_to_what_a_kind_takes_and_are_no_markup() {
    let long = "é".repeat(30_000);
    let text = body(DestinationKind::Wecom, None, &long)["text"]["content"].clone();
    let text = text.as_str().unwrap();
    assert!(text.len() <= 2_048 && text.len() > 2_040 && text.ends_with('…'));
    let text = body(DestinationKind::Slack, None, "<!channel> & co")["text"].clone();
    assert!(
        text.as_str()
            .unwrap()
            .ends_with("&lt;!channel&gt; &amp; co")
    );
}

#[test]
fn answers_are_taken_by_the_vendors_words() {
    use DestinationKind::{Dingtalk, Discord, Feishu, Json, Slack, Telegram, Wecom};
    for (kind, status, answer) in [
        (Json, 202, ""),
        (Slack, 200, "ok"),
        (Discord, 204, ""),
        (Telegram, 200, r#"{"ok":true,"result":{}}"#),
        (Feishu, 200, r#"{"code":0,"msg":"success","data":{}}"#),
        (Feishu, 200, r#"{"StatusCode":0,"StatusMessage":"success"}"#),
        (Dingtalk, 200, r#"{"errcode":0,"errmsg":"ok"}"#),
        (Wecom, 200, r#"{"errcode":0,"errmsg":"ok"}"#),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(verdict(kind, status, answer.as_bytes()), Ok(()), "{kind:?}");
    }
    for (kind, status, answer, error) in [
        (Json, 500, "<html>", "500: Internal Server Error"),
        (Json, 302, "", "302: redirects are not followed"),
        (Slack, 404, "no_service", "404: Not Found"),
        (
            Discord,
            401,
            r#"{"message":"Invalid Webhook Token","code":50027}"#,
            "401: Invalid Webhook Token",
        ),
        (
            Telegram,
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
            "400: Bad Request: chat not found",
        ),
        (
            Feishu,
            200,
            r#"{"code":19021,"msg":"sign match fail","data":{}}"#,
            "19021: sign match fail",
        ),
        (
            Dingtalk,
            200,
            r#"{"errcode":310000,"errmsg":"keywords not in content"}"#,
            "310000: keywords not in content",
        ),
        (
            Wecom,
            200,
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
            "93000: invalid webhook url",
        ),
        (
            Wecom,
            200,
            "<html>",
            "200: not the answer of such a webhook",
        ),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let found = verdict(kind, status, answer.as_bytes());
        assert_eq!(found, Err(error.to_owned()), "{kind:?}");
    }
}
