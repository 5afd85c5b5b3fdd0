"""The official openai package for Python as a client of the gateway.

The stage comes from the environment; see tests/README.md."""

import json
import os
import urllib.error
import urllib.request

import openai
import pytest

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
CHAT = "vendor/chat-model"
MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def client():
    # Unmodified but for the URL and the key: retries and timeouts are the package's own.
    with openai.OpenAI(base_url=URL, api_key=KEY) as client:
        yield client


def upstream_calls(model):
    """How many requests for the model reached the upstream so far."""
    with urllib.request.urlopen(os.environ["UPSTREAM_LOG"]) as answer:
        log = json.load(answer)["data"]
    return sum(1 for record in log if record["model"] == model)


def test_chat(client):
    answer = client.chat.completions.create(model=CHAT, messages=MESSAGES)
    assert answer.model == CHAT
    assert answer.choices[0].message.content == "Hello from upstream."
    assert answer.usage.total_tokens == 14
    assert answer._request_id


def test_chat_stream(client):
    stream = client.chat.completions.create(model=CHAT, messages=MESSAGES, stream=True)
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "word0 word1 word2 word3 word4 "
    assert chunks[-1].choices[0].finish_reason == "stop"
    # Usage was not requested, so no chunk carries it.
    assert all(chunk.usage is None for chunk in chunks)


def test_chat_stream_with_usage(client):
    stream = client.chat.completions.create(
        model=CHAT, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens == 9
    assert sum(1 for chunk in chunks if chunk.usage) == 1


def test_async_chat_stream():
    import asyncio

    async def run():
        async with openai.AsyncOpenAI(base_url=URL, api_key=KEY) as client:
            stream = await client.chat.completions.create(model=CHAT, messages=MESSAGES, stream=True)
            return [chunk async for chunk in stream]

    assert asyncio.run(run())[-1].choices[0].finish_reason == "stop"


def test_embeddings(client):
    answer = client.embeddings.create(model="embedding-model", input=["a", "b"], encoding_format="float")
    assert [row.embedding for row in answer.data] == [[0.25, -0.5, 0.125]] * 2
    assert answer.model == "embedding-model"


def test_models(client):
    ids = {model.id for model in client.models.list()}
    assert {CHAT, "embedding-model", "broken"} <= ids
    model = client.models.retrieve(CHAT)
    assert (model.id, model.object) == (CHAT, "model")


def test_unknown_model_to_retrieve(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("vendor/unknown")
    assert caught.value.code == "model_not_found"


def test_wrong_key():
    with openai.OpenAI(base_url=URL, api_key="sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model=CHAT, messages=MESSAGES)
    assert caught.value.code == "invalid_api_key"
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="unknown", messages=MESSAGES)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"


def test_invalid_json():
    # The package cannot send this; a hand-written client can.
    request = urllib.request.Request(
        f"{URL}/chat/completions",
        data=b'{"model": ',
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    error = json.load(caught.value)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "invalid_json"


@pytest.mark.parametrize("stream", [False, True])
def test_upstream_failure_raises_without_a_retry(client, stream):
    before = upstream_calls("broken")
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="broken", messages=MESSAGES, stream=stream)
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_failed"
    # The package tries three times unless `x-should-retry: false` tells it not to.
    assert upstream_calls("broken") - before == 1


def test_rate_limit_raises_without_a_retry(client):
    before = upstream_calls("limited")
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="limited", messages=MESSAGES)
    assert caught.value.code == "rate_limit_exceeded"
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert upstream_calls("limited") - before == 1


@pytest.mark.parametrize("way", ["reset", "comment", "error", "limit"])
def test_upstream_that_fails_before_its_first_event_goes_unnoticed(client, way):
    model = f"fails-by-{way}-python"
    with client.chat.completions.with_streaming_response.create(
        model=model, messages=MESSAGES, stream=True
    ) as raw:
        assert raw.headers["x-gateway-attempts"] == "2"
        chunks = list(raw.parse())
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "word0 word1 word2 word3 word4 "
    assert chunks[-1].choices[0].finish_reason == "stop"
    # The failover was the gateway's: the package sent one request. A reset of a connection that was used before is answered
    # with one more call on a new one.
    assert upstream_calls(model) in ((2, 3) if way == "reset" else (2,))
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello from upstream."


def test_truncated_stream_raises(client):
    stream = client.chat.completions.create(model="truncated", messages=MESSAGES, stream=True)
    texts = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            texts.append(chunk.choices[0].delta.content)
    assert texts == ["one"]
    assert caught.value.code == "stream_incomplete"


def test_raw_response_headers(client):
    raw = client.chat.completions.with_raw_response.create(model=CHAT, messages=MESSAGES)
    assert raw.headers["x-gateway-attempts"] == "1"
    assert raw.headers["x-gateway-channel"]
    assert json.loads(raw.text)["object"] == "chat.completion"


def test_an_upstream_that_never_streams(client):
    options = {"include_usage": True}
    with client.chat.completions.stream(
        model="never-streams", messages=MESSAGES, stream_options=options
    ) as stream:
        events = [event.type for event in stream]
        answer = stream.get_final_completion()
    assert "content.done" in events
    message = answer.choices[0].message
    assert message.content == "hi there"
    assert [call.id for call in message.tool_calls] == ["one", "two"]
    assert message.tool_calls[1].function.arguments == '{"a": 1}'
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage.total_tokens == 5


def test_an_upstream_that_always_streams(client):
    answer = client.chat.completions.create(model="always-streams", messages=MESSAGES)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "hi there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 5
