"""The gateway's metrics, read by Prometheus' own parser for Python."""

import os
import time
import urllib.request

import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

MODEL = "vendor/chat-model"


def families():
    request = urllib.request.Request(
        os.environ["METRICS_URL"], headers={"authorization": f"Bearer {os.environ['METRICS_TOKEN']}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families, family, sample, **labels):
    """The sum of a family's samples of that name with these labels."""
    if family not in families:
        return 0
    return sum(
        found.value
        for found in families[family].samples
        if found.name == sample and labels.items() <= found.labels.items()
    )


def answered(families):
    return value(families, "ai_gateway_requests", "ai_gateway_requests_total", channel="usual", status="200")


@pytest.fixture(scope="module")
def scraped():
    """The metrics before three chats, and after the ledger has them."""
    before = families()
    with openai.OpenAI(base_url=os.environ["GATEWAY_URL"], api_key=os.environ["GATEWAY_KEY"]) as client:
        for _ in range(3):
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    deadline = time.monotonic() + 10
    after = families()
    while answered(after) < answered(before) + 3 and time.monotonic() < deadline:
        time.sleep(0.1)
        after = families()
    return before, after


def test_requests_are_counted(scraped):
    before, after = scraped
    assert answered(after) == answered(before) + 3


def test_tokens_are_the_upstreams(scraped):
    before, after = scraped
    family, sample = "ai_gateway_tokens", "ai_gateway_tokens_total"
    for kind, tokens in [("prompt", 27), ("completion", 15)]:
        labels = {"channel": "usual", "model": MODEL, "kind": kind}
        assert value(after, family, sample, **labels) - value(before, family, sample, **labels) == tokens


def test_histograms_are_whole(scraped):
    _, after = scraped
    for name in ["ai_gateway_request_duration_seconds", "ai_gateway_first_byte_duration_seconds"]:
        assert after[name].type == "histogram"
        channels = {sample.labels["channel_id"] for sample in after[name].samples}
        assert channels
        for channel in channels:
            samples = [sample for sample in after[name].samples if sample.labels["channel_id"] == channel]
            buckets = [sample for sample in samples if sample.name.endswith("_bucket")]
            bounds = [float(sample.labels["le"]) for sample in buckets]
            counts = [sample.value for sample in buckets]
            assert bounds == sorted(bounds) and bounds[-1] == float("inf")
            assert counts == sorted(counts)
            assert counts[-1] == next(sample.value for sample in samples if sample.name.endswith("_count"))


def test_counters_are_named_and_typed_as_prometheus_wants(scraped):
    _, after = scraped
    assert after["ai_gateway_ledger_up"].samples[0].value == 1
    for family in after.values():
        assert family.name.startswith("ai_gateway_") and family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            assert sample.value >= 0
            if family.type == "counter":
                assert sample.name == f"{family.name}_total"
