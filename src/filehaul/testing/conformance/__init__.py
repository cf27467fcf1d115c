"""The suite that every preset passes, over a vendor that the fake vendor plays.

Which proofs there are to be is worked out from the preset: from what its config says (a feed, a
walk, exports, checksums) and from its declared capabilities. A test of a preset is::

    CASE = Case(
        play="acme",
        vendor="./acme.yaml",
        client=lambda vendor: {
            "base_url": f"{vendor.base_url}/v1",
            "auth": {"client_id": vendor.client_id, "client_secret": vendor.client_secret,
                     "token_url": vendor.token_url},
        },
        listing="/v1/files",
        content="/v1/files/*/content",
        feed="/v1/changes",
        throttled=[Fault.status(429, retry_after=1)],
    )

    @pytest.mark.parametrize("proof", proofs(CASE), ids=str)
    def test_acme(proof, tmp_path):
        proof.run(CASE, tmp_path)

``left_out(CASE)`` names the proofs that do not concern this preset, each with the reason. Rows are
looked at without a database; files land in a folder, for real.
"""

from __future__ import annotations

from filehaul.testing.conformance.case import Case, Traits
from filehaul.testing.conformance.proofs import Proof, left_out, proofs
from filehaul.testing.conformance.trial import Trial

__all__ = ["Case", "Proof", "Traits", "Trial", "left_out", "proofs"]
