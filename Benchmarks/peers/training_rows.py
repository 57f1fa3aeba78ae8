"""Training steps: PyTorch eager beside ours."""

import sys

from harness import Ours, alternate, memory_row, options, row, timed, wanted


def peers():
    import torch

    torch.set_num_threads(2)
    import training

    mixed, fixed = training.lengths(), training.lengths(128)

    def join(lengths):
        return ",".join(map(str, lengths))

    # name, the words for our side, least ratio, steps a pass, work and its unit, peers
    return [
        ("training step of a 6-layer 384-d encoder, 64 sequences of 8..128", ["encoder", options.model, join(mixed)], 2.5, 1, 64, "sequences/s",
         {"PyTorch, padded to the longest": lambda: training.encoder_step(mixed), "PyTorch, 8 sorted buckets": lambda: training.encoder_step(mixed, 8)}),
        ("training step of a 6-layer 384-d encoder, 64 sequences of 128", ["encoder", options.model, join(fixed)], 2.0, 1, 64, "sequences/s",
         {"PyTorch": lambda: training.encoder_step(fixed)}),
        ("training step of a decoder, 4 layers, 256-d, 16 x 256 tokens", ["decoder"], 2.0, 2, 4096, "tokens/s",
         {"PyTorch": training.decoder_step}),
        ("training step of an MLP 384->384->128, batch 1024", ["mlp"], 1.5, 50, 1024, "examples/s", {"PyTorch": training.mlp_step}),
        ("training step of a small conv net on 28x28, batch 128", ["convolution"], 1.0, 10, 128, "examples/s",
         {"PyTorch": training.convolution_step}),
        ("training step of a click model, 26 x 16, batch 4096", ["click"], 2.0, 10, 4096, "examples/s",
         {"PyTorch, SparseAdam": lambda: training.click_step("sparse"), "PyTorch, dense Adam": lambda: training.click_step("dense")}),
    ]


def run():
    for name, words, bar, steps, work, unit, choices in peers():
        if not wanted(name):
            continue
        for peer, make in choices.items():
            step = make()
            step()

            def theirs():
                return timed(lambda: [step() for _ in range(steps)])

            with Ours("train", steps, *words) as ours:
                a, b = alternate(ours, theirs)
            # Dense Adam over a whole table is the slower choice: shown, but the bar is against the faster.
            row(name, peer, None if peer == "PyTorch, dense Adam" else bar, a, b, work * steps, unit)
    name = "peak memory of the first training step"
    if wanted(name):
        script = (
            "import sys, torch; sys.path.insert(0, sys.argv[1]); torch.set_num_threads(2); import training\n"
            "step = training.encoder_step(training.lengths()); step(); step()\n"
        )
        ours = ["train", 1, *next(words for _, words, *_ in peers())]
        memory_row(name, "PyTorch, padded to the longest", 0.8, ours, ["-c", script, sys.path[0]])
