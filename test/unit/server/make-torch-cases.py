"""What torch.save writes of small tensors, and of things that must be refused; deflated, in base64.

    python make-torch-cases.py        (needs torch 2.11 and numpy; writes torch-cases.json beside itself)
"""

import base64
import io
import json
import zlib
from collections import OrderedDict
from pathlib import Path

import torch

rows = torch.tensor([[1.5, -2.0, 0.25], [4.0, 5.0, 6.0]])
grid = torch.tensor([[1, 2, 4]])
between = torch.tensor([9.0])


class Call:
    """Would run a program where pickles are run."""

    def __reduce__(self):
        return (eval, ("print('run')",))


cases = {
    "float32": rows,
    "float64": rows.double(),
    "float16": rows.half(),
    "bfloat16": rows.bfloat16(),
    "int64": grid,
    "int32": grid.int(),
    "uint8": grid.to(torch.uint8),
    "transposed": rows.t().contiguous().t(),
    "middle": torch.cat([between, rows.flatten(), between])[1:7].view(2, 3),
    "columns": torch.tensor([[1.5, 7, -2.0, 7, 0.25, 7], [4.0, 7, 5.0, 7, 6.0, 7]])[:, ::2],
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(rows),
    "dict": {"image_embeds": rows, "image_grid_thw": grid},
    "ordered dict": OrderedDict(image_embeds=rows, image_grid_thw=grid),
    "shared": {"image_embeds": rows, "second": rows[1]},
    "list": [rows, rows],
    "dict in a dict": {"a": {"b": rows}},
    "number": 5,
    "text in a dict": {"image_embeds": "text"},
    "int8": rows.to(torch.int8),
    "bool": rows > 0,
    "complex": rows.to(torch.complex64),
    "sparse": rows.to_sparse(),
    "expanded": torch.ones(1, 1).expand(4, 4),
    "numpy": rows.numpy(),
    "module": torch.nn.Linear(1, 1),
    "call": Call(),
}


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


files = {name: saved(value) for name, value in cases.items()}
files["old form"] = saved(rows, _use_new_zipfile_serialization=False)
files["protocol 4"] = saved(rows, pickle_protocol=4)
program = io.BytesIO()
torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), program)
files["program"] = program.getvalue()
texts = {name: base64.b64encode(zlib.compress(file, 9)).decode() for name, file in files.items()}
Path(__file__).with_name("torch-cases.json").write_text(json.dumps(texts, indent=2) + "\n")
