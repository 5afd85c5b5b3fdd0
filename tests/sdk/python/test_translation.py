"""The official packages of OpenAI and Anthropic with upstreams that speak one dialect alone.

Each test runs with every upstream: one of them speaks the client's dialect, the others are translated."""

import json
import os

import anthropic
import openai
import pytest
from test_openai import upstream_calls

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
UPSTREAMS = ["only-chat", "only-messages", "only-responses"]
TEXT = "Grüezi from upstream."
CITIES = [{"city": "Bern"}, {"city": "Zürich"}]
MESSAGES = [{"role": "user", "content": "Weather in Bern and Zürich?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
MESSAGES_TOOLS = [{"name": "weather", "input_schema": SCHEMA}]
RESPONSES_TOOLS = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]

pytestmark = pytest.mark.parametrize("model", UPSTREAMS)


@pytest.fixture
def chat():
    with openai.OpenAI(base_url=URL, api_key=KEY) as client:
        yield client.chat.completions


@pytest.fixture
def responses():
    with openai.OpenAI(base_url=URL, api_key=KEY) as client:
        yield client.responses


@pytest.fixture
def messages():
    with anthropic.Anthropic(base_url=URL.removesuffix("/v1"), api_key=KEY) as client:
        yield client.messages


def test_chat_whole(chat, model):
    answer = chat.create(model=model, messages=MESSAGES)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 21
    assert answer.usage.completion_tokens == 9


def test_chat_streamed(chat, model):
    chunks = list(chat.create(model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert chunks[-1].usage.total_tokens == 30


def test_chat_with_tools(chat, model):
    with chat.stream(model=model, messages=MESSAGES, tools=CHAT_TOOLS) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    whole = chat.create(model=model, messages=MESSAGES, tools=CHAT_TOOLS)
    for answer in (streamed, whole):
        message = answer.choices[0].message
        assert [json.loads(call.function.arguments) for call in message.tool_calls] == CITIES
        assert answer.choices[0].finish_reason == "tool_calls"
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]
    conversation = [*MESSAGES, message, *results]
    assert chat.create(model=model, messages=conversation, tools=CHAT_TOOLS).choices[0].message.content == TEXT


def test_chat_errors(chat, model):
    before = upstream_calls(f"{model}-limited")
    with pytest.raises(openai.RateLimitError) as caught:
        chat.create(model=f"{model}-limited", messages=MESSAGES)
    assert caught.value.code == "rate_limit_exceeded"
    # The packages try three times unless `x-should-retry: false` tells them not to.
    assert upstream_calls(f"{model}-limited") - before <= 1


def test_messages_whole(messages, model):
    answer = messages.create(model=model, max_tokens=100, messages=MESSAGES)
    assert [block.text for block in answer.content] == [TEXT]
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (21, 9)


def test_messages_streamed(messages, model):
    with messages.stream(model=model, max_tokens=100, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream) == TEXT
        answer = stream.get_final_message()
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == 9


def test_messages_with_tools(messages, model):
    with messages.stream(model=model, max_tokens=100, messages=MESSAGES, tools=MESSAGES_TOOLS) as stream:
        streamed = stream.get_final_message()
    whole = messages.create(model=model, max_tokens=100, messages=MESSAGES, tools=MESSAGES_TOOLS)
    for answer in (streamed, whole):
        calls = [block for block in answer.content if block.type == "tool_use"]
        assert [call.input for call in calls] == CITIES
        assert answer.stop_reason == "tool_use"
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
    conversation = [
        *MESSAGES,
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": results},
    ]
    last = messages.create(model=model, max_tokens=100, messages=conversation, tools=MESSAGES_TOOLS)
    assert last.content[0].text == TEXT


def test_messages_errors(messages, model):
    before = upstream_calls(f"{model}-limited")
    with pytest.raises(anthropic.RateLimitError) as caught:
        messages.create(model=f"{model}-limited", max_tokens=100, messages=MESSAGES)
    assert caught.value.body["error"]["type"] == "rate_limit_error"
    # The packages try three times unless `x-should-retry: false` tells them not to.
    assert upstream_calls(f"{model}-limited") - before <= 1


def test_responses_whole(responses, model):
    answer = responses.create(model=model, input="Hi", store=False)
    assert answer.output_text == TEXT
    assert answer.status == "completed"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (21, 9)


def test_responses_streamed(responses, model):
    with responses.stream(model=model, input="Hi", store=False) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        answer = stream.get_final_response()
    assert text == TEXT == answer.output_text
    assert answer.usage.total_tokens == 30


def test_responses_with_tools(responses, model):
    with responses.stream(model=model, input=MESSAGES, tools=RESPONSES_TOOLS, store=False) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_response()
    whole = responses.create(model=model, input=MESSAGES, tools=RESPONSES_TOOLS, store=False)
    for answer in (streamed, whole):
        calls = [item for item in answer.output if item.type == "function_call"]
        assert [json.loads(call.arguments) for call in calls] == CITIES
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in calls]
    made = [item.model_dump(exclude_none=True) for item in whole.output]
    conversation = [*MESSAGES, *made, *results]
    last = responses.create(model=model, input=conversation, tools=RESPONSES_TOOLS, store=False)
    assert last.output_text == TEXT


def test_responses_errors(responses, model):
    before = upstream_calls(f"{model}-limited")
    with pytest.raises(openai.RateLimitError) as caught:
        responses.create(model=f"{model}-limited", input="Hi", store=False)
    assert caught.value.code == "rate_limit_exceeded"
    # The packages try three times unless `x-should-retry: false` tells them not to.
    assert upstream_calls(f"{model}-limited") - before <= 1
