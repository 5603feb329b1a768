"""Word vectors for the offline agent. Hides where they come from (two files inside the wordllama wheel, opened
directly: the package's own `load()` wants the network) and how a text becomes one vector (the mean of its tokens).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy
from numpy.typing import NDArray
from tokenizers import Tokenizer

PACKAGE = "wordllama"
WEIGHTS = Path("weights", "l2_supercat_256.safetensors")
TOKENIZER = Path("tokenizers", "l2_supercat_tokenizer_config.json")
TENSOR = "embedding.weight"
WORD_START = "\N{LOWER ONE EIGHTH BLOCK}"  # how the tokenizer marks a piece that begins a word

Vectors = NDArray[numpy.float32]

logger = logging.getLogger(__name__)


class WordVectors:
    """Turns texts into unit vectors; `nearness` compares them."""

    def __init__(self, table: NDArray[numpy.float16], tokenizer: Tokenizer) -> None:
        self._table = table
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text; a text without tokens gets a row of zeros."""
        rows = numpy.zeros((len(texts), self._table.shape[1]), numpy.float32)
        for row, text in zip(rows, texts, strict=True):
            # one by one: encode_batch would start a thread pool that lives until the process ends
            tokens = self._tokenizer.encode(text.lower(), add_special_tokens=False).ids
            if tokens:
                row[:] = self._table[tokens].astype(numpy.float32).mean(axis=0)
        lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        unit: Vectors = rows / lengths
        return unit

    def knows(self, word: str) -> bool:
        """Whether the word is common enough to be one token, so probably not a typing mistake."""
        return self._tokenizer.token_to_id(WORD_START + word) is not None


def nearness(rows: Vectors, others: Vectors) -> Vectors:
    """How near in meaning each row is to each other one, from -1 to 1."""
    # not `@`: BLAS spreads even this over all cores, and waits 13 ms instead of 0.15 for one that is busy
    near: Vectors = numpy.einsum("ik,jk->ij", rows, others)
    return near


def load_word_vectors(package: str = PACKAGE) -> WordVectors | None:
    """Opens the files (about 0.1 s, in a worker thread); None when the wheel or its files are not there."""
    # found without being imported: the package itself takes half a second to import
    found = find_spec(package)
    for folder in (found and found.submodule_search_locations) or ():
        weights, tokenizer = Path(folder) / WEIGHTS, Path(folder) / TOKENIZER
        if weights.is_file() and tokenizer.is_file():
            text = tokenizer.read_text(encoding="utf-8")
            return WordVectors(open_table(weights), Tokenizer.from_str(text))
    logger.info("no word vectors on this machine: passages are ranked by their words alone")
    return None


def open_table(path: Path) -> NDArray[numpy.float16]:
    """The one tensor of a safetensors file, mapped and not read: only the rows in use take memory."""
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_size))
    tensor = header[TENSOR]
    if tensor["dtype"] != "F16":
        raise ValueError(f"{path.name} holds {tensor['dtype']}, not F16")
    rows, columns = tensor["shape"]
    offset = 8 + header_size + tensor["data_offsets"][0]
    return numpy.memmap(path, dtype="<f2", mode="r", offset=offset, shape=(rows, columns))
