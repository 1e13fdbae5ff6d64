#!/usr/bin/env python3
"""Times a prediction of the conv_bilstm model at batch 1 and at batch 64, on the CPU.

    python predict.py                            every peer, each in its own process
    python predict.py onnxruntime --threads 1
    python predict.py torch --only predict_1

Peers: onnxruntime (the PyTorch model of train_step.py, exported to a temporary file), torch (without gradients, in
evaluation mode) and keras (`predict_on_batch`, compiled). Prints one JSON line per case, the median of its calls:

    {"peer", "version", "task", "device", "threads", "forward_ms"}
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

from train_step import TASKS, keras_conv_bilstm, start_keras, start_torch, torch_conv_bilstm

WARM_UP = 20
# Batch size and measured calls by task.
CASES = {"predict_1": (1, 500), "predict_64": (64, 100)}


def random_ids(batch):
    """Random word ids for one batch."""
    import numpy as np

    task = TASKS["conv_bilstm"]
    return np.random.default_rng(0).integers(0, task.vocab, (batch, task.steps), dtype=np.int32)


def measure(peer, version, task, threads, predict):
    """Calls `predict` repeatedly and prints the task's line."""
    _, calls = CASES[task]
    for _ in range(WARM_UP):
        predict()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        predict()
        times.append(time.perf_counter() - start)
    line = {
        "peer": peer,
        "version": version,
        "task": task,
        "device": "cpu",
        "threads": threads,
        "forward_ms": round(statistics.median(times) * 1000, 3),
    }
    print(json.dumps(line), flush=True)


def time_torch(tasks, threads):
    torch = start_torch(threads)
    model = torch_conv_bilstm().eval()
    with torch.no_grad():
        for task in tasks:
            ids = torch.from_numpy(random_ids(CASES[task][0])).long()
            measure("torch", torch.__version__, task, threads, lambda: model(ids))


def time_keras(tasks, threads):
    keras = start_keras(threads)
    model = keras_conv_bilstm()
    model.compile()
    for task in tasks:
        ids = random_ids(CASES[task][0])
        measure("keras", keras.__version__, task, threads, lambda: model.predict_on_batch(ids))


def missing_packages():
    """The packages that the ONNX Runtime peer needs and that are not installed."""
    return [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]


def export(torch, model, ids, path):
    """Writes `model` as an ONNX file for inputs shaped like `ids`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (ids,), path, input_names=["ids"], output_names=["logits"], dynamo=False)


def time_onnxruntime(tasks, threads):
    missing = missing_packages()
    if missing:
        sys.exit(f"predict.py: onnxruntime needs {', '.join(missing)}, not installed: see requirements.txt")
    import onnxruntime

    torch = start_torch(threads)
    model = torch_conv_bilstm().eval()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    for task in tasks:
        ids = torch.from_numpy(random_ids(CASES[task][0])).long()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "conv_bilstm.onnx")
            export(torch, model, ids, path)
            session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        feed = {"ids": ids.numpy()}
        measure("onnxruntime", onnxruntime.__version__, task, threads, lambda: session.run(None, feed))


PEERS = {"onnxruntime": time_onnxruntime, "torch": time_torch, "keras": time_keras}


def run_every_peer(arguments):
    """Runs this script once per peer, so that no peer's threads disturb another's; returns 1 if one failed."""
    codes = [subprocess.run([sys.executable, __file__, peer, *arguments]).returncode for peer in PEERS]
    return 1 if any(codes) else 0


def main():
    parser = argparse.ArgumentParser(description="Times predictions of the conv_bilstm model.")
    parser.add_argument("peer", nargs="?", choices=list(PEERS), help="default: every peer")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: one per core")
    parser.add_argument("--only", choices=list(CASES), help="only this task")
    options = parser.parse_args()

    if options.peer is None:
        sys.exit(run_every_peer(sys.argv[1:]))
    tasks = [options.only] if options.only else list(CASES)
    PEERS[options.peer](tasks, options.threads)


if __name__ == "__main__":
    main()
