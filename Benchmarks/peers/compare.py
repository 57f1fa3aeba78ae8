#!/usr/bin/env python3
"""Runs Kukla and its peers on the same input, alternating, and writes docs/benchmarks.md.

Every figure is seconds for one pass over the work, without loading. A round measures ours and then the peer;
the ratio of a row is the median over rounds of (peer's seconds / our seconds), so that a slow minute of a shared
machine weighs on both. `--only WORD` runs the rows whose name holds WORD; results of earlier runs are kept beside
the table, so that the table is always whole. A file `..._rows.py` holds the rows of one kind of work.
"""

import elastic_rows
import encode_rows
import graph_rows
import harness
import import_rows
import search_rows
import serving_rows
import table_rows
import training_rows

GROUPS = [encode_rows, search_rows, graph_rows, training_rows, elastic_rows, serving_rows, import_rows, table_rows]
for rows in GROUPS:
    rows.run()
harness.write_table()
