"""Choice of training and test pixels, written as on the command line."""

from __future__ import annotations

import re

from hyperswap.errors import FieldInvalidError
from hyperswap.v1 import training_pb2

default_split = "50:15"
_forms = (
    "TRAIN/TEST label maps; COUNT[:SMALL] or COUNT,COUNT,… pixels a class, or SHARE% of it, at random; "
    "blocks[:SIZE[:SHARE%[:LIMIT]]], spatially disjoint; all. MAP@ before it draws from that label map alone"
)


def split_of(given: str, seed: int) -> training_pb2.Split:
    """Return the split that a text names.

    Raises
    ------
    hyperswap.errors.FieldInvalidError
        The text is none of the forms.
    """
    maps = re.fullmatch(r"([^/]+)/([^/]+)", given)
    if maps is not None:
        return training_pb2.Split(label_maps=training_pb2.LabelMapSplit(train=maps[1], test=maps[2]))
    label_map, at, drawn = given.rpartition("@")
    if at == "":
        label_map = ""
    if drawn == "all":
        return training_pb2.Split(all=training_pb2.AllSplit(label_map=label_map))
    counts = re.fullmatch(r"(\d+)(?::(\d+))?", drawn)
    if counts is not None:
        count = int(counts[1])
        per_class = training_pb2.PerClassSplit(
            label_map=label_map, count=count, small_count=int(counts[2] or count), seed=seed
        )
        return training_pb2.Split(per_class=per_class)
    if re.fullmatch(r"\d+(,\d+)+", drawn) is not None:
        listed = [int(one) for one in drawn.split(",")]
        per_class = training_pb2.PerClassSplit(label_map=label_map, counts=listed, seed=seed)
        return training_pb2.Split(per_class=per_class)
    share = re.fullmatch(r"(\d+(?:\.\d+)?)%", drawn)
    if share is not None:
        fraction = training_pb2.FractionSplit(label_map=label_map, share=float(share[1]) / 100, seed=seed)
        return training_pb2.Split(fraction=fraction)
    blocks = re.fullmatch(r"blocks(?::(\d+)(?::(\d+(?:\.\d+)?)%(?::(\d+))?)?)?", drawn)
    if blocks is not None:
        return training_pb2.Split(
            blocks=training_pb2.BlockSplit(
                label_map=label_map,
                block_size=int(blocks[1] or 0),
                train_share=float(blocks[2] or 0) / 100,
                limit=int(blocks[3] or 0),
                seed=seed,
            )
        )
    raise FieldInvalidError.of(field="split", reason=f"{given} is none of: {_forms}")
