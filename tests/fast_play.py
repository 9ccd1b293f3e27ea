"""The town of `play` whose issuer signs for the fast suite too, with its real keys on disk."""

from dataclasses import replace
from pathlib import Path

from diptych.adapters.fast_suite_keys import CurrentProvingSigners, FastSuiteKeys
from diptych.formats.bbs_credential.trust import FastSuiteTrust, encode_member
from diptych.formats.mdoc.trust import encode_trust
from diptych.protocols.openid4vp import registration
from diptych.protocols.openid4vp.registration import VerifierTrust
from tests.play import Play, catalogue


class FastPlay(Play):
    """Everybody, and the fast suite. `folder` is the issuer's."""

    def __init__(self, folder: Path, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self.keys = FastSuiteKeys(folder, self.town.url)
        self.keys.ensure(catalogue(), entropy=self.town.entropy)
        self.sign_for_the_fast_suite()
        self.take_trust()

    @property
    def public(self) -> FastSuiteTrust:
        public = self.keys.public()
        assert public is not None
        return public

    def sign_for_the_fast_suite(self) -> None:
        signers = CurrentProvingSigners(self.keys, catalogue())
        self.town.issuer = replace(self.town.issuer, proving_signers=signers)
        self.issuer_end.issuer = self.town.issuer

    def take_trust(self) -> None:
        """The wallet takes the issuer's trust file as it is now."""
        self.wallet.set_trust(
            encode_trust(replace(self.town.signers.trust(), fast_suite=encode_member(self.public))),
            registration.encode_trust(VerifierTrust((self.access.root,), (self.registrar.public_key,))),
        )
