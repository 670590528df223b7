"""Writes edgecnn/bench/schema.json, the JSON Schema of what bench --json writes: python tests/make_schema.py"""

import json

from edgecnn.bench.reports.document import SCHEMA, schema


def text() -> str:
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="utf-8")
