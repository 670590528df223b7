"""The service's description in OpenAPI 3.1, made from the types that it reads and writes, and a page that shows it."""

from functools import cache
from html import escape
from typing import Any

import msgspec
from msgspec import Struct

from edgecnn.serve import pictures, protocol
from edgecnn.serve.config import version
from edgecnn.serve.protocol import HEADER_LENGTH

Schema = dict[str, Any]


class Error(Struct):
    """Every answer that is not as asked: what was wrong, and what to do."""

    error: str


class Live(Struct):
    live: bool


class Ready(Struct):
    ready: bool


class ModelReady(Struct):
    name: str
    ready: bool


TYPES = (
    *(Error, Live, Ready, ModelReady, pictures.Answers, protocol.InferRequest, protocol.InferResponse),
    *(protocol.ServerMetadata, protocol.ModelMetadata),
)
BYTES = {"type": "string", "format": "binary"}
PIXELS = {
    "description": "One picture or many: rows of numbers from 0 to 255.",
    "type": "array",
    "items": {"anyOf": [{"type": "array"}, {"type": "integer", "minimum": 0, "maximum": 255}]},
}
ERRORS = {
    "400": "What was sent cannot be read, or is not what the model takes.",
    "401": "The token is missing or wrong.",
    "404": "There is no such model or version.",
    "408": "The request did not come in time.",
    "413": "The body is too large.",
    "415": "The body has a type that is not read.",
    "431": "The request has too many headers.",
    "503": "The service is busy or stops; Retry-After says when to try again.",
}


@cache
def document() -> Schema:
    _, components = msgspec.json.schema_components(TYPES, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edgecnn",
            "version": version(),
            "summary": "Classifies pictures: its own address for them, and the Open Inference Protocol v2.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": _paths(),
        "components": {
            "schemas": components,
            "responses": {status: _content(text, "Error") for status, text in ERRORS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _paths() -> Schema:
    paths = {
        "/v1/classify": {"post": _classify()},
        "/v2": {"get": _get("serverMetadata", "What this server is.", "ServerMetadata")},
        "/v2/health/live": {"get": _get("live", "Whether the service runs.", "Live")},
        "/v2/health/ready": {"get": _get("ready", "Whether the service takes requests.", "Ready")},
        "/metrics": {"get": _operation("metrics", "Counts in Prometheus' format.", _of_kind("text/plain"))},
        "/openapi.json": {"get": _operation("description", "This document.", _of_kind("application/json"))},
        "/docs": {"get": _operation("page", "This document as a page.", _of_kind("text/html"))},
    }
    return paths | _of_models("", "") | _of_models("/versions/{version}", "OfVersion")


def _of_models(versions: str, suffix: str) -> Schema:
    base = f"/v2/models/{{name}}{versions}"
    shared = [_in_path("name"), *([_in_path("version")] if versions else [])]
    get_ready = _get(f"modelReady{suffix}", "Whether a model takes requests.", "ModelReady", "404")
    get = _get(f"modelMetadata{suffix}", "What a model takes and returns.", "ModelMetadata", "404")
    return {
        base: {"parameters": shared, "get": get},
        f"{base}/ready": {"parameters": shared, "get": get_ready},
        f"{base}/infer": {"parameters": shared, "post": _infer(f"infer{suffix}")},
    }


def _classify() -> Schema:
    form = {"type": "object", "additionalProperties": BYTES}
    body = {"application/json": PIXELS, "multipart/form-data": form, "image/*": BYTES}
    top = {"type": "integer", "minimum": 1, "default": 1}
    return {
        **_operation("classify", "Label pictures.", _content("The labels.", "Answers"), *ERRORS),
        "parameters": [
            _in_query("model", "The model's name. Default: the first.", {"type": "string"}),
            _in_query("segment", "Read several digits of a picture, each with its box.", {"type": "boolean"}),
            _in_query("pixels", "Also give what the model saw of each digit.", {"type": "boolean"}),
            _in_query("top", "How many labels are given, the likeliest first.", top),
        ],
        "requestBody": {"required": True, "content": {kind: {"schema": schema} for kind, schema in body.items()}},
    }


def _infer(operation: str) -> Schema:
    length = {"description": "The length of the JSON, if bytes follow it.", "schema": {"type": "integer"}}
    answer = _content("The probabilities.", "InferResponse")
    answer["content"]["application/octet-stream"] = {"schema": BYTES}
    body = {"application/json": {"schema": _ref("InferRequest")}, "application/octet-stream": {"schema": BYTES}}
    return {
        **_operation(operation, "Run a model on a tensor of pictures.", answer, *ERRORS),
        "parameters": [{"name": HEADER_LENGTH, "in": "header", **length}],
        "requestBody": {"required": True, "content": body},
    }


def _get(operation: str, summary: str, schema: str, *errors: str) -> Schema:
    return _operation(operation, summary, _content(summary, schema), *errors)


def _operation(operation: str, summary: str, answer: Schema, *errors: str) -> Schema:
    refs = {status: {"$ref": f"#/components/responses/{status}"} for status in (*errors, "401", "503")}
    return {"operationId": operation, "summary": summary, "responses": {"200": answer, **refs}}


def _content(description: str, schema: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}


def _of_kind(kind: str) -> Schema:
    return {"description": "The text.", "content": {kind: {}}}


def _ref(schema: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema}"}


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _in_query(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


STYLE = """\
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 0.9rem ui-monospace, monospace; }
section { border-top: 1px solid; padding: 0.5rem 0; }
dt { font-weight: bold; }
"""


@cache
def page() -> str:
    """The document as a page, which needs no script and nothing from another address."""
    sections = (
        _section(method, path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>edgecnn: the service</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="docs.css">'
        f"<h1>The service</h1><p>{escape(document()['info']['summary'])} "
        f'For programs: <a href="openapi.json">openapi.json</a>.</p>{"".join(sections)}</html>'
    )


def _section(method: str, path: str, operation: Schema) -> str:
    kinds = ", ".join(operation.get("requestBody", {}).get("content", {}))
    takes = f"<p>Takes {escape(kinds)}.</p>" if kinds else ""
    rows = (f"<dt>{status}</dt><dd>{escape(_described(status, told))}</dd>" for status, told in _answers(operation))
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>{takes}"
        f"<dl>{''.join(rows)}</dl></section>"
    )


def _answers(operation: Schema) -> list[tuple[str, Schema]]:
    return sorted(operation["responses"].items())


def _described(status: str, told: Schema) -> str:
    return str(told.get("description", ERRORS.get(status, "")))
