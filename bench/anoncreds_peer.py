"""AnonCreds doing the bench's job, run in its own virtual environment: one JSON value a line in, one a line out.

The job: a credential of 5 attributes; the holder is 18 on the day and not revoked, and nothing is disclosed. Issuing,
and fetching what proves that one is not revoked, happen once, before the first answer.
"""

import json
import sys
import tempfile
from time import process_time

from anoncreds import (
    Credential,
    CredentialDefinition,
    CredentialOffer,
    CredentialRequest,
    CredentialRevocationConfig,
    CredentialRevocationState,
    Presentation,
    PresentationRequest,
    PresentCredentials,
    RevocationRegistryDefinition,
    RevocationStatusList,
    Schema,
    create_link_secret,
    generate_nonce,
)

ISSUER = "did:web:issuer.example"
SCHEMA, DEFINITION, REGISTRY = f"{ISSUER}/schema", f"{ISSUER}/definition", f"{ISSUER}/registry"
MEMBERS = 100
INDEX = 7
MADE_AT = 1_790_000_000
VALUES = {
    "birth_date": "19900517",
    "family_name": "Mustermann",
    "given_name": "Erika",
    "document_number": "B072RRE2I55",
    "issuing_country": "DE",
}


class Job:
    """One issuer and one holder, ready to prove."""

    def __init__(self, tails: str) -> None:
        self.schema = Schema.create("bench", "1.0", ISSUER, list(VALUES))
        self.definition, definition_key, correctness = CredentialDefinition.create(
            SCHEMA, self.schema, ISSUER, "bench", "CL", support_revocation=True
        )
        self.registry, registry_key = RevocationRegistryDefinition.create(
            DEFINITION, self.definition, ISSUER, "bench", "CL_ACCUM", MEMBERS, tails_dir_path=tails
        )
        self.standing = RevocationStatusList.create(
            self.definition, REGISTRY, self.registry, registry_key, ISSUER, issuance_by_default=True, timestamp=MADE_AT
        )
        self.link_secret = create_link_secret()
        offer = CredentialOffer.create(SCHEMA, DEFINITION, correctness)
        request, metadata = CredentialRequest.create("entropy", None, self.definition, self.link_secret, "link", offer)
        revocation = CredentialRevocationConfig(self.registry, registry_key, self.standing, INDEX)
        issued = Credential.create(self.definition, definition_key, offer, request, VALUES, None, revocation)
        self.credential = issued.process(metadata, self.link_secret, self.definition, self.registry)
        self.not_revoked = CredentialRevocationState.create(
            self.registry, self.standing, INDEX, self.registry.tails_location
        )

    def request(self) -> PresentationRequest:
        predicate = {
            "name": "birth_date",
            "p_type": "<=",
            "p_value": 20081124,
            "restrictions": [{"cred_def_id": DEFINITION}],
        }
        return PresentationRequest.load(
            {
                "name": "bench",
                "version": "1.0",
                "nonce": generate_nonce(),
                "requested_attributes": {},
                "requested_predicates": {"adult": predicate},
                "non_revoked": {"from": MADE_AT, "to": MADE_AT},
                "ver": "1.0",
            }
        )

    def prove(self, request: PresentationRequest) -> Presentation:
        chosen = PresentCredentials()
        chosen.add_predicates(self.credential, "adult", timestamp=MADE_AT, rev_state=self.not_revoked)
        return Presentation.create(
            request, chosen, {}, self.link_secret, {SCHEMA: self.schema}, {DEFINITION: self.definition}
        )

    def verify(self, presentation: Presentation, request: PresentationRequest) -> None:
        holds = presentation.verify(
            request,
            {SCHEMA: self.schema},
            {DEFINITION: self.definition},
            {REGISTRY: self.registry},
            [self.standing],
        )
        if not holds:
            raise SystemExit("AnonCreds refuses its own proof")

    def turn(self) -> dict[str, float]:
        """One proof and one verification: milliseconds of processor time, and bytes."""
        request = self.request()
        started = process_time()
        presentation = self.prove(request)
        proved = process_time()
        self.verify(presentation, request)
        verified = process_time()
        return {
            "prove_ms": 1000 * (proved - started),
            "verify_ms": 1000 * (verified - proved),
            "bytes": len(presentation.to_json().encode()),
        }


def main() -> None:
    """Answer `{"ready": true}`, then each `{"turns": n}` with a list of n turns."""
    with tempfile.TemporaryDirectory() as tails:
        job = Job(tails)
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            turns = json.loads(line)["turns"]
            print(json.dumps([job.turn() for _ in range(turns)]), flush=True)


if __name__ == "__main__":
    main()
