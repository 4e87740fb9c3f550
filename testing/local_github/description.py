"""Validates requests and responses against GitHub's OpenAPI description.

The validation is strict: a field or parameter that the description does not name is a violation.
"""

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
"""The API version of the description."""

_FOLDER: Final = (
    Path(__file__).resolve().parents[2] / ".cache/openapi/node_modules/@octokit/openapi/generated"
)

# Every operation can return these statuses, but the description has them only for some operations.
# https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
_COMMON_STATUSES: Final = {"301", "307", "401", "403", "404", "429"}
_COMMON_SCHEMA: Final = {"$ref": "#/components/schemas/basic-error"}

_LIMITS: Final = {"enum", "format", "pattern", "required", "type"} | {
    f"{bound}{suffix}" for bound in ("min", "max") for suffix in ("imum", "Items", "Length")
}
_ANNOTATIONS: Final = {"default", "deprecated", "description", "example", "examples", "title"}

_FORMATS: Final = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class UnknownKeywordError(Exception):
    """A schema has keywords that the validation would ignore."""

    def __init__(self, keywords: set[str]) -> None:
        super().__init__(
            "testing/local_github/description.py must support these keywords of JSON Schema: "
            f"{', '.join(sorted(keywords))}."
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """The description of one method of one path."""

    method: str
    template: str
    values: Mapping[str, str]
    """The values of the template's parameters in the path of a request."""
    described: Json


class Description:
    """An OpenAPI description that validates requests and responses."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._validators: dict[str, jsonschema.Draft4Validator] = {}

    def example(self, name: str) -> Json:
        """Return a copy of one of the description's examples."""
        example = self._document["components"]["examples"][name]
        value: Json = json.loads(json.dumps(example["value"]))
        return value

    def properties(self, schema: str) -> set[str]:
        """Return the names of a schema's properties."""
        return set(self._document["components"]["schemas"][schema]["properties"])

    def operation(self, method: str, path: str) -> Operation | None:
        """Find the operation of a request; a literal path segment precedes a parameter."""
        segments = path.split("/")
        best: Operation | None = None
        for template, methods in self._document["paths"].items():
            values = _parameters(template.split("/"), segments)
            if values is None or method.lower() not in methods:
                continue
            if best is None or len(values) < len(best.values):
                best = Operation(method, template, values, methods[method.lower()])
        return best

    def violations_of_request(
        self, operation: Operation, query: Mapping[str, str], content_type: str, body: bytes
    ) -> list[str]:
        """Return everything in a request that the description does not allow."""
        parameters = [
            self._resolve(parameter) for parameter in operation.described.get("parameters", [])
        ]
        found = self._violations_of_values(parameters, "path", operation.values)
        found += self._violations_of_values(parameters, "query", query)
        described = self._resolve(operation.described.get("requestBody", {}))
        if body or described.get("required"):
            found += self._violations_of_content(described, content_type, body)
        return [f"request {operation.method} {operation.template}: {each}" for each in found]

    def violations_of_response(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> list[str]:
        """Return everything in a response that the description does not allow."""
        described = operation.described["responses"].get(str(status))
        if described is not None:
            found = self._violations_of_content(self._resolve(described), content_type, body)
        elif str(status) in _COMMON_STATUSES:
            common = {"content": {"application/json": {"schema": _COMMON_SCHEMA}}}
            found = self._violations_of_content(common, content_type, body)
        elif status >= 500:  # noqa: PLR2004 - a server that is down can return any body
            found = []
        else:
            found = ["this status is not described"]
        return [f"response {status} to {operation.method} {operation.template}: {e}" for e in found]

    def _violations_of_values(
        self, parameters: Sequence[Json], place: str, values: Mapping[str, str]
    ) -> list[str]:
        schemas = {each["name"]: each["schema"] for each in parameters if each["in"] == place}
        found = [f"{place} parameter {name} is not described" for name in values.keys() - schemas]
        for name in values.keys() & schemas:
            value: object = values[name]
            if schemas[name]["type"] == "integer" and values[name].isdecimal():
                value = int(values[name])
            found += self._violations_of_json(schemas[name], value, name)
        return found

    def _violations_of_content(self, described: Json, content_type: str, body: bytes) -> list[str]:
        contents = described.get("content", {})
        if not contents:
            return ["a body is not described"] if body else []
        if (kind := content_type.partition(";")[0]) not in contents:
            return [f"content type {kind or 'none'} is not described, only {', '.join(contents)}"]
        try:
            value = json.loads(body)
        except ValueError:
            return ["the body is not JSON"]
        return self._violations_of_json(contents[kind]["schema"], value, "body")

    def _violations_of_json(self, schema: Json, value: object, where: str) -> list[str]:
        key = json.dumps(schema)
        if key not in self._validators:
            strict = self._strict(schema)
            self._validators[key] = jsonschema.Draft4Validator(strict, format_checker=_FORMATS)
        # A message names the place and the rule, never the value, which may be a credential.
        return [
            f"{'.'.join(map(str, (where, *error.absolute_path)))} {_broken_rule(error)}"
            for error in self._validators[key].iter_errors(value)
        ]

    def _resolve(self, described: Json) -> Json:
        while "$ref" in described:
            _, *keys = described["$ref"].split("/")
            described = functools.reduce(lambda part, key: part[key], keys, self._document)
        return described

    def _strict(self, schema: Json) -> Json:
        """Turn an OpenAPI 3.0 schema into a JSON Schema that allows no other properties."""
        schema = self._joined(self._resolve(schema))
        strict: Json = {}
        unknown: set[str] = set()
        for keyword, value in schema.items():
            if keyword in _LIMITS:
                strict[keyword] = value
            elif keyword in {"anyOf", "oneOf"}:
                strict[keyword] = [self._strict(each) for each in value]
            elif keyword == "items":
                strict[keyword] = self._strict(value)
            elif keyword == "properties":
                strict[keyword] = {name: self._strict(each) for name, each in value.items()}
                strict.setdefault("additionalProperties", False)
            elif keyword == "additionalProperties":
                strict[keyword] = value if isinstance(value, bool) else self._strict(value)
            elif keyword not in {"nullable", *_ANNOTATIONS} and not keyword.startswith("x-"):
                unknown.add(keyword)
        if unknown:
            raise UnknownKeywordError(unknown)
        return {"anyOf": [strict, {"type": "null"}]} if schema.get("nullable") else strict

    def _joined(self, schema: Json) -> Json:
        """Join the parts of `allOf`, because each strict part would reject the others."""
        joined: Json = {"properties": {}, "required": []}
        for part in map(self._resolve, schema.get("allOf", [])):
            joined["properties"] |= part.get("properties", {})
            joined["required"] += part.get("required", [])
            joined |= {name: value for name, value in part.items() if name not in joined}
        return joined if "allOf" in schema else schema


def _parameters(template: list[str], path: list[str]) -> dict[str, str] | None:
    if len(template) != len(path):
        return None
    pairs = list(zip(template, path, strict=True))
    if any(not value or (name[:1] != "{" and name != value) for name, value in pairs[1:]):
        return None
    return {name[1:-1]: value for name, value in pairs if name[:1] == "{"}


def _broken_rule(error: jsonschema.ValidationError) -> str:
    if error.context:
        return "; or ".join(sorted({_broken_rule(each) for each in error.context}))
    if isinstance(error.instance, dict) and isinstance(error.schema, dict):
        if error.validator == "additionalProperties":
            unnamed = error.instance.keys() - error.schema["properties"].keys()
            return f"has {', '.join(sorted(unnamed))}, which is not described"
        if error.validator == "required":
            missing = set(error.schema["required"]) - error.instance.keys()
            return f"has no {', '.join(sorted(missing))}"
    return f"breaks {error.validator} {json.dumps(error.validator_value)}"


@functools.cache
def load(name: str) -> Description:
    """Read a description that `make setup` has installed."""
    document: Json = json.loads(Path(_FOLDER, f"{name}.json").read_text())
    return Description(document)
