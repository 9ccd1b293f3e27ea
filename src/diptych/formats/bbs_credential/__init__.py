"""The fast suite's credentials as documents: encodings, questions and answers, and whose keys are believed.

The bytes are ours (docs/spec/bbs-credential.md). The proofs themselves are left to `crypto/fast_suite`.
"""

FORMAT = "bbs_zk"
"""The format identifier in credential configurations and queries (docs/decisions/0013)."""

SYSTEM = "diptych-fast-suite-v1"
"""The proof system, named where `mso_mdoc_zk` names its own: `zk_system_type`."""
