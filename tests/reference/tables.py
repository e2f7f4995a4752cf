"""Files of arrays as NumPy writes them, and what is in them. Read by crates/datasets/tests/it/npy.rs and npz.rs.

    pip install numpy && python tables.py

Writes into `tables/` beside this file:
  stored.npz, deflated.npz  one array for each element type, byte order and memory order; `f4_be_f` is float32, big-endian,
                            in Fortran order
  images_f.npy              int16 of shape (4, 2, 3) in Fortran order
  v2.npy, v3.npy            float64 under a header of format version 2.0 and 3.0
  f4.npy, f8.npy, u4.npy, deep.npy, text.npy
                            what the Rust writer must reproduce byte for byte
  objects.npy, records.npy, half.npy, complex.npy, scalar.npy, empty.npy
                            what is refused
  tables.json               {"numpy": version, "arrays": {name: {"shape": [...], "values": [...] in C order}}}
"""

import json
import pathlib

import numpy as np

out = pathlib.Path(__file__).parent / "tables"
out.mkdir(exist_ok=True)
arrays = {}


def note(name, array):
    arrays[name] = {"shape": list(array.shape), "values": [float(x) for x in array.ravel(order="C")]}


def table(kind, size):
    """Three rows of four values that use the ends of the type."""
    if kind == "b":
        return (np.arange(12) % 3 == 0).reshape(3, 4)
    if kind == "f":
        return (np.arange(12).reshape(3, 4) - 5) * 0.375
    ends = np.iinfo(f"{kind}{size}")
    values = np.arange(12, dtype=object).reshape(3, 4)
    values[0, 0], values[2, 3] = ends.min, ends.max
    return values


members = {}
for kind, sizes in [("f", [4, 8]), ("i", [1, 2, 4, 8]), ("u", [1, 2, 4, 8]), ("b", [1])]:
    for size in sizes:
        for order, byte_order in [("le", "<"), ("be", ">")]:
            for memory in "CF":
                name = f"{kind}{size}_{order}_{memory.lower()}"
                members[name] = np.array(table(kind, size), dtype=f"{byte_order}{kind}{size}", order=memory)
                note(name, members[name])
np.savez(out / "stored.npz", **members)
np.savez_compressed(out / "deflated.npz", **members)

images = np.asfortranarray(np.arange(24, dtype="<i2").reshape(4, 2, 3) * 100 - 1000)
np.save(out / "images_f.npy", images)
note("images_f", images)

rows = np.arange(6, dtype="<f8").reshape(2, 3) / 8
for version in (2, 3):
    with open(out / f"v{version}.npy", "wb") as file:
        np.lib.format.write_array(file, rows, version=(version, 0))
    note(f"v{version}", rows)

np.save(out / "f4.npy", np.array([[0.5, -1.25], [3e-30, 7e30], [0.0, 1.0]], dtype="<f4"))
np.save(out / "f8.npy", np.array([0.1, -1e300, 5e-324], dtype="<f8"))
np.save(out / "u4.npy", np.array([[[0], [1]], [[2], [4294967295]]], dtype="<u4"))
np.save(out / "deep.npy", np.zeros((1,) * 16, dtype="<u4"))
np.save(out / "text.npy", np.array(["a", "", "größer"]))

np.save(out / "objects.npy", np.array([[1, "a"], [None, 2]], dtype=object), allow_pickle=True)
np.save(out / "records.npy", np.zeros(2, dtype=[("x", "<f8"), ("y", "<i4")]))
np.save(out / "half.npy", np.zeros((2, 2), dtype="<f2"))
np.save(out / "complex.npy", np.zeros((2, 2), dtype="<c16"))
np.save(out / "scalar.npy", np.float64(3))
np.save(out / "empty.npy", np.zeros((0, 4)))

(out / "tables.json").write_text(json.dumps({"numpy": np.__version__, "arrays": arrays}) + "\n")
