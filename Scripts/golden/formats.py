"""Makes Tests/KuklaFormatsTests/Golden: small files written by other people's libraries.

Run: python3 Scripts/golden/formats.py (needs numpy, safetensors, ml_dtypes or torch for BF16).
"""
import gzip
import json
import pathlib
import struct

import numpy as np
import torch
from safetensors.torch import save_file

out = pathlib.Path(__file__).resolve().parents[2] / "Tests/KuklaFormatsTests/Golden"
out.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(1)

# The same 5 x 3 whole numbers in every type: the tests know them (row * 3 + column - 4, absolute where unsigned).
grid = np.arange(15).reshape(5, 3) - 4
for name in ["<f2", "<f4", "<f8", "|i1", "|u1", "<i2", "<i4", "<i8", ">f2", ">f4", ">f8", ">i2", ">i4", ">i8"]:
    values = np.abs(grid) if name.endswith("u1") else grid
    order = {"<": "le", ">": "be", "|": "b"}[name[0]]
    np.save(out / f"grid_{name[1:]}_{order}.npy", values.astype(name))
for version in [(1, 0), (2, 0), (3, 0)]:
    with open(out / f"grid_v{version[0]}.npy", "wb") as f:
        np.lib.format.write_array(f, grid.astype("<f4"), version=version)
np.save(out / "fortran.npy", np.asfortranarray(grid.astype("<f4")))
np.save(out / "one_dimension.npy", np.arange(4, dtype="<i4"))
np.save(out / "zero_rows.npy", np.zeros((0, 3), "<f4"))
np.save(out / "half_values.npy", np.arange(65536, dtype="<u2").view("<f2")[::37].reshape(-1, 4)[:443])
with gzip.GzipFile(out / "grid.npy.gz", "wb", mtime=0) as f:
    np.save(f, grid.astype("<f4"))

floats = rng.standard_normal((4, 6)).astype("<f4")
np.save(out / "floats.npy", floats)
with open(out / "floats.fvecs", "wb") as f:
    for row in floats:
        f.write(struct.pack("<i", len(row)) + row.tobytes())
with open(out / "bytes.bvecs", "wb") as f:
    for row in np.abs(grid).astype("u1"):
        f.write(struct.pack("<i", len(row)) + row.tobytes())
with open(out / "numbers.ivecs", "wb") as f:
    for row in grid.astype("<i4"):
        f.write(struct.pack("<i", len(row)) + row.tobytes())
with open(out / "floats.jsonl", "w") as f:
    for i, row in enumerate(floats):
        f.write(json.dumps({"id": i, "embedding": [float(x) for x in row], "note": {"a": [1, "\u00e9\n"]}}) + "\n")
with open(out / "pictures.idx", "wb") as f:
    f.write(bytes([0, 0, 8, 3]) + struct.pack(">iii", 2, 2, 3) + bytes(range(12)))
with open(out / "labels.idx", "wb") as f:
    f.write(bytes([0, 0, 8, 1]) + struct.pack(">i", 4) + bytes([7, 2, 1, 0]))

small = torch.arange(6, dtype=torch.float32).reshape(2, 3) - 2.5
save_file(
    {
        "f64": small.double(), "f32": small, "f16": small.half(), "bf16": small.bfloat16(),
        "i8": (small * 2).to(torch.int8), "u8": (small.abs() * 2).to(torch.uint8),
        "i32": (small * 2).to(torch.int32), "i64": (small * 2).to(torch.int64),
        "bool": small > 0, "empty": torch.zeros(0, 3), "scalar": torch.tensor(7.0),
    },
    out / "small.safetensors",
    metadata={"made": "by \"safetensors\"", "format": "pt"},
)
(out / "README.md").write_text(
    f"Made by Scripts/golden/formats.py with numpy {np.__version__}, torch {torch.__version__} and the safetensors "
    "package; seed 1.\n")
