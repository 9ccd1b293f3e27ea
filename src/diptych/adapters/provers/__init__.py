"""Proving and verifying in zero knowledge, in processes that may crash: native code never runs in ours.

`prover` makes one process per proof; `verifier_pool` keeps one worker per core. Both start `worker`, a program of its
own, and speak `frames` with it.
"""
