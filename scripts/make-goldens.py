#!/usr/bin/env python3
"""Make tiny random-weight checkpoints in the original hub layouts, with inputs and reference outputs.

    python scripts/make-goldens.py --set public --out DIR
    python scripts/make-goldens.py --set hidden --out DIR

Needs torch, transformers, tokenizers, safetensors, pillow, scipy, scikit-image (for its sample
photographs) and torchaudio.  Runs on the CPU in float32; test/goldens/README.md describes what comes out.

    --families llava,phi3_v   only these (default: all)
    --jobs N                  families run at the same time, each in a process of its own
    --tries N, --gap X        weight seeds to try until the smallest top-1/top-2 gap exceeds X
    --list                    print the family names
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

BASE_SEED = {"public": 1000, "hidden": 700_000}
TABLE_SEED = {"public": 7, "hidden": 8}
FAMILIES = ["llava", "phi3_v", "qwen2_vl", "minicpmv", "ultravox", "vlm2vec", "dse_qwen2"]


def versions():
    import numpy, PIL, scipy, skimage, tokenizers, torch, torchvision, transformers

    found = {m.__name__: m.__version__ for m in (torch, torchvision, transformers, tokenizers, numpy, PIL, scipy, skimage)}
    return {"python": platform.python_version(), **found, "cpu_capability": torch.backends.cpu.get_cpu_capability()}


def make_family(set_name, out, family, tries, gap):
    """One family, in this process; prints one JSON line."""
    import torch
    from goldenlib.families import REGISTRY

    torch.set_num_threads(1)
    torch.manual_seed(0)
    start = time.time()
    base = BASE_SEED[set_name] + 10_000 * FAMILIES.index(family)
    summary = REGISTRY[family](set_name, out).generate(base, tries, gap)
    summary["seconds"] = round(time.time() - start, 1)
    (out / family / "summary.json").write_text(json.dumps(summary))
    print(json.dumps(summary), flush=True)


def run_families(set_name, out, families, jobs, search):
    """Start one process per family, at most `jobs` at a time; returns the families that failed."""
    waiting, running, failed = list(families), {}, []
    while waiting or running:
        while waiting and len(running) < jobs:
            family = waiting.pop(0)
            command = [sys.executable, __file__, "--set", set_name, "--out", str(out), "--family-here", family, *search]
            running[family] = subprocess.Popen(command)
        time.sleep(0.1)
        for family, process in list(running.items()):
            if process.poll() is not None:
                del running[family]
                if process.returncode:
                    failed.append(family)
    return failed


def write_manifest(set_name, out):
    """manifest.json: versions, families, cases, sizes."""
    summaries = {}
    for path in sorted(out.glob("*/summary.json")):
        summaries[path.parent.name] = json.loads(path.read_text())
        path.unlink()
    previous = out / "manifest.json"
    families = json.loads(previous.read_text())["families"] if previous.exists() else {}
    families.update(summaries)
    if (out / "ultravox_split").exists():
        families["ultravox_split"] = {"family": "ultravox_split", "expected_from": "ultravox"}
    document = {"set": set_name, "format": 1, "made_with": versions(), "families": families}
    previous.write_text(json.dumps(document, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=sorted(BASE_SEED), dest="set_name")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--jobs", type=int, default=max(1, min(len(FAMILIES), os.cpu_count() or 1)))
    parser.add_argument("--tries", type=int, default=150)
    parser.add_argument("--gap", type=float, default=0.03)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--family-here", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.list:
        print("\n".join(FAMILIES))
        return 0
    out = args.out.resolve()
    if args.family_here:
        try:
            make_family(args.set_name, out, args.family_here, args.tries, args.gap)
        except Exception:
            print(f"FAILED {args.set_name}/{args.family_here}\n{traceback.format_exc()}", flush=True)
            return 1
        return 0
    from goldenlib import inputs, size_tables, tables

    out.mkdir(parents=True, exist_ok=True)
    inputs.write_all(args.set_name, out / "inputs")
    tables.write_all(out / "tables", TABLE_SEED[args.set_name], other_builds=args.set_name == "public")
    size_tables.write(out / "tables", TABLE_SEED[args.set_name])
    search = ["--tries", str(args.tries), "--gap", str(args.gap)]
    failed = run_families(args.set_name, out, args.families.split(","), args.jobs, search)
    write_manifest(args.set_name, out)
    if failed:
        print("failed:", ", ".join(failed))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
