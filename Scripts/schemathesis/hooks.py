"""Lets most generated requests meet a collection that is there, and writes bodies that schemathesis has no type for."""

import schemathesis

# What the caller of run.sh has made: 2 dimensions, some items.
NAME = "notes"


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Every other request is about the collection that is there."""
    if path_parameters and "name" in path_parameters and context.operation.method.upper() != "DELETE":
        if len(str(path_parameters["name"])) % 2:
            path_parameters["name"] = NAME
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    """Every other vector has the dimensions of the collection that is there; every other import begins with an item."""
    operation = context.operation.definition.raw.get("operationId")
    if operation == "importItems" and isinstance(body, str) and len(body) % 2:
        return '{"id": 1, "vector": [1, 2]}\n' + body
    if not isinstance(body, dict):
        return body
    items = body.get("items") if operation == "upsertItems" else [body] if operation == "searchItems" else []
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and isinstance(item.get("vector"), list) and len(item["vector"]) % 2:
            item["vector"] = [1.5, -2]
    return body
