"""Reads requests as servers in Python do: one line of JSON per request, one entry per parser.

Standard input: for each request a content type and a body, each after its length in four bytes (big-endian).
"""

import email
import email.policy
import io
import json
import sys

from python_multipart import parse_form
from python_multipart.multipart import parse_options_header
from werkzeug.formparser import parse_form_data

NAMES = ("model", "stream")


def from_json(body):
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return {name: [value[name]] if name in value else [] for name in NAMES}


def from_mail(content_type, body, policy):
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = email.message_from_bytes(head + body, policy=policy)
    if not message.is_multipart():
        raise ValueError("no parts")
    found = {name: [] for name in NAMES}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if name in found:
            found[name].append(part.get_payload(decode=True).decode())
    return found


def from_python_multipart(content_type, body):
    found = {name: [] for name in NAMES}

    def take(name, value):
        name = name.decode()
        if name in found:
            found[name].append(value)

    headers = {"Content-Type": content_type.encode("latin-1")}
    parse_form(
        headers,
        io.BytesIO(body),
        lambda field: take(field.field_name, (field.value or b"").decode()),
        lambda file: take(file.field_name, "(file)"),
    )
    return found


def from_werkzeug(content_type, body):
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    _, form, files = parse_form_data(environ, silent=False)
    return {name: form.getlist(name) + ["(file)" for _ in files.getlist(name)] for name in NAMES}


def parsers(content_type, body):
    kind = parse_options_header(content_type.encode("latin-1"))[0].lower()
    if kind == b"application/json":
        yield "json of bytes", lambda: from_json(body)
        yield "json of text", lambda: from_json(body.decode())
        return
    yield "email", lambda: from_mail(content_type, body, email.policy.HTTP)
    yield "email, old policy", lambda: from_mail(content_type, body, email.policy.compat32)
    yield "python-multipart", lambda: from_python_multipart(content_type, body)
    yield "Werkzeug", lambda: from_werkzeug(content_type, body)


def read(content_type, body):
    readings = []
    for name, parse in parsers(content_type, body):
        try:
            readings.append({"by": name, **parse()})
        except Exception as error:  # whatever a parser raises, it has refused the request
            readings.append({"by": name, "error": repr(error)})
    return readings


def frames(source):
    while length := source.read(4):
        yield source.read(int.from_bytes(length, "big"))


def main():
    source = frames(sys.stdin.buffer)
    for content_type in source:
        body = next(source)
        print(json.dumps(read(content_type.decode("latin-1"), body)))


main()
