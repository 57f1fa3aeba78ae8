"""Click models over tables of ids: PyTorch eager beside ours."""

import statistics

from harness import Ours, alternate, options, row, timed, wanted


def lookups():
    """Both sides are ours. A float row of 16 is one line of the cache, as its int8 row is a quarter of one; rows of 64 are four lines and one."""
    count = 1_000_000
    for rows, width, bar in ((10_000_000, 16, 2.0), (2_500_000, 64, None)):
        name = f"look-up of 1M random ids in a table of {rows / 1e6:g}M x {width}"
        if not wanted(name):
            continue

        def side(kind, work):
            return Ours("lookups", kind, work, rows, width)

        with side("float", "rows") as floats, side("int8", "rows") as integers:
            a, b = alternate(integers, floats, repeat=5)
            row(f"{name}, int8 rows", "our float rows", bar, a, b, count, "rows/s")
        if bar:
            with side("float", "rows") as floats, side("float", "read") as reads:
                a, b = alternate(floats, reads, repeat=5)
                row(f"{name}, float rows", "one word of each row read, nothing else", 0.8, a, b, count, "rows/s")


def run():
    folder = options.data / "movielens-1m"
    names = ("training step of DLRM on MovieLens-1M, batch 2048", "DLRM scores one example")
    lookups()
    if not folder.exists() or not any(wanted(name) for name in names):
        return
    import torch

    torch.set_num_threads(2)
    import tables_torch

    if wanted(names[0]):
        steps = 100
        for rule in ("SparseAdam", "Adagrad", "Adam"):
            step = tables_torch.training_step(folder, rule)
            step()
            with Ours("tables", steps, "adagrad" if rule == "Adagrad" else "adam", folder) as ours:
                a, b = alternate(ours, lambda: timed(lambda: [step() for _ in range(steps)]))
            # Adam over whole tables is the slower choice: shown, but the bar is against the faster ones.
            peer = f"PyTorch, {'dense Adam' if rule == 'Adam' else rule + ' for the tables'}"
            row(names[0], peer, None if rule == "Adam" else 3.0, a, b, 2048 * steps, "examples/s")
    if wanted(names[1]):
        count = 20_000
        step = tables_torch.prediction(folder)
        with Ours("tables", count, "predict", folder) as ours:
            a, b = alternate(ours, lambda: timed(lambda: [step() for _ in range(count)]))
        micro = statistics.median(a) / count * 1e6
        row(names[1], "PyTorch, inference mode", None, a, b, count, "examples/s", f"{micro:.1f} µs of ours; the bar is 50 µs")
