#!/usr/bin/env python3
"""Writes what apt knows about every package as JSON Lines: {"id": name, "text": "name: description"}.

    apt-cache dumpavail | Scripts/apt-descriptions.py > packages.jsonl
"""

import json
import re
import sys


def packages(lines):
    """Yields (name, description) for each stanza; a long description is joined into one line."""
    name, description, in_description = None, [], False
    for line in lines:
        line = line.rstrip("\n")
        if not line:
            if name and description:
                yield name, " ".join(description)
            name, description, in_description = None, [], False
        elif line[0] in " \t":
            if in_description and line.strip() != ".":
                description.append(line.strip())
        else:
            key, _, value = line.partition(":")
            in_description = bool(re.fullmatch(r"Description(-en)?", key))
            if key == "Package":
                name = value.strip()
            elif in_description:
                description = [value.strip()]
    if name and description:
        yield name, " ".join(description)


seen = set()
for name, description in packages(sys.stdin):
    if name not in seen:
        seen.add(name)
        print(json.dumps({"id": name, "text": f"{name}: {description}"}, ensure_ascii=False))
