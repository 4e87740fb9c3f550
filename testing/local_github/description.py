"""GitHub's published OpenAPI description, read strictly: what it does not name is a violation."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json: TypeAlias = dict[str, Any]

GITHUB_COM: Final = "api.github.com"
ENTERPRISE_SERVER: Final = "ghes-3.19"
API_VERSION: Final = "2022-11-28"
"""The version that the description shows; later ones stand in it as patches."""

_FOLDER: Final = (
    Path(__file__).resolve().parents[2] / ".cache/openapi/node_modules/@octokit/openapi/generated"
)

# What any request may be answered with; the description names it for some operations only.
# https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
_ANYWHERE: Final = {"301", "307", "401", "403", "404", "429"}
_ANYWHERE_SCHEMA: Final = {"$ref": "#/components/schemas/basic-error"}

_LIMITS: Final = {"enum", "format", "pattern", "required", "type"} | {
    f"{bound}{what}" for bound in ("min", "max") for what in ("imum", "Items", "Length")
}
_REMARKS: Final = {"default", "deprecated", "description", "example", "examples", "title"}

_FORMATS: Final = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(held: object) -> bool:
    return not isinstance(held, str) or datetime.fromisoformat(held).tzinfo is not None


class UnknownKeywordError(Exception):
    """The description says something that would pass unread."""

    def __init__(self, keywords: set[str]) -> None:
        super().__init__(f"Teach the strict reading these keywords: {', '.join(sorted(keywords))}.")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as described."""

    method: str
    template: str
    values: Mapping[str, str]
    """What a request's path holds in the places that the template names."""
    described: Json


