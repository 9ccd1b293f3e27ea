"""The log's history out of its own public files, for proofs that one checkpoint goes on from another."""

from diptych.formats.tlog import tree
from diptych.protocols.reading.files import LogFiles, tree_nodes


class FileHistory:
    """`History` over a log's files. A proof that does not hold is found by whoever it is shown to."""

    def __init__(self, files: LogFiles) -> None:
        self._files = files

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return tuple(tree.build_consistency_proof(old, new, tree_nodes(self._files, new)))
