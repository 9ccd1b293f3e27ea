"""The fast suite: prove things about a credential in milliseconds, without showing it.

`credential` issues and receives, `tokens` signs what stands in an epoch and the elements of sets, `statements` are what
can be said, `proof` makes and checks presentations. What they rest on is argued in docs/spec/fast-suite.md; which
statements a verifier may ask for, and how a presentation travels, is left to `formats`, `protocols` and the roles.
"""