class Description:
    """A description, and what of an exchange it does not allow."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._validators: dict[str, jsonschema.Draft4Validator] = {}

    def example(self, name: str) -> Json:
        """Return a copy of one of GitHub's own examples."""
        copied: Json = json.loads(json.dumps(self._document["components"]["examples"][name]))
        value: Json = copied["value"]
        return value

    def properties(self, schema: str) -> set[str]:
        """Name what a schema knows."""
        return set(self._document["components"]["schemas"][schema]["properties"])

    def operation(self, method: str, path: str) -> Operation | None:
        """Find what a request asks for; a literal segment goes before a named one."""
        segments = path.split("/")
        best: Operation | None = None
        for template, methods in self._document["paths"].items():
            values = _fit(template.split("/"), segments)
            if values is None or method.lower() not in methods:
                continue
            if best is None or len(values) < len(best.values):
                best = Operation(method, template, values, methods[method.lower()])
        return best

    def violations_of_request(
        self, operation: Operation, query: Mapping[str, str], content_type: str, body: bytes
    ) -> list[str]:
        """Say what of a request is not described."""
        parameters = [
            self._resolve(parameter) for parameter in operation.described.get("parameters", [])
        ]
        found = self._violations_of_values(parameters, "path", operation.values)
        found += self._violations_of_values(parameters, "query", query)
        described = self._resolve(operation.described.get("requestBody", {}))
        if body or described.get("required"):
            found += self._violations_of_content(described, content_type, body)
        return [f"request {operation.method} {operation.template}: {each}" for each in found]

    def violations_of_answer(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> list[str]:
        """Say what of an answer is not described."""
        described = operation.described["responses"].get(str(status))
        if described is not None:
            found = self._violations_of_content(self._resolve(described), content_type, body)
        elif str(status) in _ANYWHERE:
            anywhere = {"content": {"application/json": {"schema": _ANYWHERE_SCHEMA}}}
            found = self._violations_of_content(anywhere, content_type, body)
        elif status >= 500:  # noqa: PLR2004 - a server that is down answers with anything
            found = []
        else:
            found = ["this status is not described"]
        return [f"answer {status} to {operation.method} {operation.template}: {e}" for e in found]

    def _violations_of_values(
        self, parameters: Sequence[Json], place: str, values: Mapping[str, str]
    ) -> list[str]:
        schemas = {each["name"]: each["schema"] for each in parameters if each["in"] == place}
        found = [f"{place} parameter {name} is not described" for name in values.keys() - schemas]
        for name in values.keys() & schemas:
            held: object = values[name]
            if schemas[name]["type"] == "integer" and values[name].isdecimal():
                held = int(values[name])
            found += self._violations_of_json(schemas[name], held, name)
        return found

    def _violations_of_content(self, described: Json, content_type: str, body: bytes) -> list[str]:
        contents = described.get("content", {})
        if not contents:
            return ["a body is not described"] if body else []
        if (kind := content_type.partition(";")[0]) not in contents:
            return [f"content type {kind or 'none'} is not described, but {', '.join(contents)}"]
        try:
            held = json.loads(body)
        except ValueError:
            return ["the body is not JSON"]
        return self._violations_of_json(contents[kind]["schema"], held, "body")

    def _violations_of_json(self, schema: Json, held: object, where: str) -> list[str]:
        key = json.dumps(schema)
        if key not in self._validators:
            strict = self._strict(schema)
            self._validators[key] = jsonschema.Draft4Validator(strict, format_checker=_FORMATS)
        # Never what is held, only where and which rule: it may be a credential.
        return [
            f"{'.'.join(map(str, (where, *error.absolute_path)))} {_broken(error)}"
            for error in self._validators[key].iter_errors(held)
        ]

    def _resolve(self, described: Json) -> Json:
        while "$ref" in described:
            _, *keys = described["$ref"].split("/")
            described = functools.reduce(lambda held, key: held[key], keys, self._document)
        return described

    def _strict(self, schema: Json) -> Json:
        """Turn a schema of OpenAPI 3.0 into one of JSON Schema that allows nothing unnamed."""
        schema = self._joined(self._resolve(schema))
        strict: Json = {}
        unknown: set[str] = set()
        for keyword, held in schema.items():
            if keyword in _LIMITS:
                strict[keyword] = held
            elif keyword in {"anyOf", "oneOf"}:
                strict[keyword] = [self._strict(each) for each in held]
            elif keyword == "items":
                strict[keyword] = self._strict(held)
            elif keyword == "properties":
                strict[keyword] = {name: self._strict(each) for name, each in held.items()}
                strict.setdefault("additionalProperties", False)
            elif keyword == "additionalProperties":
                strict[keyword] = held if isinstance(held, bool) else self._strict(held)
            elif keyword != "nullable" and keyword not in _REMARKS and not keyword.startswith("x-"):
                unknown.add(keyword)
        if unknown:
            raise UnknownKeywordError(unknown)
        return {"anyOf": [strict, {"type": "null"}]} if schema.get("nullable") else strict

    def _joined(self, schema: Json) -> Json:
        """Make one object of the parts that `allOf` names: each alone would refuse the others."""
        joined: Json = {"properties": {}, "required": []}
        for part in map(self._resolve, schema.get("allOf", [])):
            joined["properties"] |= part.get("properties", {})
            joined["required"] += part.get("required", [])
            joined |= {name: held for name, held in part.items() if name not in joined}
        return joined if "allOf" in schema else schema


def _fit(template: list[str], path: list[str]) -> dict[str, str] | None:
    if len(template) != len(path):
        return None
    pairs = list(zip(template, path, strict=True))
    if any(not ours or (theirs[:1] != "{" and theirs != ours) for theirs, ours in pairs[1:]):
        return None
    return {theirs[1:-1]: ours for theirs, ours in pairs if theirs[:1] == "{"}


def _broken(error: jsonschema.ValidationError) -> str:
    if error.context:
        return "; or ".join(sorted({_broken(each) for each in error.context}))
    if isinstance(error.instance, dict) and isinstance(error.schema, dict):
        if error.validator == "additionalProperties":
            unnamed = error.instance.keys() - error.schema["properties"].keys()
            return f"holds {', '.join(sorted(unnamed))}, which is not described"
        if error.validator == "required":
            missing = set(error.schema["required"]) - error.instance.keys()
            return f"lacks {', '.join(sorted(missing))}"
    return f"breaks {error.validator} {json.dumps(error.validator_value)}"


@functools.cache
def load(name: str) -> Description:
    """Read a description that `make setup` installed, once."""
    document: Json = json.loads(Path(_FOLDER, f"{name}.json").read_text())
    return Description(document)
